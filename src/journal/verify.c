/* SPDX-License-Identifier: Apache-2.0 */
/* verify: see verify.h. A segment that is being written may be met half way through a turn: it is
 * looked at again for a while before it is called bad. */
#include "journal/verify.h"
#include <errno.h>
#include <sys/stat.h>
#include <time.h>

#define LOOKS 40
#define LOOK_MS 5

struct chain { /* the worker's segment before */
	struct segment_id id;
	bool holds;
	uint8_t hash[SHA256_LEN];
};

static const char *check_link(
        const struct chain *before, const struct segment_reader *s, const struct entry_segment *e)
{
	bool is_first = !before->id.number || before->id.worker != s->id.worker;

	if (is_first)
		return e->previous ? "the segment before it is missing" : NULL;
	if (e->previous != before->id.number)
		return "the segment before it is missing or is another one";
	if (before->holds && (e->previous_hash.len != SHA256_LEN ||
	                             memcmp(e->previous_hash.at, before->hash, SHA256_LEN)))
		return "the segment before it does not end as it did";
	return NULL;
}

struct verifying {
	int dir;
	void (*tell)(void *arg, const struct verdict *v);
	void *arg;
	struct segment_id noted; /* of which notes were told */
	bool has_lost;
};

/* Once, however often its segment is looked at. */
static void take_note(struct verifying *x, struct segment_id id, const struct entry_note *e)
{
	struct verdict v = {.id = {e->lost_worker, e->lost_segment},
	        .problem = "what was written there is gone",
	        .bad_at = e->lost_from,
	        .lost_to = e->lost_to};

	if (!e->lost_to || (x->noted.worker == id.worker && x->noted.number == id.number))
		return;
	x->has_lost = true;
	x->tell(x->arg, &v);
}

/* All of s; *ret_link says what is wrong with how it follows the one before. */
static int walk(struct verifying *x, struct segment_reader *s, const struct chain *before,
        const char **ret_link)
{
	struct unpack u = UNPACK_INIT;
	struct entry e;
	int r;

	while ((r = segment_next(s, &u, &e)) > 0)
		if (e.kind == ENTRY_SEGMENT)
			*ret_link = check_link(before, s, &e.segment);
		else if (e.kind == ENTRY_NOTE)
			take_note(x, s->id, &e.note);
	unpack_finish(&u);
	return r;
}

/* 0: it ends well; 1: s->problem says why not; or a negative errno. */
static int walk_to_end(struct verifying *x, struct segment_reader *s, const struct chain *before,
        struct verdict *v, const char **ret_link)
{
	struct timespec pause = {.tv_nsec = LOOK_MS * 1000000};
	struct stat st;

	for (int look = 0;; look++) {
		int r = walk(x, s, before, ret_link);

		if (r && r != -EBADMSG)
			return r;
		if (fstat(s->fd, &st) < 0)
			return -errno;
		v->is_open = st.st_mode & 0200;
		if (!r && v->is_open)
			r = segment_is_blank(s);
		else if (!r)
			r = (uint64_t)st.st_size == s->at || (!s->records && !st.st_size);
		if (r == 1)
			return 0;
		if (r == 0)
			s->problem = "something stands behind the end";
		else if (r != -EBADMSG)
			return r;
		if (!v->is_open || look == LOOKS)
			return 1;
		nanosleep(&pause, NULL);
	}
}

static int verify_segment(struct verifying *x, struct chain *before, struct verdict *v)
{
	struct segment_reader s;
	const char *link = NULL;
	int r = segment_open(&s, x->dir, v->id, 0);

	if (r) {
		v->problem = r == -EPROTONOSUPPORT ? "it is of a later format"
		             : r == -EBADMSG       ? "it is not a segment of a journal"
		                                   : NULL;
		before->id = v->id;
		before->holds = false;
		return v->problem ? 1 : r;
	}
	r = walk_to_end(x, &s, before, v, &link);
	x->noted = v->id;
	v->records = s.records;
	v->bytes = s.records ? s.at : 0;
	if (r == 1) {
		v->problem = s.problem;
		v->bad_at = s.at;
	} else if (link) {
		v->problem = link;
		v->bad_at = SEGMENT_HEAD;
		r = 1;
	} else if (r == -EPROTONOSUPPORT) {
		v->problem = "it is of a later format";
		r = 1;
	}
	if (s.records) { /* one that is only prepared is not yet in the chain */
		before->id = v->id;
		before->holds = !r || link;
		segment_hash(&s, before->hash);
	}
	segment_close(&s);
	return r;
}

int journal_verify(int dir, void (*tell)(void *arg, const struct verdict *v), void *arg)
{
	struct segment_list l = {NULL};
	struct chain before = {.holds = false};
	struct verifying x = {.dir = dir, .tell = tell, .arg = arg};
	int r = segment_list_read(dir, &l), worst = 0;

	for (size_t i = 0; !r && i < l.n; i++) {
		struct verdict v = {.id = l.ids[i]};

		r = verify_segment(&x, &before, &v);
		if (r == -ENOENT) { /* prepared, and removed meanwhile */
			r = 0;
			continue;
		}
		if (r >= 0) {
			tell(arg, &v);
			worst |= r;
			r = 0;
		}
	}
	segment_list_finish(&l);
	return r ? r : worst | x.has_lost;
}
