/* SPDX-License-Identifier: Apache-2.0 */
/* info: lines of "name:value"; what is not known is passed over, so that any version will do. */
#include "store/redis/info.h"
#include <errno.h>

static struct slice line_take(struct slice *text)
{
	const char *end = text->len ? memchr(text->at, '\n', text->len) : NULL;
	struct slice line = slice_from(text->at, end ? (size_t)(end - text->at) : text->len);

	*text = slice_skip(*text, line.len + 1);
	if (line.len && line.at[line.len - 1] == '\r')
		line.len--;
	return line;
}

static bool line_is(struct slice line, struct slice name, struct slice *ret_value)
{
	if (!slice_starts(line, name))
		return false;
	*ret_value = slice_skip(line, name.len);
	return true;
}

static void id_set(char id[INFO_ID_MAX + 1], struct slice value)
{
	size_t len = value.len < INFO_ID_MAX ? value.len : INFO_ID_MAX;

	memcpy(id, value.at, len);
	id[len] = 0;
}

static void info_read(struct redis_info *info, struct slice line)
{
	struct slice v;

	if (line_is(line, SLICE("run_id:"), &v))
		id_set(info->run_id, v);
	else if (line_is(line, SLICE("master_replid:"), &v))
		id_set(info->replication, v);
	else if (line_is(line, SLICE("master_replid2:"), &v))
		info->was_replica = !slice_starts(v, SLICE("00000000"));
	else if (line_is(line, SLICE("role:"), &v))
		info->is_master = slice_is(v, "master");
	else if (line_is(line, SLICE("loading:"), &v) || line_is(line, SLICE("async_loading:"), &v))
		info->is_loading |= slice_is(v, "1");
	else if (line_is(line, SLICE("cluster_enabled:"), &v))
		info->is_cluster = slice_is(v, "1");
	else if (line_is(line, SLICE("maxmemory_policy:"), &v))
		info->evicts = !slice_is(v, "noeviction");
	else if (line_is(line, SLICE("connected_slaves:"), &v))
		slice_to_u64(v, UINT64_MAX, &info->replicas);
	else if (line_is(line, SLICE("master_repl_offset:"), &v))
		slice_to_u64(v, UINT64_MAX, &info->offset);
}

int info_parse(struct slice text, struct redis_info *ret)
{
	struct redis_info info = {.is_master = false};

	while (text.len)
		info_read(&info, line_take(&text));
	if (!info.run_id[0])
		return -EPROTO;
	*ret = info;
	return 0;
}
