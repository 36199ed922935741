/* SPDX-License-Identifier: Apache-2.0 */
/* command_key: `weir key new`: a key for an agent. It is shown once; the policy holds only its
 * hash. */
#include <string.h>
#include "app/commands.h"
#include "app/print.h"
#include "base/json_write.h"
#include "crypto/key.h"

static const char help[] = "usage: weir key new AGENT [--format text|json]\n"
                           "\n"
                           "Makes a key. The first line is the key itself: it is shown this once, "
                           "give it to the agent. The rest is what to paste\n"
                           "into the policy, which holds only the key's SHA-256. Several keys of "
                           "one agent hold side by side, so that one can be\n"
                           "replaced by another without a gap.\n"
                           "\n"
                           "Examples:\n"
                           "  weir key new support_agent\n"
                           "  weir key new support_agent --format json\n";

struct options {
	const char *agent;
	bool json;
};

static bool is_agent_name(const char *name)
{
	size_t len = strlen(name);

	return len && len < 64 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.-") == len &&
	       !strchr("_.-", name[0]);
}

/* 0 to go on, 1 when help was printed, negative: usage. */
static int read_options(int argc, char **argv, struct options *o)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			fputs(help, stdout);
			return 1;
		}
		if (!strncmp(argv[i], "--format", 8)) {
			const char *value = argv[i][8] == '=' ? argv[i] + 9
			                    : i + 1 < argc    ? argv[++i]
			                                      : "";

			if (strcmp(value, "json") && strcmp(value, "text"))
				return -print_usage_error("key", "a format is text or json");
			o->json = *value == 'j';
		} else if (i == 1 && !strcmp(argv[i], "new")) {
			continue;
		} else if (i > 1 && !o->agent && argv[i][0] != '-') {
			o->agent = argv[i];
		} else {
			return -print_usage_error("key", "what is wanted is not understood");
		}
	}
	if (!o->agent)
		return -print_usage_error("key", "whose key is to be made was not said");
	if (!is_agent_name(o->agent))
		return -print_usage_error(
		        "key", "an agent's name has lower-case letters, digits, _ . and -");
	return 0;
}

static int put_text(struct buf *out, const char *agent, const char *key, const char *hash)
{
	return buf_printf(out, "%s\n\nagents:\n  %s:\n    identity: [{api_key: \"sha256:%s\"}]\n",
	        key, agent, hash);
}

static int put_json(struct buf *out, const char *agent, const char *key, const char *hash)
{
	char prefixed[8 + 2 * SHA256_LEN] = "sha256:";
	struct json_writer w;

	memcpy(prefixed + 7, hash, 2 * SHA256_LEN + 1);
	json_begin(&w, out);
	json_open(&w, '{');
	json_put_str(&w, "agent", agent);
	json_put_str(&w, "key", key);
	json_put_str(&w, "api_key", prefixed);
	json_close(&w, '}');
	return json_end(&w) ? -1 : buf_put_char(out, '\n');
}

int command_key(int argc, char **argv)
{
	char key[KEY_LEN + 1], hex[2 * SHA256_LEN + 1];
	struct options o = {.agent = NULL};
	struct buf out = BUF_INIT(1024);
	uint8_t hash[SHA256_LEN];
	int r = read_options(argc, argv, &o);

	if (r)
		return r < 0 ? -r : 0;
	key_new(key);
	sha256(slice_from(key, KEY_LEN), hash);
	hex_encode(hash, sizeof(hash), hex);
	r = buf_reserve(&out, out.max); /* so that no copy of the key stays behind */
	if (!r)
		r = o.json ? put_json(&out, o.agent, key, hex) : put_text(&out, o.agent, key, hex);
	if (!r)
		r = print_buf(stdout, &out);
	buf_wipe(&out);
	wipe(key, sizeof(key));
	if (r)
		fputs("weir key: the key could not be written\n", stderr);
	return r != 0;
}
