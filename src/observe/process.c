/* SPDX-License-Identifier: Apache-2.0 */
/* process: reads /proc/self (proc(5)). */
#include "observe/process.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/slice.h"

/* /proc/self/stat: the fields after the name, which may hold anything but ends in the last bracket.
 */
static bool stat_read(char *text, size_t size)
{
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, text, size - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return true;
}

static uint64_t now_ns(clockid_t which)
{
	struct timespec t;

	clock_gettime(which, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static void stat_parse(const char *after_name, struct process_facts *ret)
{
	unsigned long user, system, threads, started, bytes;
	long pages, ticks = sysconf(_SC_CLK_TCK);
	uint64_t age;

	/* From the state on, which is field 3: 14 utime, 15 stime, 20 num_threads, 22 starttime, 23
	 * vsize, 24 rss. */
	if (ticks <= 0 || sscanf(after_name,
	                          " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d "
	                          "%*d %*d %lu %*d %lu %lu %ld",
	                          &user, &system, &threads, &started, &bytes, &pages) != 6)
		return;
	ret->cpu_ns = (user + system) * (NS_PER_S / (uint64_t)ticks);
	ret->threads = threads;
	ret->virtual_bytes = bytes;
	ret->resident_bytes = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
	age = now_ns(CLOCK_BOOTTIME) - started * (NS_PER_S / (uint64_t)ticks);
	ret->started_wall_ns = (now_ns(CLOCK_REALTIME) - age) / NS_PER_MS * NS_PER_MS;
}

static uint64_t count_open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	uint64_t n = 0;
	struct dirent *e;

	if (!d)
		return 0;
	while ((e = readdir(d)))
		n += e->d_name[0] != '.';
	closedir(d);
	return n ? n - 1 : 0; /* without the one that was just opened */
}

void process_read(struct process_facts *ret)
{
	char text[1024];
	struct rlimit limit;
	const char *name_end;

	*ret = (struct process_facts){0};
	if (stat_read(text, sizeof(text)) && (name_end = strrchr(text, ')')))
		stat_parse(name_end + 1, ret);
	ret->open_fds = count_open_fds();
	if (!getrlimit(RLIMIT_NOFILE, &limit))
		ret->max_fds = limit.rlim_cur;
}
