/* SPDX-License-Identifier: Apache-2.0 */
/* segment: how a segment file looks, and which there are in a folder. It begins with 32 bytes that
 * say what it is; then come frames: u32 length (big endian), that many bytes of msgpack, and
 * SHA-256 over (the 32 bytes before the frame, length, msgpack). So every frame hashes bytes that
 * lie in one run, the first one the file's head, each other one the hash before it. A length of
 * zero ends it: what is preallocated and not yet written is zero. */
#pragma once
#include "crypto/digest.h"

enum {
	SEGMENT_FORMAT = 2, /* what is written; 1, whose records name their members, is read too */
	SEGMENT_HEAD = SHA256_LEN,
	FRAME_HEAD = 4,                        /* the length */
	FRAME_EXTRA = FRAME_HEAD + SHA256_LEN, /* a frame is that much longer than its record */
	SEGMENT_NAME = 4 + 1 + 10 + 8 + 1,     /* "0003-0000000042.journal" and a NUL */
	SEGMENT_WORKER_MAX = 9999,
};

struct segment_id {
	uint32_t worker, number; /* number counts from 1 over all starts of the process */
};

void segment_head(uint8_t ret[SEGMENT_HEAD]);
/* 0; -EBADMSG: not a segment; -EPROTONOSUPPORT: of a later format. */
int segment_head_check(const uint8_t head[SEGMENT_HEAD]);
uint32_t frame_length(const void *frame);
/* Writes length and hash of the frame at frame, before which 32 bytes lie and in which its record
 * stands. */
void frame_close(uint8_t *frame, uint32_t length);
bool frame_holds(
        const uint8_t *frame); /* its hash is right; all of it and 32 bytes before it are there */

/* Names sort as workers and numbers do. */
void segment_name(struct segment_id id, char ret[SEGMENT_NAME]);
bool segment_name_parse(const char *name, struct segment_id *ret);

struct segment_list {
	struct segment_id *ids; /* owned; sorted by worker, then number */
	size_t n, cap;
};
/* Of the folder; other files in it are passed over. 0 or a negative errno. */
int segment_list_read(int dir, struct segment_list *ret);
void segment_list_finish(struct segment_list *l);
/* The first one of the worker with at least that number; NULL: there is none. */
const struct segment_id *segment_list_find(
        const struct segment_list *l, uint32_t worker, uint32_t from);
