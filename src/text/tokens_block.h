/* SPDX-License-Identifier: Apache-2.0 */
/* tokens_block: what is counted of whole blocks of a text, of TOKEN_BLOCK bytes each. */
#pragma once
#include "weir/tokens.h"

typedef void tokens_blocks_fn(struct token_counter *t, const unsigned char *at, size_t n);

/* n blocks, by what this machine has; the same counts everywhere. */
tokens_blocks_fn tokens_blocks;
/* On every machine. */
tokens_blocks_fn tokens_blocks_plain;
/* NULL: this machine has nothing better. */
tokens_blocks_fn *tokens_blocks_wide(void);
