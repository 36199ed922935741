/* SPDX-License-Identifier: Apache-2.0 */
/* request: one HTTP/1.1 request, read strictly: whatever a proxy sends wrongly is seen here and
 * noted in the ledger. */
#pragma once
#include "bytes.h"

#define REQUEST_HEADERS 128

struct field {
	struct text name, value;
};

struct request {
	struct text method, target, path; /* borrowed from the connection's input, as all below */
	struct field fields[REQUEST_HEADERS];
	unsigned n_fields;
	size_t head_length;
	bool chunked, expects_continue, keep_alive;
	uint64_t length; /* of the content, when not chunked */
	struct text body;
	struct bytes plain; /* owned: the content of a chunked body */
	size_t chunk_at;    /* where the next chunk begins */
	size_t total;       /* octets of the input that belong to this request */
	const char *bad;    /* what is wrong with it; NULL when well formed */
};

enum request_state { REQUEST_MORE, REQUEST_WHOLE, REQUEST_BAD };

/* Looks at all the input there is, from the request's first octet. Call again with more after
 * REQUEST_MORE. */
enum request_state request_read(struct request *r, struct text input);
struct text request_field(
        const struct request *r, const char *name); /* the first; absent when there is none */
void request_finish(struct request *r);
