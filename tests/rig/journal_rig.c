/* SPDX-License-Identifier: Apache-2.0 */
/* journal_rig: see journal_rig.h. */
#include "rig/journal_rig.h"
#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WHO(wall, id)                                                                              \
	{                                                                                          \
		.request_id = SLICE_INIT(id), .wall_ns = (wall), .agent = SLICE_INIT("support"),   \
		.team = SLICE_INIT("care"), .user = SLICE_INIT("maria@example.com"),               \
		.workflow = SLICE_INIT("wf-77"), .workflow_type = SLICE_INIT("refund"),            \
		.session = SLICE_INIT("s-1"), .user_verified = true, .workflow_verified = true,    \
		.session_verified = true                                                           \
	}

const struct entry_decision full_decision = {
        .who = WHO(1763800000123456789, "01JD0000000000000000000001"),
        .listener = SLICE_INIT("main"),
        .dialect = SLICE_INIT("openai_chat"),
        .action = SLICE_INIT("chat"),
        .model = SLICE_INIT("gpt-4o"),
        .upstream = SLICE_INIT("openai"),
        .decision = SLICE_INIT("deny"),
        .code = SLICE_INIT("tool_denied"),
        .rule = SLICE_INIT("tools"),
        .reasoning = SLICE_INIT("The tool \xff is not for this agent."),
        .policy_version = SLICE_INIT("7f3a"),
        .tools_removed = SLICE_INIT("wire_money,drop_table"),
        .tools_offered = 4,
};

static const struct entry_counter counters[] = {
        {SLICE_INIT("a:support"), SLICE_INIT("day"), 1763769600, 1763856000},
        {SLICE_INIT("a:support"), SLICE_INIT("total"), 0, UINT64_MAX},
};

const struct entry_reservation full_reservation = {
        .id = SLICE_INIT("01JD0000000000000000000001.1"),
        .request_id = SLICE_INIT("01JD0000000000000000000001"),
        .wall_ns = 1763800000123456790,
        .expires = 1763800090123456790,
        .cost = 1234567890123,
        .tokens = 128000,
        .counters = counters,
        .n = 2,
};

const struct entry_settlement full_settlement = {
        .id = SLICE_INIT("01JD0000000000000000000001.1"),
        .request_id = SLICE_INIT("01JD0000000000000000000001"),
        .wall_ns = 1763800001123456789,
        .cost = -5,
        .tokens = 70,
        .estimated = true,
        .by_recovery = true,
};

const struct entry_admin_action full_admin_action = {
        .wall_ns = 1763800002123456789,
        .request_id = SLICE_INIT("01JD0000000000000000000002"),
        .operator= SLICE_INIT("on_call"),
        .action = SLICE_INIT("log_level"),
        .value = SLICE_INIT("debug"),
        .listener = SLICE_INIT("admin"),
        .peer = SLICE_INIT("unix"),
        .policy_version = SLICE_INIT("0123456789abcdef"),
};

static const struct entry_tool tools[] = {
        {.name = SLICE_INIT("lookup"), .allowed = true, .cost = 1000000},
        {.name = SLICE_INIT("wire_money"), .code = SLICE_INIT("tool_denied")},
};

const struct entry_outcome full_outcome = {
        .who = WHO(1763800002123456789, "01JD0000000000000000000001"),
        .dialect = SLICE_INIT("openai_chat"),
        .action = SLICE_INIT("chat"),
        .model = SLICE_INIT("gpt-4o"),
        .upstream_model = SLICE_INIT("gpt-4o-2024-08-06"),
        .upstream = SLICE_INIT("openai"),
        .code = SLICE_INIT("tool_denied"),
        .ended_by = SLICE_INIT("upstream"),
        .cache = SLICE_INIT("miss"),
        .status = 200,
        .attempts = 2,
        .latency_ns = 812345678,
        .tokens_input = 100,
        .tokens_cached = 64,
        .tokens_output = 20,
        .tokens_reasoning = 5,
        .tokens_total = 120,
        .cost = 450000,
        .estimated = true,
        .price_unknown = true,
        .tools = tools,
        .n_tools = 2,
};

#define USUAL(wall, id)                                                                            \
	{                                                                                          \
		.request_id = SLICE_INIT(id), .wall_ns = (wall),                                   \
		.agent = SLICE_INIT("support_agent"), .team = SLICE_INIT("customer-care"),         \
		.workflow = SLICE_INIT("workflow-0000000042"), .session = SLICE_INIT("session-81") \
	}

const struct entry_decision usual_decision = {
        .who = USUAL(1763800000123456789, "01JD0000000000000000000001"),
        .listener = SLICE_INIT("default"),
        .dialect = SLICE_INIT("openai_chat"),
        .action = SLICE_INIT("chat"),
        .model = SLICE_INIT("gpt-4o-mini"),
        .upstream = SLICE_INIT("openai"),
        .decision = SLICE_INIT("allow"),
        .policy_version = SLICE_INIT("7f3a91c2d0e4"),
        .tools_offered = 4,
};

const struct entry_outcome usual_outcome = {
        .who = USUAL(1763800000923456789, "01JD0000000000000000000001"),
        .dialect = SLICE_INIT("openai_chat"),
        .action = SLICE_INIT("chat"),
        .model = SLICE_INIT("gpt-4o-mini"),
        .upstream_model = SLICE_INIT("gpt-4o-mini-2024-07-18"),
        .upstream = SLICE_INIT("openai"),
        .code = SLICE_INIT("ok"),
        .ended_by = SLICE_INIT("upstream"),
        .status = 200,
        .attempts = 1,
        .latency_ns = 812345678,
        .tokens_input = 512,
        .tokens_output = 128,
        .tokens_total = 640,
        .cost = 450000,
};

void journal_rig_init(struct journal_rig *r)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(r->parent, sizeof(r->parent), "%.24s/weir-journal-XXXXXX",
	        tmp && *tmp ? tmp : "/tmp");
	char *made = mkdtemp(r->parent);
	assert(made);
	(void)made;
	snprintf(r->path, sizeof(r->path), "%s/journal", r->parent);
}

static void clear(const char *path)
{
	DIR *d = opendir(path);

	for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d))
		unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	rmdir(path);
}

void journal_rig_finish(struct journal_rig *r)
{
	clear(r->path);
	clear(r->parent);
}

static void path_of(const struct journal_rig *r, const char *name, char ret[160])
{
	snprintf(ret, 160, "%s/%s", r->path, name);
}

char *journal_rig_read(const struct journal_rig *r, const char *name, size_t *ret_len)
{
	char path[160];
	struct stat st;
	char *at = NULL;

	path_of(r, name, path);
	int fd = open(path, O_RDONLY);
	if (fd >= 0 && fstat(fd, &st) == 0 && (at = malloc((size_t)st.st_size + 1)) &&
	        read(fd, at, (size_t)st.st_size) == st.st_size)
		*ret_len = (size_t)st.st_size;
	if (fd >= 0)
		close(fd);
	return at;
}

void journal_rig_write(const struct journal_rig *r, const char *name, const void *at, size_t len)
{
	char path[160];

	mkdir(r->path, 0700);
	path_of(r, name, path);
	unlink(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert(fd >= 0);
	ssize_t n = write(fd, at, len);
	assert(n == (ssize_t)len);
	(void)n;
	close(fd);
}
