/* SPDX-License-Identifier: Apache-2.0 */
/* h1_limits: every ceiling of the HTTP/1 readers. llhttp has none of its own; these are counted
 * outside of it. */
#pragma once
#include <stddef.h>

struct h1_limits {
	size_t request_line;     /* bytes, a status line too; over: 414 */
	size_t header_block;     /* bytes of all fields together; over: 431 */
	size_t value;            /* bytes of one field's value; over: 431 */
	size_t name;             /* bytes of one field's name; over: 431 */
	unsigned fields;         /* over: 431 */
	unsigned leading_crlf;   /* empty lines before a request line */
	unsigned interims;       /* 1xx answers before the final one */
	size_t chunk_extension;  /* bytes of one chunk's extensions */
	size_t chunk_extensions; /* bytes of a message's extensions */
	size_t chunk_slack; /* framing may be chunk_ratio times the content and this many bytes more
	                     */
	unsigned chunk_ratio;
	size_t trailers; /* bytes read and dropped behind the last chunk */
};

extern const struct h1_limits h1_limits_default;
