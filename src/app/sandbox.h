/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox: what a process that somebody took over can still do. Landlock: it reads files, but writes only below the folders
 * named here and executes nothing. Seccomp: it makes only the system calls that a proxy needs, and starts no process. Neither
 * can be undone, and both hold for whatever the process starts. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* Sanitizers stop threads and open files in ways of their own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX_WORKS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANDBOX_WORKS 0
#endif
#endif
#ifndef SANDBOX_WORKS
#define SANDBOX_WORKS 1
#endif

/* For the calling thread and all it starts from now on. folders are open directories. Returns the kernel's Landlock version,
 * 0 when it has none (or this is a sanitizer's build), or a negative errno. */
int sandbox_files(const int *folders, size_t n_folders);
/* For all threads at once. has_loops: they run already, and newer ones talk to the kernel through a ring; loops that are made
 * later find that there are no rings. 0, -ENOTSUP when the kernel has no seccomp or this is a sanitizer's build, or a negative
 * errno. */
int sandbox_calls(bool has_loops);
