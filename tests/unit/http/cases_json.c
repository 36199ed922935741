/* SPDX-License-Identifier: Apache-2.0 */
/* cases_json: writes the table of cases as JSON, for tests that speak to a real socket. Run it
 * after a change: cc -Itests -o cases_json tests/unit/http/cases_json.c && ./cases_json >
 * tests/e2e/data/http1_cases.json */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "unit/http/cases.h"

static void put_base64(const uint8_t *at, size_t len)
{
	static const char digits[] =
	        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		unsigned left = len - i < 3 ? (unsigned)(len - i) : 3;
		uint32_t bits = (uint32_t)at[i] << 16;

		if (left > 1)
			bits |= (uint32_t)at[i + 1] << 8;
		if (left > 2)
			bits |= at[i + 2];
		putchar(digits[bits >> 18]);
		putchar(digits[bits >> 12 & 63]);
		putchar(left > 1 ? digits[bits >> 6 & 63] : '=');
		putchar(left > 2 ? digits[bits & 63] : '=');
	}
}

static void put_bytes(const char *name, const char *at, size_t len)
{
	printf(", \"%s\": \"", name);
	put_base64((const uint8_t *)at, len);
	putchar('"');
}

static void put_text(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
	putchar('"');
}

static void put_case(const struct http1_case *c, const char *side, const char *comma)
{
	printf("{\"id\": \"%s\", \"side\": \"%s\", \"name\": ", c->id, side);
	put_text(c->name);
	if (c->status)
		printf(", \"outcome\": %u", c->status);
	else
		printf(", \"outcome\": \"accept\"");
	printf(", \"messages\": %u, \"close\": %s", c->messages, c->close ? "true" : "false");
	if (c->interims)
		printf(", \"interims\": %u", c->interims);
	if (c->head)
		printf(", \"asked\": \"HEAD\"");
	put_bytes("bytes", c->bytes, c->len);
	if (c->times) {
		put_bytes("fill", c->fill, strlen(c->fill));
		printf(", \"times\": %u", c->times);
		put_bytes("tail", c->tail, strlen(c->tail));
	}
	if (c->body)
		put_bytes("body", c->body, strlen(c->body));
	printf("}%s\n", comma);
}

int main(void)
{
	printf("[\n");
	for (size_t i = 0; i < N_CASES(http1_requests); i++)
		put_case(&http1_requests[i], "request", ",");
	for (size_t i = 0; i < N_CASES(http1_answers); i++)
		put_case(&http1_answers[i], "answer", i + 1 < N_CASES(http1_answers) ? "," : "");
	printf("]\n");
	return 0;
}
