/* SPDX-License-Identifier: Apache-2.0 */
/* yaml_hint: guesses from the line alone; the parser has already said no. */
#include "config/yaml_hint.h"

const char yaml_hint_quote[] =
        "quote it: a value that holds { } [ ] * : # & ! % @ or ` is written \"in quotes\"";

struct slice text_line(struct slice text, uint32_t line)
{
	const char *at = text.at, *end = text.at + text.len, *stop;

	for (uint32_t i = 1; i < line && at < end; i++) {
		stop = memchr(at, '\n', (size_t)(end - at));
		at = stop ? stop + 1 : end;
	}
	if (at >= end || !line)
		return SLICE("");
	stop = memchr(at, '\n', (size_t)(end - at));
	if (!stop)
		stop = end;
	if (stop > at && stop[-1] == '\r')
		stop--;
	return slice_from(at, (size_t)(stop - at));
}

static struct slice indent_of(struct slice line)
{
	size_t n = 0;

	while (n < line.len && (line.at[n] == ' ' || line.at[n] == '\t'))
		n++;
	return slice_from(line.at, n);
}

/* A character that starts something else in YAML, where a value begins. */
static bool begins_value(struct slice line, size_t i)
{
	while (i && line.at[i - 1] == ' ')
		i--;
	return i && memchr(":[{,-", line.at[i - 1], 5);
}

static bool needs_quotes(struct slice line)
{
	char quote = 0;

	for (size_t i = 0; i < line.len; i++) {
		char c = line.at[i];

		if (quote) {
			quote = c == quote ? 0 : quote;
		} else if (c == '"' || c == '\'') {
			quote = c;
		} else if (c == '$' && i + 1 < line.len && line.at[i + 1] == '{') {
			return true;
		} else if (memchr("*&!%@`", c, 6) &&
		           (begins_value(line, i) || i == indent_of(line).len)) {
			return true;
		}
	}
	return false;
}

/* "key: some: thing", outside of flow maps, where it is usual. */
static bool holds_two_colons(struct slice line)
{
	unsigned n = 0;

	for (size_t i = 0; i + 1 < line.len && line.at[i] != '{'; i++)
		n += line.at[i] == ':' && line.at[i + 1] == ' ';
	return n > 1;
}

/* Brackets opened and not closed before the end of this line; quotes and comments are not looked
 * at. */
static bool brackets_are_open(struct slice text, uint32_t line)
{
	int open = 0;

	for (size_t i = 0; i < text.len && line; i++) {
		open += (text.at[i] == '{') + (text.at[i] == '[') - (text.at[i] == '}') -
		        (text.at[i] == ']');
		line -= text.at[i] == '\n';
	}
	return open > 0;
}

const char *yaml_hint(struct slice text, uint32_t line)
{
	struct slice at = text_line(text, line);
	struct slice indent = indent_of(at);

	if (indent.len && memchr(indent.at, '\t', indent.len))
		return "indent with spaces, not with tabs";
	if (needs_quotes(at) || holds_two_colons(at))
		return yaml_hint_quote;
	/* A flow map that was cut by an unquoted ${…} is often noticed one line late. */
	if (line > 1 && needs_quotes(text_line(text, line - 1)))
		return yaml_hint_quote;
	if (brackets_are_open(text, line))
		return "a { or a [ above may not be closed";
	return NULL;
}

bool yaml_rest_is_empty(struct slice text, struct place key_at, struct slice key)
{
	struct slice rest = slice_skip(text_line(text, key_at.line), key_at.column - 1);

	if (rest.len && (rest.at[0] == '"' || rest.at[0] == '\'')) {
		const char *close = memchr(rest.at + 1, rest.at[0], rest.len - 1);

		rest = close ? slice_skip(rest, (size_t)(close - rest.at) + 1) : rest;
	} else {
		rest = slice_skip(rest, key.len);
	}
	rest = slice_trim(rest);
	if (rest.len && rest.at[0] == ':')
		rest = slice_trim(slice_skip(rest, 1));
	return !rest.len || memchr("#,}]", rest.at[0], 4);
}
