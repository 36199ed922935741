/* SPDX-License-Identifier: Apache-2.0 */
/* put: msgpack-c's packing (its pack_template.h, made to be compiled for any target) onto a place
 * in memory where there is room enough. Its own packer calls through a pointer twice a value, which
 * is half of what a record costs. */
#pragma once
#include <msgpack/pack_define.h>
#include <msgpack/timestamp.h>
#include "base/slice.h"

struct put {
	char *at; /* where the next byte goes; borrowed */
};

static inline int put_append(struct put *p, const void *at, size_t len)
{
	bytes_copy(p->at, at, len);
	p->at += len;
	return 0;
}

#define msgpack_pack_inline_func(name) __attribute__((unused)) static inline int put##name
#define msgpack_pack_user struct put *
#define msgpack_pack_append_buffer(user, bytes, len) return put_append(user, bytes, len)
#define msgpack_pack_ext put_ext /* from 6 on the template calls itself by this name */
#include <msgpack/pack_template.h>
#undef msgpack_pack_ext

static inline void put_text(struct put *p, const char *at, size_t len)
{
	put_str(p, len);
	put_append(p, at, len);
}
