/* SPDX-License-Identifier: Apache-2.0 */
/* schema: a walk over the tables. null is allowed everywhere: it unsets. */
#include "config/schema.h"
#include "base/json_write.h"
#include "config/keys.h"

struct pattern {
	const char *types; /* between blanks */
	const char *regex; /* of strings; NULL: any */
};

static const struct pattern patterns[] = {
        [DIRECTIVE_BOOL] = {"boolean", NULL},
        [DIRECTIVE_COUNT] = {"integer number string",
                "^[0-9]+(\\.[0-9]+)?(k|M|G|[eE]\\+?[0-9]+)?$"},
        [DIRECTIVE_SIZE] = {"integer string", "^[0-9]+(\\.[0-9]+)?(B|KiB|MiB|GiB)?$"},
        [DIRECTIVE_TIME] = {"string integer", "^([0-9]+(\\.[0-9]+)?(ms|s|m|h|d)|0)$"},
        [DIRECTIVE_RATE] = {"string", "^[0-9.]+(k|M|G)?/(second|minute|hour|day)( +(per "
                                      "+(user|key)|burst +[0-9.]+(k|M|G)?))*$"},
        [DIRECTIVE_PERCENT] = {"string", "^[0-9]+(\\.[0-9]+)?%$"},
        [DIRECTIVE_MONEY] = {"number string", "^[0-9]+(\\.[0-9]+)?$"},
        [DIRECTIVE_PRICE] = {"number string", "^[0-9]+(\\.[0-9]+)?$"},
        [DIRECTIVE_DATE] = {"string",
                "^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?$"},
        [DIRECTIVE_TEXT] = {"string number", NULL},
        [DIRECTIVE_NAME] = {"string number", "^[a-z0-9][a-z0-9_.-]{0,62}$"},
        [DIRECTIVE_MODEL] = {"string number", "^[!-~]{1,128}$"},
        [DIRECTIVE_TOOL] = {"string number", "^[A-Za-z0-9_.*-]{1,128}$"},
        [DIRECTIVE_SECRET] = {"string", "\\$\\{(env|file):[^}]+\\}"},
        [DIRECTIVE_HASH] = {"string", "^sha256:[0-9a-fA-F]{64}$|\\$\\{(env|file):[^}]+\\}"},
        [DIRECTIVE_ADDRESS] = {"string", NULL},
        [DIRECTIVE_URL] = {"string", "^https?://|\\$\\{(env|file):[^}]+\\}"},
        [DIRECTIVE_CIDR] = {"string", "^[0-9a-fA-F.:]+(/[0-9]+)?$"},
        [DIRECTIVE_FILE_MODE] = {"string integer", "^[0-7]{3,4}$"},
};

static struct slice next_word(const char **at)
{
	size_t len = strcspn(*at, " ");
	struct slice word = slice_from(*at, len);

	*at += len + ((*at)[len] == ' ');
	return word;
}

static void write_types(struct json_writer *w, const char *types)
{
	json_key(w, "type");
	json_open(w, '[');
	while (*types)
		json_string(w, next_word(&types));
	json_string(w, SLICE("null"));
	json_close(w, ']');
}

static bool is_number(struct slice word)
{
	for (size_t i = 0; i < word.len; i++)
		if (!strchr("0123456789.", word.at[i]))
			return false;
	return word.len;
}

/* A word as YAML would read it without quotes. */
static void write_word(struct json_writer *w, struct slice word)
{
	if (slice_is(word, "[]") || slice_is(word, "{}") || slice_is(word, "false") ||
	        is_number(word))
		json_raw(w, word);
	else
		json_string(w, word);
}

static void write_words(struct json_writer *w, const char *words)
{
	json_key(w, "enum");
	json_open(w, '[');
	while (*words) {
		struct slice word = next_word(&words);

		if (!word.len)
			continue;
		write_word(w, word);
		if (is_number(word))
			json_string(w, word);
	}
	json_null(w);
	json_close(w, ']');
}

static void write_scalar(struct json_writer *w, const struct directive *d, enum directive_kind kind)
{
	const struct pattern *p = &patterns[kind];

	if (kind == DIRECTIVE_ANY)
		return;
	if (kind == DIRECTIVE_CHOICE) {
		write_words(w, d->words);
		return;
	}
	write_types(w, p->types);
	if (p->regex)
		json_put_str(w, "pattern", p->regex);
}

static void write_keys(struct json_writer *w, const struct directive *table);

static void write_block(struct json_writer *w, const struct directive *d)
{
	if (d->definition) {
		json_key(w, "$ref");
		json_string(w, SLICE("#/$defs/agent"));
		return;
	}
	write_keys(w, d->block);
}

/* One value, whatever the shape. */
static void write_item(struct json_writer *w, const struct directive *d)
{
	if (d->kind != DIRECTIVE_BLOCK) {
		write_scalar(w, d, d->kind);
	} else if (d->short_kind == DIRECTIVE_ANY) {
		write_block(w, d);
	} else {
		json_key(w, "anyOf");
		json_open(w, '[');
		json_open(w, '{');
		write_scalar(w, d, d->short_kind);
		json_close(w, '}');
		json_open(w, '{');
		write_block(w, d);
		json_close(w, '}');
		json_close(w, ']');
	}
}

static void write_object(struct json_writer *w, const char *key, const struct directive *d)
{
	json_key(w, key);
	json_open(w, '{');
	write_item(w, d);
	json_close(w, '}');
}

static void write_list(struct json_writer *w, const struct directive *d)
{
	write_types(w, "array");
	write_object(w, "items", d);
}

static void write_map(struct json_writer *w, const struct directive *d)
{
	write_types(w, "object");
	json_key(w, "propertyNames");
	json_open(w, '{');
	json_put_str(w, "pattern", patterns[d->key_kind].regex);
	json_close(w, '}');
	write_object(w, "additionalProperties", d);
}

static void write_shape(struct json_writer *w, const struct directive *d)
{
	if (d->shape == SHAPE_ONE) {
		write_item(w, d);
	} else if (d->shape == SHAPE_LIST) {
		write_list(w, d);
	} else if (d->shape == SHAPE_MAP) {
		write_map(w, d);
	} else {
		json_key(w, "anyOf");
		json_open(w, '[');
		json_open(w, '{');
		write_item(w, d);
		json_close(w, '}');
		json_open(w, '{');
		write_list(w, d);
		json_close(w, '}');
		json_close(w, ']');
	}
}

/* What can be switched off may be written as a word for that. */
static void write_or_off(struct json_writer *w, const struct directive *d)
{
	json_key(w, "anyOf");
	json_open(w, '[');
	json_open(w, '{');
	write_words(w, d->inactive);
	json_close(w, '}');
	json_open(w, '{');
	write_shape(w, d);
	json_close(w, '}');
	json_close(w, ']');
}

static void write_help(struct json_writer *w, const struct directive *d)
{
	char text[400];
	struct buf help = BUF_INIT(sizeof(text));
	int error = buf_put_str(&help, d->help);

	if (!error && d->status == DIRECTIVE_LATER)
		error = buf_printf(&help, " (not supported yet: leave it out, or %.*s)",
		        (int)strcspn(d->inactive, " "), d->inactive);
	if (!error)
		json_put_slice(w, "description", buf_slice(&help));
	else if (!w->error)
		w->error = error;
	buf_finish(&help);
	if (d->fallback)
		json_put_str(w, "default", d->fallback);
}

static void write_key(struct json_writer *w, const struct directive *d)
{
	json_key(w, d->name);
	json_open(w, '{');
	write_help(w, d);
	if (d->inactive)
		write_or_off(w, d);
	else
		write_shape(w, d);
	json_close(w, '}');
}

static void write_required(struct json_writer *w, const struct directive *table)
{
	bool any = false;

	for (const struct directive *d = table; d->name; d++) {
		if (!d->required)
			continue;
		if (!any) {
			json_key(w, "required");
			json_open(w, '[');
		}
		any = true;
		json_string(w, slice_str(d->name));
	}
	if (any)
		json_close(w, ']');
}

static void write_keys(struct json_writer *w, const struct directive *table)
{
	write_types(w, "object");
	json_key(w, "properties");
	json_open(w, '{');
	for (const struct directive *d = table; d->name; d++)
		write_key(w, d);
	json_close(w, '}');
	write_required(w, table);
	json_put_bool(w, "additionalProperties", false);
}

static int write_compact(struct buf *out)
{
	struct json_writer w;

	json_begin(&w, out);
	json_open(&w, '{');
	json_put_str(&w, "$schema", "https://json-schema.org/draft/2020-12/schema");
	json_put_str(&w, "title", "Weir policy");
	json_put_str(&w, "description",
	        "Made by `weir schema` from the tables that read a policy; not to be edited.");
	write_keys(&w, root_directives);
	json_key(&w, "$defs");
	json_open(&w, '{');
	json_key(&w, "agent");
	json_open(&w, '{');
	write_keys(&w, agent_directives);
	json_close(&w, '}');
	json_close(&w, '}');
	json_close(&w, '}');
	return json_end(&w);
}

static int new_line(struct buf *out, unsigned depth)
{
	int error = buf_put_char(out, '\n');

	for (unsigned i = 0; !error && i < depth; i++)
		error = buf_put_char(out, ' ');
	return error;
}

struct indenter {
	char open[64]; /* brackets that are not closed, outermost first */
	unsigned depth, braces;
	bool in_string, escaped;
};

/* Objects on lines of their own, lists on one: so that a change of one key is a change of few
 * lines. */
static int indent_char(struct indenter *in, char before, char c, char next, struct buf *out)
{
	bool in_list = in->depth && in->open[in->depth - 1] == '[';
	int error = 0;

	if (c == '}' || c == ']')
		in->depth--;
	if (c == '}')
		in->braces--;
	if (c == '}' && before != '{')
		error = new_line(out, in->braces);
	if (!error)
		error = buf_put_char(out, c);
	if (c == '{' || c == '[')
		in->open[in->depth++ % sizeof(in->open)] = c;
	if (c == '{')
		in->braces++;
	if (error)
		return error;
	if ((c == '{' && next != '}') || (c == ',' && (!in_list || next == '{')))
		return new_line(out, in->braces);
	return c == ':' || c == ',' ? buf_put_char(out, ' ') : 0;
}

static int indent(struct slice json, struct buf *out)
{
	struct indenter in = {.depth = 0};
	int error = 0;

	for (size_t i = 0; i < json.len && !error; i++) {
		char c = json.at[i];

		if (in.in_string) {
			error = buf_put_char(out, c);
			in.in_string = in.escaped || c != '"';
			in.escaped = !in.escaped && c == '\\';
		} else {
			in.in_string = c == '"';
			error = indent_char(&in, i ? json.at[i - 1] : '\0', c,
			        i + 1 < json.len ? json.at[i + 1] : '\0', out);
		}
	}
	return error ? error : buf_put_char(out, '\n');
}

int schema_write(struct buf *out)
{
	struct buf compact = BUF_INIT(SCHEMA_MAX);
	int error = write_compact(&compact);

	if (!error)
		error = indent(buf_slice(&compact), out);
	buf_finish(&compact);
	return error;
}
