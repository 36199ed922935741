/* SPDX-License-Identifier: Apache-2.0 */
/* loop: turns end in libuv's check phase, right after the callbacks of a poll, and in its prepare
 * phase, for what timers and closings did. In both, a turn without news costs a comparison and no
 * system call. */
#include "net/loop.h"
#include <assert.h>
#include <errno.h>
#include "base/mem.h"
#include "net/loop_uv.h"

#define TURN_ROUNDS 16 /* writes that lead to more writes, before others have their turn */
#define STEP_ROUNDS 64

void loop_enter(struct loop *l)
{
	l->entered = true;
	if (l->now_is_stale) {
		l->now_is_stale = false;
		l->now = clock_mono(l->clock);
	}
}

static void loop_run_steps(struct loop *l)
{
	bool more = true;

	for (unsigned i = 0; more && i < STEP_ROUNDS; i++) {
		more = turn_run_ready(&l->turn);
		if (l->hooks.steps && l->hooks.steps(l->hooks.owner))
			more = true;
	}
}

/* What could not be written down must not leave: whoever is told so takes his part back. */
static void loop_write_down(struct loop *l)
{
	for (unsigned i = 0;
	        i < TURN_ROUNDS && l->hooks.journal && l->hooks.journal(l->hooks.owner); i++)
		loop_run_steps(l);
}

static void loop_flush(struct loop *l)
{
	struct list now;
	struct list *node;

	list_init(&now);
	list_splice(&now, &l->dirty);
	while ((node = list_pop(&now)))
		wire_flush(node);
}

/* What a wire that had drained was given after its last flush of the turn goes with the next. */
static void loop_keep(struct loop *l)
{
	list_foreach_safe(node, after, &l->dirty) wire_keep(node);
}

static bool loop_has_work(const struct loop *l)
{
	return l->told || !list_is_empty(&l->turn.ready) || !list_is_empty(&l->dirty);
}

void loop_turn(struct loop *l)
{
	unsigned rounds = 0;

	l->turns++;
	do {
		l->told = false;
		loop_run_steps(l);
		loop_write_down(l);
		loop_flush(l);
	} while (loop_has_work(l) && ++rounds < TURN_ROUNDS);
	if (loop_has_work(l))
		loop_write_down(
		        l); /* what the last of these writes has ended, before it is reaped */
	loop_keep(l);
	if (l->hooks.log)
		l->hooks.log(l->hooks.owner);
	slab_clear(&l->slab);
	turn_reap(&l->turn);
	l->entered = false;
}

void loop_make_room(struct loop *l)
{
	if (slab_room(&l->slab) < SLAB_READ_MIN) {
		loop_turn(l);
		l->entered = true;
	}
}

static void loop_deliver_resumed(struct loop *l)
{
	struct list now;
	struct list *node;

	list_init(&now);
	list_splice(&now, &l->resumed);
	while ((node = list_pop(&now)))
		wire_resume(node);
}

static void loop_on_spin(uv_idle_t *spin)
{
	loop_enter(spin->data);
}

/* What is left must not wait for the next event. */
static void loop_spin(struct loop *l, bool on)
{
	uv_handle_t *spin = (uv_handle_t *)&l->core->spin;

	if (on == (uv_is_active(spin) != 0))
		return;
	if (on)
		uv_idle_start(&l->core->spin, loop_on_spin);
	else
		uv_idle_stop(&l->core->spin);
}

static void loop_on_timer(uv_timer_t *timer)
{
	struct loop *l = timer->data;

	l->now_is_stale = true;
	loop_enter(l);
	l->timer_at = UINT64_MAX;
	wheel_run(&l->wheel, l->now);
	l->wanted_at = wheel_next(&l->wheel);
}

static void loop_arm_soon(struct loop *l);

static void loop_on_soon(uv_timer_t *timer)
{
	struct loop *l = timer->data;
	struct list due, *node;

	l->now_is_stale = true;
	loop_enter(l);
	list_init(&due);
	while (!list_is_empty(&l->soon) &&
	        container_of(l->soon.next, struct deadline, link)->at <= l->now)
		list_push(&due, list_pop(&l->soon));
	while ((node = list_pop(&due))) {
		struct deadline *d = container_of(node, struct deadline, link);

		d->at = 0;
		d->due(d);
	}
	loop_arm_soon(l);
}

static void loop_arm_soon(struct loop *l)
{
	const struct deadline *first = container_of(l->soon.next, struct deadline, link);
	uint64_t ns;

	if (list_is_empty(&l->soon))
		return;
	ns = first->at > l->now ? first->at - l->now : 1; /* 0 ms would ring before the next poll */
	uv_timer_start(&l->core->soon, loop_on_soon, (ns + NS_PER_MS - 1) / NS_PER_MS, 0);
}

void loop_soon_set(struct loop *l, struct deadline *d, uint64_t at)
{
	struct list *before;

	loop_soon_clear(d);
	d->at = at;
	before = l->soon.prev;
	while (before != &l->soon && container_of(before, struct deadline, link)->at > at)
		before = before->prev;
	list_push_front(before, &d->link);
	if (before == &l->soon)
		loop_arm_soon(l);
}

/* Once a turn, so that a deadline which is set and cleared in one turn moves nothing. A timer that
 * rings too early stays: ringing for nothing is cheaper than being moved with every request. */
static void loop_arm(struct loop *l)
{
	uint64_t next = UINT64_MAX, ms;

	if (l->wanted_at < l->timer_at)
		next = wheel_next(&l->wheel);
	l->wanted_at = UINT64_MAX;
	if (next >= l->timer_at)
		return;
	l->timer_at = next;
	ms = next > l->now ? (next - l->now) / NS_PER_MS + 1 : 0;
	uv_timer_start(&l->core->timer, loop_on_timer, ms, 0);
}

static void loop_end_turn(struct loop *l)
{
	if (!list_is_empty(&l->resumed)) {
		loop_enter(l);
		loop_deliver_resumed(l);
	}
	if (l->entered || loop_has_work(l) || !list_is_empty(&l->turn.reap)) {
		loop_enter(l);
		loop_turn(l);
	}
	loop_spin(l, loop_has_work(l) || !list_is_empty(&l->resumed));
	loop_arm(l);
}

static void loop_on_prepare(uv_prepare_t *prepare)
{
	struct loop *l = prepare->data;

	loop_end_turn(l);
	l->now_is_stale = true;
}

static void loop_on_check(uv_check_t *check)
{
	loop_end_turn(check->data);
}

void loop_deadline_set(struct loop *l, struct deadline *d, uint64_t at)
{
	deadline_set(&l->wheel, d, at);
	if (at < l->wanted_at)
		l->wanted_at = at;
}

void loop_set_hooks(struct loop *l, const struct loop_hooks *hooks)
{
	l->hooks = hooks ? *hooks : (struct loop_hooks){.owner = NULL};
}

static int loop_open_handles(struct loop *l)
{
	uv_loop_t *uv = loop_uv(l);
	int r = uv_loop_init(uv);

	if (r)
		return r;
	r = mailbox_open(l);
	if (r) {
		uv_loop_close(uv);
		return r;
	}
	uv_prepare_init(uv, &l->core->prepare);
	uv_check_init(uv, &l->core->check);
	uv_timer_init(uv, &l->core->timer);
	uv_timer_init(uv, &l->core->soon);
	uv_idle_init(uv, &l->core->spin);
	l->core->prepare.data = l->core->check.data = l->core->timer.data = l->core->soon.data =
	        l->core->spin.data = l;
	uv_prepare_start(&l->core->prepare, loop_on_prepare);
	uv_check_start(&l->core->check, loop_on_check);
	return 0;
}

static void loop_release(struct loop *l)
{
	slab_finish(&l->slab);
	stock_finish(&l->stock);
	mem_free(l->cipher);
	mem_free(l->mailbox);
	mem_free(l->core);
	mem_free(l);
}

int loop_new(struct loop **ret_loop, struct clock *clock)
{
	struct loop *l = mem_zalloc(sizeof(*l));
	int r = -ENOMEM;

	if (!l)
		return -ENOMEM;
	l->clock = clock ? clock : &clock_system;
	l->now = clock_mono(l->clock);
	l->timer_at = l->wanted_at = UINT64_MAX;
	turn_init(&l->turn);
	wheel_init(&l->wheel, l->now);
	list_init(&l->dirty);
	list_init(&l->resumed);
	list_init(&l->leaving);
	list_init(&l->soon);
	l->core = mem_zalloc(sizeof(*l->core));
	if (l->core && !slab_init(&l->slab))
		r = loop_open_handles(l);
	if (r) {
		loop_release(l);
		return r;
	}
	*ret_loop = l;
	return 0;
}

void loop_run(struct loop *l)
{
	if (!atomic_load_explicit(&l->mailbox->stop, memory_order_acquire))
		uv_run(loop_uv(l), UV_RUN_DEFAULT);
	atomic_store_explicit(&l->mailbox->stop, false, memory_order_relaxed);
}

void loop_run_once(struct loop *l, bool wait)
{
	uv_run(loop_uv(l), wait ? UV_RUN_ONCE : UV_RUN_NOWAIT);
}

void loop_stop(struct loop *l)
{
	atomic_store_explicit(&l->mailbox->stop, true, memory_order_release);
	uv_async_send(&l->mailbox->async);
}

static void loop_close_handle(uv_handle_t *handle, void *forgotten)
{
	if (uv_is_closing(handle))
		return;
	++*(int *)forgotten;
	uv_close(handle, NULL);
}

int loop_free(struct loop *l)
{
	uv_handle_t *ours[] = {(uv_handle_t *)&l->core->timer, (uv_handle_t *)&l->core->soon,
	        (uv_handle_t *)&l->core->spin, (uv_handle_t *)&l->mailbox->async,
	        (uv_handle_t *)&l->core->prepare, (uv_handle_t *)&l->core->check};
	int forgotten = 0;

	loop_enter(l);
	mailbox_empty(l);
	loop_turn(l);
	for (unsigned i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		uv_close(ours[i], NULL);
	uv_walk(loop_uv(l), loop_close_handle, &forgotten);
	uv_run(loop_uv(l), UV_RUN_DEFAULT);
	loop_turn(l);
	if (uv_loop_close(loop_uv(l)))
		return forgotten ? forgotten : 1;
	loop_release(l);
	return forgotten;
}
