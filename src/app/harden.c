/* SPDX-License-Identifier: Apache-2.0 */
/* harden: see harden.h. What a kernel does not know is left out: none of it is needed to be right, all of it to be safe. */
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include "app/harden.h"

void harden_process(void)
{
	struct rlimit none = {0, 0}, files;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	setrlimit(RLIMIT_CORE, &none);
	umask(077);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max < (1u << 20) ? files.rlim_max : 1u << 20;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}
