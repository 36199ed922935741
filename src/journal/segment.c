/* SPDX-License-Identifier: Apache-2.0 */
/* segment: see segment.h. */
#include "journal/segment.h"
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/mem.h"

static const char magic[12] = "Weir journal";

void segment_head(uint8_t ret[SEGMENT_HEAD])
{
	uint32_t format = htobe32(SEGMENT_FORMAT);

	memset(ret, 0, SEGMENT_HEAD);
	memcpy(ret, magic, sizeof(magic));
	memcpy(ret + sizeof(magic), &format, sizeof(format));
}

int segment_head_check(const uint8_t head[SEGMENT_HEAD])
{
	static const uint8_t zero[SEGMENT_HEAD];
	uint32_t format = frame_length(head + sizeof(magic));
	const uint8_t *rest = head + sizeof(magic) + sizeof(format);

	if (memcmp(head, magic, sizeof(magic)))
		return -EBADMSG;
	if (format > SEGMENT_FORMAT)
		return -EPROTONOSUPPORT;
	return format && !memcmp(rest, zero, (size_t)(head + SEGMENT_HEAD - rest)) ? 0 : -EBADMSG;
}

uint32_t frame_length(const void *frame)
{
	uint32_t length;

	memcpy(&length, frame, sizeof(length));
	return be32toh(length);
}

static void frame_hash(const uint8_t *frame, uint32_t length, uint8_t ret[SHA256_LEN])
{
	sha256(slice_from(frame - SHA256_LEN, SHA256_LEN + FRAME_HEAD + (size_t)length), ret);
}

void frame_close(uint8_t *frame, uint32_t length)
{
	uint32_t be = htobe32(length);

	memcpy(frame, &be, sizeof(be));
	frame_hash(frame, length, frame + FRAME_HEAD + length);
}

bool frame_holds(const uint8_t *frame)
{
	uint32_t length = frame_length(frame);
	uint8_t hash[SHA256_LEN];

	frame_hash(frame, length, hash);
	return !memcmp(hash, frame + FRAME_HEAD + length, sizeof(hash));
}

void segment_name(struct segment_id id, char ret[SEGMENT_NAME])
{
	snprintf(ret, SEGMENT_NAME, "%04u-%010" PRIu32 ".journal",
	        (unsigned)(id.worker % (SEGMENT_WORKER_MAX + 1)), id.number);
}

bool segment_name_parse(const char *name, struct segment_id *ret)
{
	struct slice s = slice_str(name);
	uint64_t worker, number;

	if (s.len != SEGMENT_NAME - 1 || s.at[4] != '-' || !slice_ends(s, SLICE(".journal")) ||
	        slice_to_u64(slice_from(s.at, 4), SEGMENT_WORKER_MAX, &worker) ||
	        slice_to_u64(slice_from(s.at + 5, 10), UINT32_MAX, &number) || !number)
		return false;
	*ret = (struct segment_id){(uint32_t)worker, (uint32_t)number};
	return true;
}

static int compare(const void *a, const void *b)
{
	const struct segment_id *x = a, *y = b;

	if (x->worker != y->worker)
		return x->worker < y->worker ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

static int list_add(struct segment_list *l, struct segment_id id)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 64;
		struct segment_id *ids = mem_realloc(l->ids, cap * sizeof(*ids));

		if (!ids)
			return -ENOMEM;
		l->ids = ids;
		l->cap = cap;
	}
	l->ids[l->n++] = id;
	return 0;
}

int segment_list_read(int dir, struct segment_list *ret)
{
	/* Its own place in the folder: that of a duplicate would be shared. */
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct segment_list l = {NULL};
	struct segment_id id;
	struct dirent *entry;
	int r = d ? 0 : -errno;

	if (!d && fd >= 0)
		close(fd);
	while (!r) {
		errno = 0;
		entry = readdir(d);
		if (!entry) {
			r = -errno;
			break;
		}
		if (segment_name_parse(entry->d_name, &id))
			r = list_add(&l, id);
	}
	if (d)
		closedir(d);
	if (r) {
		segment_list_finish(&l);
		return r;
	}
	if (l.n)
		qsort(l.ids, l.n, sizeof(*l.ids), compare);
	*ret = l;
	return 0;
}

void segment_list_finish(struct segment_list *l)
{
	mem_free(l->ids);
	*l = (struct segment_list){NULL};
}

const struct segment_id *segment_list_find(
        const struct segment_list *l, uint32_t worker, uint32_t from)
{
	struct segment_id want = {worker, from};
	size_t low = 0, high = l->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(&l->ids[middle], &want) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < l->n && l->ids[low].worker == worker ? &l->ids[low] : NULL;
}
