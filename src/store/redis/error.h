/* SPDX-License-Identifier: Apache-2.0 */
/* error: what kind of error a server's answer is, by its first word. */
#pragma once
#include "store/redis/reply.h"

/* 0 when reply is no error. -EROFS: it is a replica. -EAGAIN: not now (loading, busy, no master,
 * slots not served, too few replicas). -ENOSPC: its memory is full or its disk does not take what
 * it writes. -EACCES: we may not. -ENOENT: it does not know the script. -EXDEV: MOVED or ASK.
 * -EREMOTEIO: anything else. */
int redis_error_of(const struct redis_reply *reply);
/* "MOVED 3999 127.0.0.1:6381": slot and place; an empty host is the one that said it. 0 or -EPROTO.
 */
int redirect_parse(
        struct slice text, unsigned *ret_slot, struct slice *ret_host, uint16_t *ret_port);
