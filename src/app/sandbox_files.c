/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox_files: Landlock (Documentation/userspace-api/landlock in the kernel's sources). Reading
 * is not handled, since a new policy may name any file; writing, making, removing and executing
 * are. */
#include <errno.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "app/sandbox.h"

#define ACCESS_REFER (1ull << 13)    /* from version 2 on */
#define ACCESS_TRUNCATE (1ull << 14) /* from version 3 on */
#define ACCESS_CHANGE                                                                              \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                           \
	        LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |                    \
	        LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |                        \
	        LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |                      \
	        LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)
#define ACCESS_OURS                                                                                \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |                          \
	        LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_DIR |                      \
	        LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK)

static uint64_t known_to(int version)
{
	return (version >= 2 ? ACCESS_REFER : 0) | (version >= 3 ? ACCESS_TRUNCATE : 0);
}

static int allow_folder(int ruleset, int folder, uint64_t access)
{
	struct landlock_path_beneath_attr below = {.allowed_access = access, .parent_fd = folder};

	return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &below, 0) < 0
	               ? -errno
	               : 0;
}

int sandbox_files(const int *folders, size_t n_folders)
{
	int version = SANDBOX_WORKS ? (int)syscall(SYS_landlock_create_ruleset, NULL, 0,
	                                      LANDLOCK_CREATE_RULESET_VERSION)
	                            : 0;
	int r = 0;

	if (version <= 0)
		return 0;
	struct landlock_ruleset_attr rules = {.handled_access_fs = LANDLOCK_ACCESS_FS_EXECUTE |
	                                                           ACCESS_CHANGE |
	                                                           known_to(version)};
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);

	if (ruleset < 0)
		return -errno;
	for (size_t i = 0; r == 0 && i < n_folders; i++)
		r = allow_folder(ruleset, folders[i], ACCESS_OURS | known_to(version));
	if (r == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		r = -errno;
	close(ruleset);
	return r < 0 ? r : version;
}
