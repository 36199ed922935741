/* SPDX-License-Identifier: Apache-2.0 */
/* mailbox: how another thread has something done on a loop's thread. Letters come out in the order
 * in which one thread posted them; no lock is held on either side. */
#pragma once

struct loop;

/* Part of something larger, owned by the mailbox from post until deliver, which then owns it. */
struct letter {
	struct letter *next;
	void (*deliver)(struct letter *l); /* on the loop's thread, outside any step */
};

/* From any thread. The loop must outlive the call. */
void mailbox_post(struct loop *to, struct letter *l);
