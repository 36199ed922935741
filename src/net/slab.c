/* SPDX-License-Identifier: Apache-2.0 */
/* slab: one large allocation, which the kernel backs with pages only where reads have been. */
#include "net/slab.h"
#include <errno.h>
#include "base/mem.h"

int slab_init(struct slab *s)
{
	char *mem = mem_alloc(SLAB_SIZE);

	if (!mem)
		return -ENOMEM;
	*s = (struct slab){.mem = mem};
	return 0;
}

void slab_finish(struct slab *s)
{
	mem_free(s->mem);
	*s = (struct slab){.mem = NULL};
}
