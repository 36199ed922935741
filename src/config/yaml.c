/* SPDX-License-Identifier: Apache-2.0 */
/* yaml: libfyaml's events made into nodes. Marks of libfyaml count from 0 and lie behind an opening
 * quote or star; places count from 1 and lie on it. */
#include "config/yaml.h"
#include <libfyaml.h>
#include "base/utf8.h"
#include "config/diagnostics.h"
#include "config/yaml_hint.h"

struct yaml_reader {
	struct arena *arena;
	const struct yaml_source *source;
	struct diagnostics *d;
	struct fy_parser *parser;
	struct fy_diag *diag;
	struct node *open[YAML_DEPTH_MAX]; /* maps and lists that are not closed, outermost first */
	unsigned depth;
	struct node *root;
	struct slice key; /* of the member whose value comes next */
	struct place key_at;
	bool has_key;
	unsigned n_nodes, n_documents;
};

static struct place place_of(const struct yaml_reader *y, const struct fy_mark *mark, unsigned back)
{
	if (!mark)
		return (struct place){y->source, 0, 0};
	return (struct place){y->source, (uint32_t)mark->line + 1,
	        (uint32_t)mark->column + 1 - ((unsigned)mark->column >= back ? back : 0)};
}

/* False: there is no memory or no room. */
static bool refuse(struct yaml_reader *y, struct place at, const char *sentence, const char *hint)
{
	diagnostics_error(y->d, at, "%s", sentence);
	diagnostics_hint(y->d, "%s", hint);
	return false;
}

static struct node *node_new(struct yaml_reader *y, enum node_kind kind, struct place at)
{
	struct node *n;

	if (++y->n_nodes > YAML_NODES_MAX) {
		diagnostics_error(y->d, at, "the file holds more than %u values", YAML_NODES_MAX);
		return NULL;
	}
	n = arena_zalloc(y->arena, sizeof(*n));
	if (!n) {
		diagnostics_no_memory(y->d);
		return NULL;
	}
	n->kind = kind;
	n->at = at;
	return n;
}

/* A key that stands twice in one map: the error shows both. */
static bool key_is_new(struct yaml_reader *y, const struct node *map)
{
	const struct node *other = node_member_slice(map, y->key);

	if (!other)
		return true;
	diagnostics_error(
	        y->d, y->key_at, "the key %.*s stands twice in this map", SLICE_FMT(y->key));
	diagnostics_also(y->d, other->key_at);
	return false;
}

/* Puts a finished value or an opened map or list where it belongs. */
static bool attach(struct yaml_reader *y, struct node *n)
{
	struct node *parent = y->depth ? y->open[y->depth - 1] : NULL;

	if (!parent) {
		y->root = n;
		return true;
	}
	if (parent->kind == NODE_MAP) {
		n->key = y->key;
		n->key_at = y->key_at;
		y->has_key = false;
		/* A second one is reported and dropped, so that the mistakes behind it are found
		 * too. */
		if (!key_is_new(y, parent))
			return true;
	}
	if (parent->n == YAML_MEMBERS_MAX) {
		diagnostics_error(
		        y->d, n->at, "a map or list holds more than %u entries", YAML_MEMBERS_MAX);
		return false;
	}
	node_append(parent, n);
	return true;
}

static bool wants_key(const struct yaml_reader *y)
{
	return y->depth && y->open[y->depth - 1]->kind == NODE_MAP && !y->has_key;
}

static bool on_key(struct yaml_reader *y, struct slice text, struct place at, bool plain)
{
	if (plain && slice_is(text, "<<"))
		return refuse(y, at, "merge keys are not read here",
		        "write the keys out where they belong");
	if (!text.len)
		return refuse(y, at, "a key is empty", "give it a name");
	y->key = arena_dup(y->arena, text);
	if (!y->key.at) {
		diagnostics_no_memory(y->d);
		return false;
	}
	y->key_at = at;
	y->has_key = true;
	return true;
}

/* YAML 1.2, 10.2.1.1: what an unquoted scalar must look like to be null. */
static bool text_is_null(struct slice text)
{
	return !text.len || slice_is(text, "~") || slice_is(text, "null") ||
	       slice_is(text, "Null") || slice_is(text, "NULL");
}

static bool put_scalar(struct yaml_reader *y, struct slice text, struct place at, bool plain)
{
	bool is_null = plain && text_is_null(text);
	struct node *n = node_new(y, is_null ? NODE_NULL : NODE_SCALAR, at);

	if (!n)
		return false;
	n->plain = plain;
	n->text = arena_dup(y->arena, text);
	if (!n->text.at) {
		diagnostics_no_memory(y->d);
		return false;
	}
	return attach(y, n);
}

/* libfyaml gives no value for "key: %x" either; silence would drop what was written. */
static bool put_nothing(struct yaml_reader *y)
{
	if (wants_key(y))
		return refuse(y, y->open[y->depth - 1]->at, "a key is empty", "give it a name");
	if (!y->depth)
		return true;
	if (y->open[y->depth - 1]->kind == NODE_LIST)
		return refuse(y, y->open[y->depth - 1]->at, "an item of this list is empty",
		        "take the empty item out, or quote what stands there");
	if (!yaml_rest_is_empty(y->source->text, y->key_at, y->key))
		return refuse(
		        y, y->key_at, "the value of this key cannot be read", yaml_hint_quote);
	return put_scalar(y, SLICE(""), y->key_at, true);
}

static bool on_scalar(struct yaml_reader *y, struct fy_event *e)
{
	struct fy_token *token = e->scalar.value;
	enum fy_scalar_style style = token ? fy_token_scalar_style(token) : FYSS_PLAIN;
	bool quoted = style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED;
	struct place at = place_of(y, token ? fy_token_start_mark(token) : NULL, quoted);
	struct slice text = SLICE("");

	if (!token)
		return put_nothing(y);
	text.at = fy_token_get_text(token, &text.len);
	if (!text.at) {
		diagnostics_no_memory(y->d);
		return false;
	}
	if (memchr(text.at, '\0', text.len))
		return refuse(y, at, "a value holds a NUL character", "take it out");
	return wants_key(y) ? on_key(y, text, at, style == FYSS_PLAIN)
	                    : put_scalar(y, text, at, style == FYSS_PLAIN);
}

static bool on_open(struct yaml_reader *y, struct fy_event *e, enum node_kind kind)
{
	struct place at = place_of(y, fy_event_start_mark(e), 0);
	struct node *n;

	if (wants_key(y))
		return refuse(y, at, "a key is a word, not a map or a list", yaml_hint_quote);
	if (y->depth == YAML_DEPTH_MAX) {
		diagnostics_error(
		        y->d, at, "maps and lists are nested deeper than %u", YAML_DEPTH_MAX);
		return false;
	}
	n = node_new(y, kind, at);
	if (!n || !attach(y, n))
		return false;
	y->open[y->depth++] = n;
	return true;
}

/* Anchors and tags stand beside a value in its event. */
static bool is_bare(struct yaml_reader *y, struct fy_token *anchor, struct fy_token *tag)
{
	if (anchor)
		return refuse(y, place_of(y, fy_token_start_mark(anchor), 1),
		        "anchors are not read here",
		        "write the value out where it is used; quote a value that begins with &");
	if (tag)
		return refuse(y, place_of(y, fy_token_start_mark(tag), 0), "tags are not read here",
		        "leave it out; quote a value that begins with !");
	return true;
}

static bool on_event(struct yaml_reader *y, struct fy_event *e)
{
	switch (e->type) {
	case FYET_DOCUMENT_START:
		return !y->n_documents++ ||
		       refuse(y, place_of(y, fy_event_start_mark(e), 0),
		               "a second document begins here", "put it into a file of its own");
	case FYET_ALIAS:
		return refuse(y, place_of(y, fy_event_start_mark(e), 1),
		        "aliases are not read here", "quote it if it is a pattern: \"*\"");
	case FYET_SCALAR:
		return is_bare(y, e->scalar.anchor, e->scalar.tag) && on_scalar(y, e);
	case FYET_SEQUENCE_START:
		return is_bare(y, e->sequence_start.anchor, e->sequence_start.tag) &&
		       on_open(y, e, NODE_LIST);
	case FYET_MAPPING_START:
		return is_bare(y, e->mapping_start.anchor, e->mapping_start.tag) &&
		       on_open(y, e, NODE_MAP);
	case FYET_SEQUENCE_END:
	case FYET_MAPPING_END:
		if (y->depth)
			y->depth--;
		return true;
	default:
		return true;
	}
}

static void report_syntax(struct yaml_reader *y)
{
	void *it = NULL;
	const struct fy_diag_error *e = fy_diag_errors_iterate(y->diag, &it);
	struct place at = {y->source, 0, 0};
	const char *hint;

	if (!e) {
		diagnostics_no_memory(y->d);
		return;
	}
	if (e->line > 0)
		at = (struct place){
		        y->source, (uint32_t)e->line, e->column > 0 ? (uint32_t)e->column : 1};
	diagnostics_error(y->d, at, "this is not YAML: %s", e->msg ? e->msg : "it cannot be read");
	diagnostics_mask(y->d);
	hint = yaml_hint(y->source->text, at.line);
	if (hint)
		diagnostics_hint(y->d, "%s", hint);
}

static bool read_events(struct yaml_reader *y)
{
	struct fy_event *e;
	bool good = true;

	while (good && (e = fy_parser_parse(y->parser))) {
		good = on_event(y, e);
		fy_parser_event_free(y->parser, e);
	}
	if (good && fy_parser_get_stream_error(y->parser)) {
		report_syntax(y);
		return false;
	}
	return good;
}

static bool reader_open(struct yaml_reader *y)
{
	struct fy_diag_cfg diag;
	struct fy_parse_cfg parse = {
	        .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_ALLOW_DUPLICATE_KEYS |
	                 FYPCF_DEFAULT_VERSION_1_2,
	};

	fy_diag_cfg_default(&diag);
	diag.fp = NULL;
	y->diag = fy_diag_create(&diag);
	if (!y->diag)
		return false;
	fy_diag_set_collect_errors(y->diag, true);
	parse.diag = y->diag;
	y->parser = fy_parser_create(&parse);
	return y->parser &&
	       !fy_parser_set_string(y->parser, y->source->text.at, y->source->text.len);
}

/* What no reader of YAML needs and some read differently. */
static bool text_is_clean(struct yaml_reader *y)
{
	struct slice text = y->source->text;
	struct place at = {y->source, 1, 1};

	if (text.len > YAML_FILE_MAX) {
		diagnostics_error(y->d, at, "the file is larger than %u bytes", YAML_FILE_MAX);
		return false;
	}
	for (const char *p = text.at, *end = text.at + text.len; p < end;) {
		struct utf8 c = utf8_next(p, end);

		if (!c.valid)
			return refuse(y, at, "the file is not UTF-8 here", "save it as UTF-8");
		if ((c.point < 0x20 && !memchr("\t\n\r", (int)c.point, 3)) || c.point == 0x7f ||
		        c.point == 0x85 || c.point == 0x2028 || c.point == 0x2029 ||
		        c.point == 0xfeff)
			return refuse(y, at, "a control character stands here", "take it out");
		at.column += c.len;
		if (c.point == '\n')
			at = (struct place){y->source, at.line + 1, 1};
		p += c.len;
	}
	return true;
}

struct node *yaml_read(struct arena *a, const struct yaml_source *source, struct diagnostics *d)
{
	struct yaml_reader y = {.arena = a, .source = source, .d = d};
	struct place start = {source, 1, 1};
	bool good = false;

	if (!text_is_clean(&y))
		return NULL;
	if (!reader_open(&y))
		diagnostics_no_memory(d);
	else
		good = read_events(&y);
	if (y.parser)
		fy_parser_destroy(y.parser);
	if (y.diag)
		fy_diag_destroy(y.diag);
	if (good && !y.root)
		y.root = node_new(&y, NODE_MAP, start);
	if (good && y.root && y.root->kind != NODE_MAP) {
		refuse(&y, y.root->at, "a policy is a map of keys", "begin with version: 1");
		return NULL;
	}
	return good ? y.root : NULL;
}

struct node *node_member_slice(const struct node *map, struct slice key)
{
	if (!map || map->kind != NODE_MAP)
		return NULL;
	for (struct node *n = map->first; n; n = n->next)
		if (slice_equals(n->key, key))
			return n;
	return NULL;
}

struct node *node_member(const struct node *map, const char *key)
{
	return node_member_slice(map, slice_str(key));
}

void node_append(struct node *parent, struct node *child)
{
	child->next = NULL;
	if (parent->last)
		parent->last->next = child;
	else
		parent->first = child;
	parent->last = child;
	parent->n++;
}

struct node *node_copy(struct arena *a, const struct node *from)
{
	struct node *n = arena_alloc(a, sizeof(*n));

	if (n)
		*n = *from;
	return n;
}

bool node_is(const struct node *n, const char *text)
{
	return n && n->kind == NODE_SCALAR && slice_is(n->text, text);
}

const struct node *node_item(const struct node *list, unsigned i)
{
	const struct node *n = list && list->kind == NODE_LIST ? list->first : list;

	while (n && i--)
		n = n->next;
	return n;
}

struct place node_place(const struct node *n)
{
	return n->key.len ? n->key_at : n->at;
}
