/* SPDX-License-Identifier: Apache-2.0 */
/* keep_ops: what is asked of the values in memory, and writing it down. Every change has a version
 * from one sequence and is written down whole: which of two is the later one is told by that, and
 * not by whose journal is read first. */
#include <assert.h>
#include <errno.h>
#include "journal/journal.h"
#include "store/keep_core.h"

static int tell(struct keep *k, struct journal *j, const struct kept_row *row)
{
	struct entry_kept e = {
	        .wall_ns = clock_wall(k->clock),
	        .type = row->type,
	        .state = row->state,
	        .group = row->group,
	        .name = row->name,
	        .id = row->id,
	        .mark = row->mark,
	        .version = row->version,
	        .until = row->until,
	        .ends = row->ends,
	        .bytes = row->bytes,
	};

	return j ? journal_put_kept(j, &e) : 0;
}

static void set_text(char *to, uint8_t *len, struct slice text)
{
	*len = (uint8_t)text.len;
	bytes_copy(to, text.at, text.len);
}

/* ---- claims */

static enum claim_state claim_stands(const struct kept *e, const struct value_claim *c)
{
	if (!slice_equals(kept_mark(e), c->mark))
		return CLAIM_OTHER;
	if (e->state == KEPT_DONE)
		return CLAIM_FOUND;
	return e->state == KEPT_OWNED && c->now_wall_ns < e->until ? CLAIM_BUSY : CLAIM_LOST;
}

static int claim_take(struct keep *k, struct keep_shard *s, const struct keep_key *key,
        struct value_claim *c, struct kept_row *ret_row)
{
	struct kept *e;
	int r = keep_make(k, s, key, &e);

	if (r) {
		c->state = CLAIM_CROWDED;
		return r == -ENOSPC ? 0 : r;
	}
	c->state = CLAIM_OWNED;
	e->state = KEPT_OWNED;
	e->until = c->until;
	e->ends = c->ends;
	e->version = keep_version(k);
	set_text(e->id, &e->id_len, c->id);
	set_text(e->mark, &e->mark_len, c->mark);
	*ret_row = (struct kept_row){.type = KEPT_CLAIM,
	        .state = KEPT_OWNED,
	        .group = c->group,
	        .name = c->name,
	        .id = c->id,
	        .mark = c->mark,
	        .version = e->version,
	        .until = c->until,
	        .ends = c->ends};
	return 0;
}

static void claim_undo(struct keep *k, const struct keep_key *key, const struct value_claim *c)
{
	struct keep_shard *s = keep_lock(k, key);
	struct kept *e = keep_find(k, s, key, c->now_wall_ns);

	if (e && slice_equals(kept_id(e), c->id))
		keep_drop(k, s, e);
	keep_unlock(s);
}

int keep_claim(struct keep *k, struct value_claim *c)
{
	struct keep_key key;
	struct kept_row row;
	int r = keep_key(&key, KEPT_CLAIM, c->group, c->name);

	c->state = CLAIM_NOT_ASKED;
	c->found = NULL;
	if (r || c->id.len > CLAIM_ID_MAX || c->mark.len > CLAIM_MARK_MAX)
		return -EMSGSIZE;
	struct keep_shard *s = keep_lock(k, &key);
	struct kept *e = keep_find(k, s, &key, c->now_wall_ns);
	if (e) {
		c->state = claim_stands(e, c);
		c->found = c->state == CLAIM_FOUND ? blob_ref(e->bytes) : NULL;
	} else {
		r = claim_take(k, s, &key, c, &row);
	}
	keep_unlock(s);
	if (r || c->state != CLAIM_OWNED)
		return r;
	r = tell(k, c->journal, &row);
	if (!r)
		return READY;
	claim_undo(k, &key, c);
	c->state = CLAIM_NOT_ASKED;
	return r;
}

/* Of this claim, if it is still remembered: false otherwise. *bytes is left to be given back. */
static bool claim_end(struct keep *k, const struct keep_key *key, const struct value_claim *c,
        enum kept_state state, struct blob **bytes, struct kept_row *ret_row)
{
	struct keep_shard *s = keep_lock(k, key);
	struct kept *e = keep_find(k, s, key, clock_wall(k->clock));
	bool ours = e && e->state != KEPT_DONE && slice_equals(kept_id(e), c->id);

	if (ours) {
		*ret_row = (struct kept_row){.type = KEPT_CLAIM,
		        .state = state,
		        .group = c->group,
		        .name = c->name,
		        .id = c->id,
		        .mark = c->mark,
		        .version = keep_version(k),
		        .until = c->until,
		        .ends = e->ends};
		e->version = ret_row->version;
		e->state = (uint8_t)state;
	}
	if (ours && state == KEPT_GONE)
		keep_drop(k, s, e);
	else if (ours && state == KEPT_DONE && !keep_bytes(k, e, *bytes, bytes))
		ret_row->state = e->state = KEPT_LOST;
	keep_unlock(s);
	return ours;
}

void keep_finish(struct keep *k, struct value_claim *c, enum claim_end how, struct slice bytes)
{
	static const enum kept_state states[] = {[CLAIM_RECORDED] = KEPT_DONE,
	        [CLAIM_UNKNOWN] = KEPT_LOST,
	        [CLAIM_UNUSED] = KEPT_GONE};
	enum kept_state state = states[how];
	struct blob *blob = NULL;
	struct keep_key key;
	struct kept_row row;

	assert(c->state == CLAIM_OWNED);
	c->state = CLAIM_NOT_ASKED;
	keep_key(&key, KEPT_CLAIM, c->group, c->name);
	if (state == KEPT_DONE && bytes.len <= VALUE_MAX)
		blob = blob_new(bytes);
	if (state == KEPT_DONE && !blob)
		state = KEPT_LOST;
	bool ours = claim_end(k, &key, c, state, &blob, &row);
	blob_unref(blob);
	if (!ours)
		return;
	if (row.state == KEPT_DONE)
		row.bytes = bytes;
	/* One that does not fit into the turn is known to have run, also after a restart. */
	if (tell(k, c->journal, &row) && row.bytes.len) {
		row.bytes = (struct slice){"", 0};
		row.state = KEPT_LOST;
		tell(k, c->journal, &row);
	}
}

/* ---- values */

static void value_find(struct value *v, const struct kept *e, enum value_state state)
{
	v->state = state;
	v->version = e ? e->version : 0;
	v->found = e ? blob_ref(e->bytes) : NULL;
}

int keep_get(struct keep *k, struct value *v)
{
	struct keep_key key;
	int r = keep_key(&key, KEPT_VALUE, v->group, v->name);

	v->state = VALUE_NOT_ASKED;
	v->found = NULL;
	if (r)
		return r;
	struct keep_shard *s = keep_lock(k, &key);
	const struct kept *e = keep_find(k, s, &key, v->now_wall_ns);
	value_find(v, e, e ? VALUE_FOUND : VALUE_ABSENT);
	keep_unlock(s);
	return READY;
}

/* What stood there before a put, to be put back if it cannot be written down. */
struct before {
	struct blob *bytes; /* counted */
	uint64_t version, ends;
};

static int value_replace(struct keep *k, struct keep_shard *s, const struct keep_key *key,
        struct kept *e, struct value *v, struct blob *blob, struct before *before)
{
	bool is_new = !e;
	int r = e ? 0 : keep_make(k, s, key, &e);

	if (r)
		return r;
	if (!is_new)
		*before = (struct before){NULL, e->version, e->ends};
	if (!keep_bytes(k, e, blob_ref(blob), &before->bytes)) {
		blob_unref(blob);
		if (is_new)
			keep_drop(k, s, e);
		return -ENOSPC;
	}
	e->state = KEPT_DONE;
	e->ends = v->ends;
	e->version = v->version = keep_version(k);
	return 0;
}

static int value_change(struct keep *k, struct keep_shard *s, const struct keep_key *key,
        struct kept *e, struct value *v, struct blob *blob, struct before *before)
{
	int r = 0;

	if (v->ends > v->now_wall_ns) {
		r = value_replace(k, s, key, e, v, blob, before);
	} else {
		v->version = keep_version(k);
		if (e) {
			*before = (struct before){blob_ref(e->bytes), e->version, e->ends};
			keep_drop(k, s, e);
		}
	}
	v->state = r == -ENOSPC ? VALUE_CROWDED : VALUE_STORED;
	return r == -ENOSPC ? 0 : r;
}

/* Unless somebody has changed it since. */
static void value_undo(
        struct keep *k, const struct keep_key *key, const struct value *v, struct before *before)
{
	struct keep_shard *s = keep_lock(k, key);
	struct kept *e = keep_find(k, s, key, v->now_wall_ns);
	bool is_gone = v->ends <= v->now_wall_ns;

	if (is_gone && !e && before->version && keep_make(k, s, key, &e) == 0)
		e->version = v->version;
	if (e && e->version == v->version) {
		if (before->version && keep_bytes(k, e, before->bytes, &before->bytes)) {
			e->state = KEPT_DONE;
			e->version = before->version;
			e->ends = before->ends;
		} else {
			keep_drop(k, s, e);
		}
	}
	keep_unlock(s);
}

static int value_tell(struct keep *k, const struct value *v)
{
	bool is_gone = v->ends <= v->now_wall_ns;
	const struct kept_row row = {.type = KEPT_VALUE,
	        .state = is_gone ? KEPT_GONE : KEPT_DONE,
	        .group = v->group,
	        .name = v->name,
	        .version = v->version,
	        .ends = is_gone ? v->now_wall_ns : v->ends,
	        .bytes = is_gone ? (struct slice){"", 0} : v->bytes};

	return tell(k, v->journal, &row);
}

int keep_put(struct keep *k, struct value *v)
{
	struct before before = {NULL, 0, 0};
	struct keep_key key;
	int r = keep_key(&key, KEPT_VALUE, v->group, v->name);

	v->state = VALUE_NOT_ASKED;
	v->found = NULL;
	if (r || v->bytes.len > VALUE_MAX)
		return -EMSGSIZE;
	struct blob *blob = blob_new(v->bytes);
	if (!blob)
		return -ENOMEM;
	struct keep_shard *s = keep_lock(k, &key);
	struct kept *e = keep_find(k, s, &key, v->now_wall_ns);
	if (v->expected != VALUE_ANY && v->expected != (e ? e->version : 0))
		value_find(v, e, VALUE_OTHER);
	else
		r = value_change(k, s, &key, e, v, blob, &before);
	keep_unlock(s);
	if (!r && v->state == VALUE_STORED) {
		r = value_tell(k, v);
		if (r)
			value_undo(k, &key, v, &before);
	}
	if (r)
		v->state = VALUE_NOT_ASKED;
	blob_unref(before.bytes);
	blob_unref(blob);
	return r;
}

/* ---- what was written down before */

static void load(struct keep *k, struct kept *e, const struct kept_row *row, struct blob **blob)
{
	e->version = row->version;
	e->until = row->until;
	e->ends = row->ends;
	set_text(e->id, &e->id_len, row->id);
	set_text(e->mark, &e->mark_len, row->mark);
	e->state = row->state == KEPT_DONE ? KEPT_DONE : KEPT_LOST;
	if (e->state == KEPT_DONE && !keep_bytes(k, e, *blob, blob))
		e->state = KEPT_LOST;
}

int keep_load(struct keep *k, const struct kept_row *row)
{
	struct keep_key key;
	struct kept *e;
	int r = keep_key(&key, row->type, row->group, row->name);

	if (r || row->id.len > CLAIM_ID_MAX || row->mark.len > CLAIM_MARK_MAX)
		return -EMSGSIZE;
	if (atomic_load(&k->version) < row->version)
		atomic_store(&k->version, row->version);
	struct blob *blob = row->state == KEPT_DONE ? blob_new(row->bytes) : NULL;
	if (row->state == KEPT_DONE && !blob)
		return -ENOMEM;
	struct keep_shard *s = keep_lock(k, &key);
	if (!keep_find(k, s, &key, clock_wall(k->clock))) {
		k->loading = true;
		r = keep_make(k, s, &key, &e);
		k->loading = false;
		if (!r)
			load(k, e, row, &blob);
		if (!r && row->type == KEPT_VALUE && e->state != KEPT_DONE) {
			keep_drop(k, s, e);
			r = -ENOSPC;
		}
	}
	keep_unlock(s);
	blob_unref(blob);
	return r;
}
