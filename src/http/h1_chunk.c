/* SPDX-License-Identifier: Apache-2.0 */
/* h1_chunk: one state a place in the grammar, one function a group of states. Blanks around
 * extensions, LF without CR and folded trailers are refused: other readers disagree about them. */
#include "http/h1_chunk.h"
#include "http/chars.h"

#define SIZE_DIGITS 16u

enum place {
	SIZE,
	EXT_BEGIN,
	EXT_NAME,
	EXT_VALUE,
	EXT_TOKEN,
	EXT_QUOTED,
	EXT_ESCAPED,
	EXT_CLOSED,
	SIZE_LF,
	DATA,
	DATA_CR,
	DATA_LF,
	TRAILER_BEGIN,
	TRAILER_NAME,
	TRAILER_VALUE,
	TRAILER_LF,
	LAST_LF,
	ENDED,
	BAD,
};

void chunks_init(struct chunks *c, const struct h1_limits *limits, bool answer)
{
	c->limits = limits;
	c->note = NULL;
	c->left = c->content = c->overhead = 0;
	c->extension = c->extensions = c->trailers = 0;
	c->place = SIZE;
	c->digits = c->name_len = 0;
	c->answer = answer;
}

static __attribute__((cold)) void chunks_refuse(struct chunks *c, const char *note)
{
	c->note = note;
	c->place = BAD;
}

static void expect_byte(struct chunks *c, char byte, char due, enum place next)
{
	if (byte == due)
		c->place = next;
	else
		chunks_refuse(c, "A line of the chunked coding does not end in CRLF.");
}

static void size_byte(struct chunks *c, char byte)
{
	int digit = char_hex(byte);

	if (digit >= 0 && c->digits < SIZE_DIGITS) {
		c->left = c->left << 4 | (unsigned)digit;
		c->digits++;
	} else if (!c->digits || digit >= 0) {
		chunks_refuse(c, "A chunk's size is not 1 to 16 hexadecimal digits.");
	} else if (byte == '\r') {
		c->place = SIZE_LF;
	} else if (byte == ';') {
		c->place = EXT_BEGIN;
	} else {
		chunks_refuse(c, "Something that is no extension follows a chunk's size.");
	}
}

/* Behind a complete name or value. */
static void extension_after(struct chunks *c, char byte)
{
	if (byte == ';')
		c->place = EXT_BEGIN;
	else if (byte == '\r')
		c->place = SIZE_LF;
	else
		chunks_refuse(c, "A chunk's extension is not well formed.");
}

static bool byte_is_quotable(char byte)
{
	return byte == '\t' || (byte >= 0x20 && byte < 0x7f);
}

static void extension_quoted(struct chunks *c, char byte)
{
	if (!byte_is_quotable(byte))
		chunks_refuse(c, "A chunk's extension has a control character in quotes.");
	else if (c->place == EXT_ESCAPED)
		c->place = EXT_QUOTED;
	else if (byte == '\\')
		c->place = EXT_ESCAPED;
	else if (byte == '"')
		c->place = EXT_CLOSED;
}

static void extension_byte(struct chunks *c, char byte)
{
	c->extensions++;
	if (++c->extension > c->limits->chunk_extension ||
	        c->extensions > c->limits->chunk_extensions) {
		chunks_refuse(c, "The chunks' extensions are too long.");
		return;
	}
	if (c->place == EXT_QUOTED || c->place == EXT_ESCAPED) {
		extension_quoted(c, byte);
	} else if (c->place != EXT_CLOSED && char_is(byte, CHAR_TOKEN)) {
		if (c->place == EXT_BEGIN)
			c->place = EXT_NAME;
		else if (c->place == EXT_VALUE)
			c->place = EXT_TOKEN;
	} else if (c->place == EXT_NAME && byte == '=') {
		c->place = EXT_VALUE;
	} else if (c->place == EXT_VALUE && byte == '"') {
		c->place = EXT_QUOTED;
	} else if (c->place == EXT_BEGIN || c->place == EXT_VALUE) {
		chunks_refuse(c, "A chunk's extension is not well formed.");
	} else {
		extension_after(c, byte);
	}
}

/* Framing may be more than the content, but not without end. */
static __attribute__((noinline)) void chunks_weigh(struct chunks *c)
{
	size_t slack = c->limits->chunk_slack;
	uint64_t most;

	if (c->overhead > slack &&
	        !__builtin_mul_overflow(c->content, c->limits->chunk_ratio, &most) &&
	        c->overhead - slack > most)
		chunks_refuse(c, "The chunks hold far more framing than content.");
}

static void size_end(struct chunks *c, char byte)
{
	c->digits = 0;
	c->extension = 0;
	if (byte != '\n') {
		chunks_refuse(c, "A chunk's size does not end in CRLF.");
	} else if (c->left > INT64_MAX) {
		chunks_refuse(c, "A chunk's size is too large.");
	} else {
		c->place = c->left ? DATA : TRAILER_BEGIN;
		chunks_weigh(c);
	}
}

/* Trailers are dropped; one that would frame or route a message is not taken in silence. */
static bool trailer_is_framing(const struct chunks *c)
{
	static const char *const names[] = {"content-length", "transfer-encoding", "host",
	        "connection", "content-encoding", "content-type", "expect", "trailer", "upgrade",
	        "te"};
	struct slice name = slice_from(c->name, c->name_len);

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (slice_is(name, names[i]))
			return true;
	return false;
}

static void trailer_name(struct chunks *c, char byte)
{
	if (byte == ':' && c->name_len) {
		if (trailer_is_framing(c))
			chunks_refuse(
			        c, "A trailer has the name of a field that frames a message.");
		c->place = c->place == BAD ? BAD : TRAILER_VALUE;
	} else if (!char_is(byte, c->answer ? CHAR_TOKEN : CHAR_NAME)) {
		chunks_refuse(c, "A trailer's name is not well formed.");
	} else {
		if (c->name_len < sizeof(c->name))
			c->name[c->name_len++] = byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
		c->place = TRAILER_NAME;
	}
}

static void trailer_byte(struct chunks *c, char byte)
{
	if (++c->trailers > c->limits->trailers) {
		chunks_refuse(c, "The trailers are too long.");
	} else if (c->place == TRAILER_BEGIN && byte == '\r') {
		c->place = LAST_LF;
	} else if (c->place == TRAILER_VALUE) {
		if (byte == '\r')
			c->place = TRAILER_LF;
		else if (!byte_is_quotable(byte) && !(c->answer && (uint8_t)byte >= 0x80))
			chunks_refuse(c, "A trailer's value has a byte that it may not have.");
	} else {
		trailer_name(c, byte);
	}
}

static void chunks_byte(struct chunks *c, char byte)
{
	c->overhead++;
	switch ((enum place)c->place) {
	case SIZE:
		size_byte(c, byte);
		break;
	case SIZE_LF:
		size_end(c, byte);
		break;
	case DATA_CR:
		expect_byte(c, byte, '\r', DATA_LF);
		break;
	case DATA_LF:
		expect_byte(c, byte, '\n', SIZE);
		break;
	case TRAILER_BEGIN:
	case TRAILER_NAME:
	case TRAILER_VALUE:
		trailer_byte(c, byte);
		break;
	case TRAILER_LF:
		c->name_len = 0;
		c->trailers++;
		expect_byte(c, byte, '\n', TRAILER_BEGIN);
		break;
	case LAST_LF:
		expect_byte(c, byte, '\n', ENDED);
		break;
	default:
		extension_byte(c, byte);
		break;
	}
}

static __attribute__((noinline)) struct slice chunks_walk(struct chunks *c, struct slice in)
{
	while (in.len && c->place != DATA && c->place < ENDED) {
		chunks_byte(c, in.at[0]);
		in = slice_skip(in, 1);
	}
	return in;
}

#define LEAP_DIGITS 8

static inline bool is_crlf(const char *at)
{
	return at[0] == '\r' && at[1] == '\n';
}

/* Nearly every chunk ends in a line end that came in one piece, and begins with a plain size that
 * did: those are read at once. Anything else is left to be read byte by byte. */
static inline struct slice leap_data_end(struct chunks *c, struct slice in)
{
	if (in.len < 2 || !is_crlf(in.at))
		return in;
	c->overhead += 2;
	c->place = SIZE;
	return slice_from(in.at + 2, in.len - 2);
}

static inline struct slice leap_size(struct chunks *c, struct slice in)
{
	const char *at = in.at, *most = at + LEAP_DIGITS;
	uint64_t size = 0;
	int digit;

	if (in.len < LEAP_DIGITS + 2 || c->digits)
		return in;
	for (; at < most && (digit = char_hex(*at)) >= 0; at++)
		size = size << 4 | (unsigned)digit;
	if (!size || !is_crlf(at))
		return in;
	at += 2;
	c->overhead += (size_t)(at - in.at);
	c->left = size;
	c->place = DATA;
	if (c->overhead > c->limits->chunk_slack)
		chunks_weigh(c);
	return slice_from(at, in.len - (size_t)(at - in.at));
}

/* Behind the content of the chunks before. */
static inline void content_add(struct slice *content, const char *at, size_t len)
{
	char *end = (char *)(uintptr_t)(content->at + content->len);

	if (content->len)
		memmove(end, at, len);
	else
		content->at = at;
	content->len += len;
}

enum chunk_step chunks_read(struct chunks *c, struct slice *in, struct slice *ret_content)
{
	struct slice rest = *in, content = {0};

	for (;;) {
		if (c->place == DATA_CR)
			rest = leap_data_end(c, rest);
		if (c->place == SIZE)
			rest = leap_size(c, rest);
		if (c->place != DATA && rest.len)
			rest = chunks_walk(c, rest);
		if (c->place != DATA || !rest.len)
			break;
		size_t len = c->left < rest.len ? c->left : rest.len;
		content_add(&content, rest.at, len);
		rest = slice_from(rest.at + len, rest.len - len);
		c->content += len;
		c->left -= len;
		if (!c->left)
			c->place = DATA_CR;
	}
	*in = rest;
	*ret_content = content;
	return c->place == BAD ? CHUNK_BAD : c->place == ENDED ? CHUNK_END : CHUNK_MORE;
}
