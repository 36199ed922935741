/* SPDX-License-Identifier: Apache-2.0 */
/* greet: the first words on a link: who we are, our scripts, and who the server is. For link.c. */
#pragma once
#include "store/redis/link.h"

/* All of it in one write. 0 or a negative errno; else link_greeted is called, once. */
int link_greet(struct redis_link *l);
/* link.c: error 0: l->info is set; else note is a clause that says why. */
void link_greeted(struct redis_link *l, int error, const char *note);
