/* SPDX-License-Identifier: Apache-2.0 */
/* info: who a server is and what it may do for us, as its answer to INFO says. */
#pragma once
#include "base/slice.h"

#define INFO_ID_MAX 64u

struct redis_info {
	char run_id[INFO_ID_MAX + 1];      /* of the process: a restarted server has another */
	char replication[INFO_ID_MAX + 1]; /* of the history of its data: another after a promotion,
	                                      and when its first replica comes */
	uint64_t offset;                   /* bytes of that history */
	uint64_t replicas;                 /* connected to it */
	bool is_master;
	bool was_replica; /* its history goes on from that of a master it followed */
	bool is_loading;
	bool is_cluster;
	bool evicts; /* it may forget keys when its memory is full */
};

/* 0, or -EPROTO when it does not say who it is. */
int info_parse(struct slice text, struct redis_info *ret);
