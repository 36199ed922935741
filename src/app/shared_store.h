/* SPDX-License-Identifier: Apache-2.0 */
/* shared_store: the store of a policy that instances share, opened for one loop as the policy says where it is. */
#pragma once
#include "config/store_conf.h"
#include "store/remote.h"

/* c is borrowed as long as the remote. 0, -ENOMEM, -EINVAL. */
int shared_store_open(struct loop *l, struct resolver *resolver, struct tls_contexts *contexts,
	const struct store_conf *c, struct remote **ret_remote);
/* Whether two policies mean the same store: one that is open is not changed by a reload. */
bool shared_store_is_same(const struct store_conf *a, const struct store_conf *b);
