/* SPDX-License-Identifier: Apache-2.0 */
/* secrets: references are looked up where they stand; nothing that was looked up is expanded again.
 */
#include "config/secrets.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/mem.h"

#define NAME_MAX_LEN 256u
#define PATH_MAX_LEN 4096u

bool text_holds_reference(struct slice s)
{
	for (size_t i = 0; i + 1 < s.len; i++)
		if (s.at[i] == '$' && s.at[i + 1] == '{')
			return true;
	return false;
}

static bool name_is_good(struct slice name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!isalnum((unsigned char)name.at[i]) && name.at[i] != '_')
			return false;
	return name.len && name.len < NAME_MAX_LEN && !isdigit((unsigned char)name.at[0]);
}

/* Absent ones are said only where they are needed. */
static bool say_absent(struct reader *r, const struct node *n, const char *what, struct slice name,
        const char *why)
{
	if (r->secrets_optional)
		diagnostics_warning(
		        r->d, n->at, "%s %.*s %s; weir run needs it", what, SLICE_FMT(name), why);
	else
		diagnostics_error(r->d, n->at, "%s %.*s %s", what, SLICE_FMT(name), why);
	return false;
}

static bool say_full(struct reader *r, const struct node *n, int error)
{
	if (error == -ENOBUFS)
		diagnostics_error(r->d, n->at, "the value is longer than %u bytes", SECRET_MAX);
	else
		diagnostics_no_memory(r->d);
	return false;
}

/* Once each. The list doubles at every power of two. */
static void note(struct reader *r, struct slice name, const char ***names, unsigned *n_names)
{
	unsigned n = *n_names;

	for (unsigned i = 0; i < n; i++)
		if (slice_is(name, (*names)[i]))
			return;
	if (!(n & (n - 1))) {
		const char **more = reader_alloc(r, (n ? 2 * n : 1) * sizeof(*more));

		if (!more)
			return;
		if (n)
			memcpy(more, *names, n * sizeof(*more));
		*names = more;
	}
	(*names)[(*n_names)++] = reader_keep(r, name).at;
}

static bool put_env(struct reader *r, const struct node *n, struct slice name, struct buf *out)
{
	char text[NAME_MAX_LEN];
	const char *value;
	int error;

	if (!name_is_good(name)) {
		diagnostics_error(
		        r->d, n->at, "%.*s is no name of an environment variable", SLICE_FMT(name));
		diagnostics_hint(r->d, "letters, digits and underscores, as ${env:OPENAI_API_KEY}");
		return false;
	}
	memcpy(text, name.at, name.len);
	text[name.len] = '\0';
	note(r, name, &r->conf->env_names, &r->conf->n_env_names);
	value = getenv(text);
	if (!value || !*value)
		return say_absent(
		        r, n, "the environment variable", name, value ? "is empty" : "is not set");
	error = buf_put_str(out, value);
	return !error || say_full(r, n, error);
}

/* Bytes read into room, or negative errno. */
static ssize_t read_all(int fd, char *room, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t got = read(fd, room + len, size - len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			break;
		len += (size_t)got;
	}
	return (ssize_t)len;
}

static bool put_file_bytes(
        struct reader *r, const struct node *n, struct slice path, int fd, struct buf *out)
{
	int error = buf_reserve(out, SECRET_MAX - buf_len(out));
	ssize_t len;

	if (error)
		return say_full(r, n, error);
	len = read_all(fd, buf_tail(out), SECRET_MAX - buf_len(out));
	if (len < 0)
		return say_absent(r, n, "the file", path, "cannot be read");
	if ((size_t)len == SECRET_MAX - buf_len(out))
		return say_full(r, n, -ENOBUFS);
	if (len && buf_tail(out)[len - 1] == '\n')
		len -= len > 1 && buf_tail(out)[len - 2] == '\r' ? 2 : 1;
	if (!len)
		return say_absent(r, n, "the file", path, "is empty");
	buf_commit(out, (size_t)len);
	return true;
}

static bool put_file(struct reader *r, const struct node *n, struct slice path, struct buf *out)
{
	char text[PATH_MAX_LEN];
	bool good;
	int fd;

	if (!path.len || path.len >= sizeof(text) || path.at[0] != '/') {
		diagnostics_error(
		        r->d, n->at, "the file of a reference is named by its whole path");
		diagnostics_hint(r->d, "as ${file:/run/secrets/openai}");
		return false;
	}
	memcpy(text, path.at, path.len);
	text[path.len] = '\0';
	note(r, path, &r->conf->value_files, &r->conf->n_value_files);
	/* A fifo without a writer must not hold the start. */
	fd = open(text, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return say_absent(r, n, "the file", path,
		        errno == ENOENT ? "does not exist" : "cannot be opened");
	good = put_file_bytes(r, n, path, fd, out);
	close(fd);
	return good;
}

/* One reference, without ${ and }. */
static bool put_reference(
        struct reader *r, const struct node *n, struct slice ref, struct buf *out)
{
	if (slice_starts(ref, SLICE("env:")))
		return put_env(r, n, slice_skip(ref, 4), out);
	if (slice_starts(ref, SLICE("file:")))
		return put_file(r, n, slice_skip(ref, 5), out);
	diagnostics_error(r->d, n->at, "${%.*s} refers to nothing that is known", SLICE_FMT(ref));
	diagnostics_hint(r->d, "write ${env:NAME} or ${file:/path}");
	return false;
}

bool references_expand(struct reader *r, const struct node *n, struct buf *out)
{
	struct slice rest = n->text;
	int error;

	while (rest.len) {
		const char *dollar = memmem(rest.at, rest.len, "${", 2);
		size_t before = dollar ? (size_t)(dollar - rest.at) : rest.len;
		const char *close;

		error = buf_put(out, rest.at, before);
		if (error)
			return say_full(r, n, error);
		rest = slice_skip(rest, before);
		if (!rest.len)
			break;
		close = memchr(rest.at, '}', rest.len);
		if (!close) {
			diagnostics_error(r->d, n->at, "a reference has no closing brace");
			diagnostics_hint(r->d, "write ${env:NAME} or ${file:/path}");
			return false;
		}
		if (!put_reference(
		            r, n, slice_from(rest.at + 2, (size_t)(close - rest.at - 2)), out))
			return false;
		rest = slice_skip(rest, (size_t)(close - rest.at) + 1);
	}
	return true;
}

static bool is_header_safe(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.at[i] < 0x20 || s.at[i] == 0x7f)
			return false;
	return true;
}

/* Takes value's bytes into a new secret. */
static struct secret *secret_new(struct reader *r, struct slice value)
{
	struct secret *s = reader_alloc(r, sizeof(*s));

	if (!s)
		return NULL;
	s->value = mem_dup(value.at, value.len);
	if (!s->value) {
		diagnostics_no_memory(r->d);
		return NULL;
	}
	s->len = value.len;
	s->next = r->conf->secrets;
	r->conf->secrets = s;
	return s;
}

static struct secret *secret_fill(
        struct reader *r, const struct node *n, struct slice prefix, struct buf *room)
{
	/* All the room at once: growing would leave copies behind that nobody wipes. */
	if (buf_reserve(room, SECRET_MAX) || buf_put_slice(room, prefix)) {
		diagnostics_no_memory(r->d);
		return NULL;
	}
	if (!references_expand(r, n, room))
		return NULL;
	if (!is_header_safe(buf_slice(room))) {
		diagnostics_error(r->d, n->at,
		        "the value that this names holds a line break or another control "
		        "character");
		return NULL;
	}
	return secret_new(r, buf_slice(room));
}

struct secret *secret_read(struct reader *r, const struct node *n, const char *prefix)
{
	struct buf room = BUF_INIT(SECRET_MAX);
	struct secret *s;

	if (n->kind != NODE_SCALAR || !text_holds_reference(n->text)) {
		diagnostics_hide(r->d, n->at);
		diagnostics_error(r->d, n->at, "a secret is never written in a file");
		diagnostics_hint(r->d,
		        "write \"${env:NAME}\" or \"${file:/path}\" and put the secret there");
		return NULL;
	}
	s = secret_fill(r, n, slice_str(prefix), &room);
	buf_wipe(&room);
	return s;
}

void secrets_free(struct secret *s)
{
	for (struct secret *next; s; s = next) {
		next = s->next;
		wipe(s->value, s->len);
		mem_free(s->value);
	}
}
