/* SPDX-License-Identifier: Apache-2.0 */
/* admin_key: the operator's key that the first start writes beside the state where the policy names no operator. */
#pragma once
#include "app/state.h"

#define ADMIN_KEY_FILE "admin.key"

/* Reads the file's hash; makes a key and the file (0600) where there is none. 0, or a negative errno and one sentence in
 * ret_note. path: of the folder, for what is said. */
int admin_key_open(const struct state *s, struct slice path, uint8_t ret_sha256[SHA256_LEN], bool *ret_made, char ret_note[256]);
/* The key itself, for a command of whoever may read it, ended by a NUL. 0 or a negative errno. */
int admin_key_read(const char *file, char *ret_key, size_t room);
