/* SPDX-License-Identifier: Apache-2.0 */
/* admin_client: how a command asks a running Weir: where its admin listener is, an operator's key, one request and its answer. */
#pragma once
#include "base/buf.h"
#include "net/cidr.h"

struct conf;
struct admin_client {
	const char *command;     /* in whose name things are said; borrowed */
	struct address address;
	char unix_path[108];     /* not empty: there, and address says nothing */
	char where[128];         /* either as it was written, for what is said */
	char key[128];           /* wiped by admin_client_finish */
};

/* Where: ADDRESS as "unix:/path" or "host:port"; NULL: where the policy's first admin listener is. All three: 0, or an exit status
 * after what was wrong was said on stderr. */
int admin_client_find(struct admin_client *c, const char *address, const struct conf *conf);
/* The key in a file; NULL: in WEIR_OPERATOR_KEY. */
int admin_client_take_key(struct admin_client *c, const char *key_file);

struct admin_reply {
	unsigned status;
	bool behind;             /* x-weir-ledger */
	struct buf body;         /* owned; its ceiling is the caller's */
};
/* GET target. Only 200 is good; what a problem says is passed on. */
int admin_client_get(struct admin_client *c, struct slice target, struct admin_reply *ret);
void admin_client_finish(struct admin_client *c);
