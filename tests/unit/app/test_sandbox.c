/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox: what it forbids is forbidden and what Weir needs goes on. Each claim runs in a process
 * of its own, since nothing takes a sandbox off again. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "app/sandbox.h"

static char home[] = "/tmp/weir-sandbox-XXXXXX";
static char inside[64], outside[64];

/* Runs claim in a child; its exit status, or 128 + the signal that ended it. */
static int in_a_child(int (*claim)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		_exit(claim());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#define OWN_EXIT 77 /* the kernel has no such thing, or this is a sanitizer's build */

static int confine_files_to_inside(void)
{
	int folder = open(inside, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int version = sandbox_files(&folder, 1);

	close(folder);
	return version > 0 ? 0 : version == 0 ? OWN_EXIT : 1;
}

static int make_file(const char *folder)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/made", folder);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : write(fd, "x", 1) == 1 ? 0 : -EIO;
	if (fd >= 0)
		close(fd);
	return r;
}

static int writes_inside_only(void)
{
	int r = confine_files_to_inside();

	if (r)
		return r;
	if (make_file(inside) != 0)
		return 2;
	if (make_file(outside) != -EACCES)
		return 3;
	if (open("/etc/hostname", O_WRONLY | O_CLOEXEC) >= 0)
		return 4;
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 ? 0 : 5;
}

static int keeps_files_in_their_folder(void)
{
	char from[128], to[128];
	int r = confine_files_to_inside();

	if (r)
		return r;
	snprintf(from, sizeof(from), "%s/key.new", inside);
	snprintf(to, sizeof(to), "%s/key", inside);
	close(open(from, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	if (rename(from, to) < 0)
		return 2;
	snprintf(from, sizeof(from), "%s/key", outside);
	if (rename(to, from) == 0)
		return 3;
	return unlink(to) == 0 ? 0 : 4;
}

static int makes_its_socket(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int r = confine_files_to_inside(), fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (r)
		return r;
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/s", inside);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || unlink(a.sun_path) < 0)
		return 2;
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/s", outside);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	return bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ? 0 : 3;
}

static int runs_no_program(void)
{
	int r = confine_files_to_inside();

	if (r)
		return r;
	execl("/bin/true", "true", (char *)NULL);
	return errno == EACCES ? 0 : 2;
}

static int confine_calls(void)
{
	int r = sandbox_calls(false);

	return r == 0 ? 0 : r == -ENOTSUP ? OWN_EXIT : 1;
}

static int execve_under_seccomp(void)
{
	int r = confine_calls();

	if (r)
		return r;
	execl("/bin/true", "true", (char *)NULL);
	return 2;
}

static int ptrace_under_seccomp(void)
{
	int r = confine_calls();

	if (r)
		return r;
	syscall(SYS_ptrace, 0, 0, 0, 0);
	return 2;
}

static void *set_flag(void *flag)
{
	*(int *)flag = 1;
	return NULL;
}

static int threads_and_names(void)
{
	struct addrinfo *found = NULL;
	pthread_t thread;
	int flag = 0, r = confine_calls();

	if (r)
		return r;
	if (pthread_create(&thread, NULL, set_flag, &flag) || pthread_join(thread, NULL) || !flag)
		return 2;
	if (getaddrinfo("localhost", "80", NULL, &found))
		return 3;
	freeaddrinfo(found);
	if (if_nametoindex("lo") == 0) /* what a link-local name server is reached by */
		return 5;
	void *much = malloc(8u << 20);
	if (!much)
		return 4;
	free(much);
	return 0;
}

static int no_process_and_no_odd_socket(void)
{
	int r = confine_calls();

	if (r)
		return r;
	if (fork() >= 0)
		return 2;
	if (socket(AF_PACKET, SOCK_RAW, 0) >= 0 || errno != ENOSYS)
		return 3;
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0)
		return 4;
	return socket(AF_INET6, SOCK_STREAM, 0) >= 0 || errno == EAFNOSUPPORT ? 0 : 5;
}

static void *tell_and_sleep(void *to)
{
	long number = syscall(SYS_gettid);

	if (write(*(int *)to, &number, sizeof(number)) == (ssize_t)sizeof(number))
		for (;;)
			pause();
	return NULL;
}

/* A thread that was there before is bound as well. */
static int threads_that_run_already(void)
{
	char path[64], line[128] = "";
	pthread_t thread;
	long number;
	int told[2];
	FILE *f;

	if (pipe(told) || pthread_create(&thread, NULL, tell_and_sleep, &told[1]) ||
	        read(told[0], &number, sizeof(number)) != (ssize_t)sizeof(number))
		return 1;
	snprintf(path, sizeof(path), "/proc/self/task/%ld/status", number);
	int r = confine_calls();
	if (r)
		return r;
	f = fopen(path, "re");
	if (!f)
		return 3;
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, "Seccomp:", 8))
			break;
	fclose(f);
	return strstr(line, "2") ? 0 : 2;
}

static void expect(int (*claim)(void), int wanted)
{
	int r = in_a_child(claim);

	if (r == OWN_EXIT)
		skip();
	assert_int_equal(r, wanted);
}

static void files_are_written_in_our_folders_only(void **state)
{
	(void)state;
	expect(writes_inside_only, 0);
}

static void files_are_renamed_and_removed_in_our_folders_and_do_not_leave_them(void **state)
{
	(void)state;
	expect(keeps_files_in_their_folder, 0);
}

static void a_socket_is_made_in_our_folders_only(void **state)
{
	(void)state;
	expect(makes_its_socket, 0);
}

static void no_program_is_run_from_any_file(void **state)
{
	(void)state;
	expect(runs_no_program, 0);
}

static void execve_ends_the_process(void **state)
{
	(void)state;
	expect(execve_under_seccomp, 128 + SIGSYS);
}

static void ptrace_ends_the_process(void **state)
{
	(void)state;
	expect(ptrace_under_seccomp, 128 + SIGSYS);
}

static void threads_names_and_memory_are_still_to_be_had(void **state)
{
	(void)state;
	expect(threads_and_names, 0);
}

static void no_process_no_raw_socket_no_core_dump_switch(void **state)
{
	(void)state;
	expect(no_process_and_no_odd_socket, 0);
}

static void running_threads_are_bound_too(void **state)
{
	(void)state;
	expect(threads_that_run_already, 0);
}

static int make_folders(void **state)
{
	(void)state;
	if (!mkdtemp(home))
		return -1;
	snprintf(inside, sizeof(inside), "%s/inside", home);
	snprintf(outside, sizeof(outside), "%s/outside", home);
	return mkdir(inside, 0700) | mkdir(outside, 0700);
}

static int remove_folders(void **state)
{
	char made[80];

	(void)state;
	snprintf(made, sizeof(made), "%s/made", inside);
	unlink(made);
	return rmdir(inside) | rmdir(outside) | rmdir(home);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(files_are_written_in_our_folders_only),
	        cmocka_unit_test(
	                files_are_renamed_and_removed_in_our_folders_and_do_not_leave_them),
	        cmocka_unit_test(a_socket_is_made_in_our_folders_only),
	        cmocka_unit_test(no_program_is_run_from_any_file),
	        cmocka_unit_test(execve_ends_the_process),
	        cmocka_unit_test(ptrace_ends_the_process),
	        cmocka_unit_test(threads_names_and_memory_are_still_to_be_had),
	        cmocka_unit_test(no_process_no_raw_socket_no_core_dump_switch),
	        cmocka_unit_test(running_threads_are_bound_too),
	};

	return cmocka_run_group_tests(tests, make_folders, remove_folders);
}
