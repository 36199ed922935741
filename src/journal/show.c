/* SPDX-License-Identifier: Apache-2.0 */
/* show: see show.h. */
#include "journal/show.h"
#include <inttypes.h>
#include <stdio.h>
#include "base/clock.h"
#include "base/json_write.h"
#include "base/plain.h"
#include "crypto/digest.h"
#include "journal/shape.h"

static void put_hex(struct json_writer *w, struct slice bytes)
{
	char piece[2 * 64 + 1];

	json_raw(w, SLICE("\""));
	w->comma = false;
	for (; bytes.len; bytes = slice_skip(bytes, 64)) {
		size_t len = bytes.len < 64 ? bytes.len : 64;

		hex_encode(bytes.at, len, piece);
		if (!w->error)
			w->error = buf_put(w->out, piece, 2 * len);
	}
	if (!w->error)
		w->error = buf_put_char(w->out, '"');
	w->comma = true;
}

static void put_object(struct json_writer *w, const struct shape *s, const void *entry);

static void put_list(struct json_writer *w, const struct field *f, const void *entry)
{
	const char *items = *(const char *const *)field_at(f, entry);
	unsigned n = *(const unsigned *)((const char *)entry + f->other);

	json_open(w, '[');
	for (unsigned i = 0; i < n; i++) {
		json_open(w, '{');
		put_object(w, f->of, items + i * f->of->size);
		json_close(w, '}');
	}
	json_close(w, ']');
}

static void put_value(struct json_writer *w, const struct field *f, const void *entry)
{
	const void *at = field_at(f, entry);
	char text[40];

	switch ((enum field_type)f->type) {
	case FIELD_TEXT:
	case FIELD_CALL:
	case FIELD_USER:
		json_string(w, *(const struct slice *)at);
		break;
	case FIELD_BYTES:
		put_hex(w, *(const struct slice *)at);
		break;
	case FIELD_BLOB:
		json_u64(w, ((const struct slice *)at)->len);
		break;
	case FIELD_BOOL:
		json_bool(w, *(const bool *)at);
		break;
	case FIELD_U32:
		json_u64(w, *(const uint32_t *)at);
		break;
	case FIELD_U64:
		json_u64(w, *(const uint64_t *)at);
		break;
	case FIELD_TIME:
		clock_format(*(const uint64_t *)at, text);
		json_string(w, slice_str(text));
		break;
	case FIELD_DURATION:
		snprintf(text, sizeof(text), "%" PRIu64 ".%03u",
		        (uint64_t)(*(const uint64_t *)at / NS_PER_MS),
		        (unsigned)(*(const uint64_t *)at % NS_PER_MS / 1000));
		json_raw(w, slice_str(text));
		break;
	case FIELD_MONEY:
		json_money(w, *(const nanousd *)at);
		break;
	case FIELD_LIST:
		put_list(w, f, entry);
		break;
	}
}

static bool says_something(const struct field *f, const void *entry)
{
	const void *at = field_at(f, entry);

	switch ((enum field_type)f->type) {
	case FIELD_TEXT:
	case FIELD_CALL:
	case FIELD_USER:
	case FIELD_BYTES:
	case FIELD_BLOB:
		return ((const struct slice *)at)->len;
	case FIELD_BOOL:
		return *(const bool *)at;
	case FIELD_U32:
		return *(const uint32_t *)at;
	case FIELD_LIST:
		return *(const unsigned *)((const char *)entry + f->other);
	default:
		return *(const uint64_t *)at;
	}
}

static const struct slice *sealed_only(const struct field *f, const void *entry)
{
	const struct slice *sealed = (const void *)((const char *)entry + f->other);

	return f->type == FIELD_USER && sealed->len && !says_something(f, entry) ? sealed : NULL;
}

static void put_object(struct json_writer *w, const struct shape *s, const void *entry)
{
	for (unsigned i = 0; i < s->n; i++) {
		const struct field *f = &s->fields[i];
		const struct slice *sealed = sealed_only(f, entry);

		if (sealed) {
			json_key(w, "user_id_sealed");
			put_hex(w, *sealed);
		} else if (says_something(f, entry)) {
			json_key(w, f->shown ? f->shown : f->name);
			put_value(w, f, entry);
		}
	}
}

int entry_show_json(struct buf *out, const struct entry *e)
{
	const struct shape *s = shape_of(e->kind);
	struct json_writer w;
	int r;

	json_begin(&w, out);
	json_open(&w, '{');
	if (s)
		json_put_str(&w, "kind", s->name);
	else
		json_put_u64(&w, "kind", e->kind);
	if (s)
		put_object(&w, s, &e->segment);
	json_close(&w, '}');
	r = json_end(&w);
	return r ? r : buf_put_char(out, '\n');
}

/* Words as they are, all else as JSON would have it. */
static int put_text(struct buf *out, const struct field *f, const void *entry)
{
	const struct slice *text = field_at(f, entry), *sealed = sealed_only(f, entry);
	struct json_writer w;
	int r = buf_printf(out, " %s%s=", f->shown ? f->shown : f->name, sealed ? "_sealed" : "");

	if (r)
		return r;
	if (f->type == FIELD_TEXT && bytes_are_plain(*text) && !memchr(text->at, ' ', text->len) &&
	        !memchr(text->at, '=', text->len))
		return buf_put_slice(out, *text);
	json_begin(&w, out);
	if (sealed)
		put_hex(&w, *sealed);
	else
		put_value(&w, f, entry);
	return json_end(&w);
}

/* The time first, the kind, then what else there is. */
int entry_show_text(struct buf *out, const struct entry *e)
{
	const struct shape *s = shape_of(e->kind);
	char text[25] = "                        ";
	int r;

	if (!s)
		return buf_printf(out, "%s kind %" PRIu32 ", which this version does not know\n",
		        text, e->kind);
	/* The time is every kind's first member. */
	if (says_something(&s->fields[0], &e->segment))
		clock_format(*(const uint64_t *)field_at(&s->fields[0], &e->segment), text);
	r = buf_printf(out, "%s %-11s", text, s->name);
	for (unsigned i = 1; !r && i < s->n; i++)
		if (says_something(&s->fields[i], &e->segment) ||
		        sealed_only(&s->fields[i], &e->segment))
			r = put_text(out, &s->fields[i], &e->segment);
	return r ? r : buf_put_char(out, '\n');
}
