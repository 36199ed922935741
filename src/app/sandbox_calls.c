/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox_calls: seccomp. A call that is not in the list answers "not implemented", which the C
 * library takes as an old kernel and works around; calls that only an intruder would make end the
 * process. Calls without conditions on their arguments cost next to nothing (the kernel keeps them
 * in a bitmap). */
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include "app/sandbox.h"

/* clang-format off */
static const char *const allowed[] = {
	/* bytes */
	"read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev",
	"recvfrom", "sendto", "recvmsg", "sendmsg", "recvmmsg", "sendmmsg", "sendfile",
	"splice", "copy_file_range",
	/* sockets */
	"connect", "bind", "listen", "accept", "accept4", "getsockname", "getpeername",
	"setsockopt", "getsockopt", "shutdown", "socketpair",
	/* descriptors and events */
	"close", "close_range", "dup", "dup2", "dup3", "fcntl", "fcntl64", "poll", "ppoll",
	"ppoll_time64", "select", "pselect6", "pselect6_time64", "epoll_create",
	"epoll_create1", "epoll_ctl", "epoll_ctl_old", "epoll_wait", "epoll_pwait",
	"epoll_pwait2", "eventfd2", "pipe", "pipe2", "timerfd_create", "timerfd_settime",
	"timerfd_settime64", "timerfd_gettime", "signalfd", "signalfd4", "inotify_init1",
	"inotify_add_watch", "inotify_rm_watch",
	/* files */
	"open", "openat", "openat2", "stat", "fstat", "lstat", "stat64", "fstat64", "lstat64",
	"newfstatat", "fstatat64", "statx", "statfs", "fstatfs", "statfs64", "fstatfs64",
	"access", "faccessat", "faccessat2", "readlink", "readlinkat", "getdents", "getdents64",
	"getcwd", "lseek", "_llseek", "fsync", "fdatasync", "sync_file_range", "ftruncate",
	"ftruncate64", "fallocate", "fadvise64", "fadvise64_64", "rename", "renameat",
	"renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "chmod", "fchmod",
	"fchmodat", "fchmodat2", "fchown", "fchown32", "flock", "umask", "utimensat",
	/* memory */
	"brk", "mmap", "mmap2", "munmap", "mprotect", "mremap", "madvise", "mincore", "msync",
	"mlock", "mlock2", "munlock", "memfd_create", "memfd_secret", "membarrier",
	"get_mempolicy",
	/* threads, time, itself */
	"futex", "futex_time64", "futex_waitv", "set_robust_list", "get_robust_list", "rseq",
	"set_tid_address", "arch_prctl", "gettid", "getpid", "getppid", "getpgrp", "getpgid",
	"getsid", "getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid",
	"getgroups", "getuid32", "geteuid32", "getgid32", "getegid32", "tgkill", "tkill",
	"kill", "pidfd_open", "pidfd_send_signal", "wait4", "waitid", "exit", "exit_group",
	"restart_syscall", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending",
	"rt_sigsuspend", "rt_sigtimedwait", "rt_sigqueueinfo", "sigaltstack", "sigreturn",
	"sched_yield", "sched_getaffinity", "sched_setaffinity", "sched_getparam",
	"sched_getscheduler", "getpriority", "getcpu", "nanosleep", "clock_nanosleep",
	"clock_nanosleep_time64", "clock_gettime", "clock_gettime64", "clock_getres",
	"clock_getres_time64", "gettimeofday", "time", "times", "getrandom", "getrusage",
	"getrlimit", "ugetrlimit", "prlimit64", "sysinfo", "uname", "capget",
};

static const char *const deadly[] = {
	"execve", "execveat", "ptrace", "process_vm_readv", "process_vm_writev", "mount",
	"umount2", "pivot_root", "chroot", "setns", "unshare", "bpf", "init_module",
	"finit_module", "delete_module", "kexec_load", "kexec_file_load", "userfaultfd",
	"perf_event_open", "open_by_handle_at",
};
/* clang-format on */

static int add_all(scmp_filter_ctx f, uint32_t action, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int number = seccomp_syscall_resolve_name(names[i]);
		int r = number == __NR_SCMP_ERROR || number < 0
		                ? 0
		                : seccomp_rule_add(f, action, number, 0);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Calls of which only some forms are for us: argument `at` equals one of the values. */
static int add_forms(scmp_filter_ctx f, int number, unsigned at, const uint64_t *values, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int r = seccomp_rule_add(f, SCMP_ACT_ALLOW, number, 1,
		        SCMP_CMP(at, SCMP_CMP_MASKED_EQ, UINT32_MAX, values[i]));
		if (r < 0)
			return r;
	}
	return 0;
}

/* clone3 hides its flags in memory, so it stays "not implemented" and clone, which can be judged,
 * takes its place. */
static int add_threads(scmp_filter_ctx f)
{
	return seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
	        SCMP_CMP(0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
}

static int fill(scmp_filter_ctx f, bool has_loops)
{
	static const char *const ring = "io_uring_enter";
	static const uint64_t families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
	static const uint64_t controls[] = {FIONBIO, FIONREAD, FIOCLEX, FIONCLEX, TCGETS,
	        TIOCGWINSZ, SIOCGIFINDEX, SIOCGIFNAME};
	static const uint64_t names[] = {PR_SET_NAME, PR_GET_NAME};
	int r = seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);

	/* Speculation is the kernel's and the administrator's matter: no slower mode just because
	 * of a filter. */
	if (r == 0)
		seccomp_attr_set(f, SCMP_FLTATR_CTL_SSB, 1);
	if (r == 0)
		r = add_all(f, SCMP_ACT_ALLOW, allowed, sizeof(allowed) / sizeof(*allowed));
	if (r == 0)
		r = add_all(f, SCMP_ACT_KILL_PROCESS, deadly, sizeof(deadly) / sizeof(*deadly));
	if (r == 0)
		r = add_forms(
		        f, SCMP_SYS(socket), 0, families, sizeof(families) / sizeof(*families));
	if (r == 0)
		r = add_forms(
		        f, SCMP_SYS(ioctl), 1, controls, sizeof(controls) / sizeof(*controls));
	if (r == 0)
		r = add_forms(f, SCMP_SYS(prctl), 0, names, sizeof(names) / sizeof(*names));
	if (r == 0 && has_loops)
		r = add_all(f, SCMP_ACT_ALLOW, &ring, 1);
	return r == 0 ? add_threads(f) : r;
}

int sandbox_calls(bool has_loops)
{
	scmp_filter_ctx f = SANDBOX_WORKS ? seccomp_init(SCMP_ACT_ERRNO(ENOSYS)) : NULL;
	int r;

	if (!f)
		return SANDBOX_WORKS ? -ENOMEM : -ENOTSUP;
	r = fill(f, has_loops);
	if (r == 0)
		r = seccomp_load(f);
	seccomp_release(f);
	return r == -EINVAL || r == -ECANCELED ? -ENOTSUP : r;
}
