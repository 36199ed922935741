/* SPDX-License-Identifier: Apache-2.0 */
/* users: see users.h. */
#include "journal/users.h"
#include "base/map.h"
#include "journal/pack.h"

int users_init(struct users *u, struct slice key)
{
	memset(u, 0, sizeof(*u));
	return seal_init(&u->seal, key, USER_LABEL);
}

void users_finish(struct users *u)
{
	seal_finish(&u->seal);
	wipe(u->kept, sizeof(u->kept));
}

const uint8_t *users_seal(struct users *u, struct slice name, uint8_t *room)
{
	size_t at = hash_bytes(name) % USERS_KEPT;

	if (name.len > USER_KEPT_MAX)
		return seal_put(&u->seal, name, room) ? NULL : room;
	if (u->kept[at].len == name.len && !memcmp(u->kept[at].text, name.at, name.len))
		return u->kept[at].sealed;
	u->kept[at].len = 0;
	if (seal_put(&u->seal, name, u->kept[at].sealed))
		return NULL;
	memcpy(u->kept[at].text, name.at, name.len);
	u->kept[at].len = (uint8_t)name.len;
	return u->kept[at].sealed;
}
