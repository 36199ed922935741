/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: whatever stands in a segment file, reading it ends, gives only what holds, and takes
 * memory by what is there; with its hashes put right, so that the records themselves are reached,
 * what Weir reads msgpack-c reads as well. */
#include <endian.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <msgpack.h>
#include "journal/read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check_record(struct slice record)
{
	msgpack_unpacked result;
	size_t at = 0;

	msgpack_unpacked_init(&result);
	require(msgpack_unpack_next(&result, record.at, record.len, &at) == MSGPACK_UNPACK_SUCCESS);
	require(at == record.len && result.data.type == MSGPACK_OBJECT_MAP);
	msgpack_unpacked_destroy(&result);
}

static void read_segment(const uint8_t *data, size_t size)
{
	struct segment_reader s = {.limit = UINT64_MAX, .id = {0, 1}, .at = SEGMENT_HEAD};
	struct unpack u = UNPACK_INIT;
	struct entry e;
	uint64_t at = 0;
	int r;

	s.fd = memfd_create("segment", MFD_CLOEXEC);
	require(s.fd >= 0 && write(s.fd, data, size) == (ssize_t)size);
	buf_init(&s.bytes, 1u << 20);
	require(size >= SEGMENT_HEAD && buf_put(&s.bytes, data, SEGMENT_HEAD) == 0);
	while ((r = segment_next(&s, &u, &e)) == 1) {
		require(s.at > at && s.at <= size);
		at = s.at;
		check_record(s.record);
	}
	require(r <= 0);
	require(segment_is_blank(&s) >= 0 && segment_goes_on(&s) >= 0);
	segment_close(&s);
	unpack_finish(&u);
}

/* The bytes behind the head are taken as records, each as long as its first two bytes say, and
 * framed. */
static size_t frame_all(const uint8_t *data, size_t size, uint8_t *to, size_t room)
{
	size_t end = SEGMENT_HEAD;

	segment_head(to);
	while (size > 2) {
		size_t len = ((size_t)data[0] << 8 | data[1]) + 1;

		data += 2;
		size -= 2;
		len = len < size ? len : size;
		if (room - end < len + FRAME_EXTRA)
			break;
		memcpy(to + end + FRAME_HEAD, data, len);
		frame_close(to + end, (uint32_t)len);
		end += len + FRAME_EXTRA;
		data += len;
		size -= len;
	}
	return end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t framed[256u << 10];
	struct unpack u = UNPACK_INIT;
	struct entry e;

	if (size >= SEGMENT_HEAD && size < sizeof(framed))
		read_segment(data, size);
	read_segment(framed, frame_all(data, size, framed, sizeof(framed)));
	if (entry_unpack(&u, slice_from(data, size), &e) == 0)
		check_record(slice_from(data, size));
	unpack_finish(&u);
	return 0;
}
