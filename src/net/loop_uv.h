/* SPDX-License-Identifier: Apache-2.0 */
/* loop_uv: libuv's part of a loop, and the hooks by which wires take part in its turn. For src/net
 * only. */
#pragma once
#include <stdatomic.h>
#include <uv.h>
#include "net/loop.h"
#include "net/mailbox.h"

struct loop_core {
	uv_loop_t uv;
	uv_prepare_t prepare;
	uv_check_t check;
	uv_timer_t timer;
	uv_timer_t soon;
	uv_idle_t spin; /* keeps poll from waiting while there is work left */
};

struct mailbox {
	uv_async_t async;
	_Atomic(struct letter *) newest;
	atomic_bool stop;
};

/* 0, -ENOMEM or libuv's error. */
int mailbox_open(struct loop *l);
/* Delivers everything that was posted. */
void mailbox_empty(struct loop *l);

static inline uv_loop_t *loop_uv(struct loop *l)
{
	return &l->core->uv;
}

/* wire.c: sends what a dirty wire holds; keeps what the socket does not take. */
void wire_flush(struct list *dirty);
/* Copies what was lent to a dirty wire, since the turn ends before it is sent. */
void wire_keep(struct list *dirty);
/* wire.c: tells what a resumed wire held back. */
void wire_resume(struct list *resumed);
