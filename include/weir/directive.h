/* SPDX-License-Identifier: Apache-2.0 */
/* directive: one key of the policy language. A section is a table of them, declared beside what it
 * configures; reading, the messages, `weir explain`, `weir schema` and the list of what is inactive
 * all derive from the tables. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum directive_kind {
	DIRECTIVE_ANY,       /* any value; only that it is YAML is checked */
	DIRECTIVE_BOOL,      /* bool */
	DIRECTIVE_COUNT,     /* unsigned of any width; 5000, 200k, 5M, 5e+06 */
	DIRECTIVE_SIZE,      /* unsigned of any width, bytes; 64KiB */
	DIRECTIVE_TIME,      /* uint64_t, ns; 250ms, 15m */
	DIRECTIVE_RATE,      /* struct rate; 100/hour */
	DIRECTIVE_PERCENT,   /* uint32_t, hundredths of a percent; 80% */
	DIRECTIVE_MONEY,     /* nanousd; a plain number of USD */
	DIRECTIVE_PRICE,     /* picousd a token; USD per million tokens */
	DIRECTIVE_DATE,      /* uint64_t, wall ns; 2026-12-31 */
	DIRECTIVE_TEXT,      /* struct slice */
	DIRECTIVE_NAME,      /* struct slice; [a-z0-9][a-z0-9_.-]{0,62} */
	DIRECTIVE_MODEL,     /* struct slice; as providers spell them, or a glob */
	DIRECTIVE_TOOL,      /* struct slice; [A-Za-z0-9_.-]{1,128}, or a glob */
	DIRECTIVE_CHOICE,    /* unsigned of any width: the index in words */
	DIRECTIVE_SECRET,    /* struct secret *; only ${env:NAME} or ${file:/path} */
	DIRECTIVE_HASH,      /* uint8_t[32]; sha256:HEX */
	DIRECTIVE_ADDRESS,   /* struct address_conf */
	DIRECTIVE_URL,       /* struct slice, or struct endpoint_conf when it is that wide */
	DIRECTIVE_CIDR,      /* struct slice; 10.0.0.0/8, fd00::/8 */
	DIRECTIVE_FILE_MODE, /* uint32_t; 0660 */
	DIRECTIVE_BLOCK,     /* the struct that its own table describes */
};

enum directive_shape {
	SHAPE_ONE,
	SHAPE_LIST,        /* stored as pointer and count */
	SHAPE_ONE_OR_LIST, /* the same; one value stands for a list of one */
	SHAPE_MAP,         /* names to values; items begin with struct slice name */
};

enum directive_status {
	DIRECTIVE_BUILT,
	DIRECTIVE_LATER, /* known and checked, but anything except its inactive value is `not
	                    supported yet` */
};

struct reader;
struct node;

struct directive {
	const char *name; /* NULL ends a table */
	const char *help; /* one line, no full stop */
	enum directive_kind kind;
	enum directive_shape shape;
	enum directive_status status;
	bool required;
	bool stored;           /* offset and width are meant; else the value is only checked */
	uint32_t offset;       /* of the member, or of the pointer to the items */
	uint32_t width;        /* of the member, or of one item */
	uint32_t count_offset; /* unsigned: how many items */
	uint32_t present;      /* of a bool that says whether it was written; 0: none */
	const char *fallback;  /* parsed like what users write; NULL: the member stays zero */
	const char *inactive;  /* words that switch it off, between blanks; `[]` and `{}` count as
	                          words. LATER: nothing else is taken */
	bool off_is_nothing;   /* such a word is not the same as leaving the key out: no fallback holds */
	const char *note;      /* LATER: what its absence means, for the list of what is inactive */
	const char *words;     /* CHOICE (or the short form): the choices, between blanks */
	const struct directive *block; /* BLOCK: its table */
	enum directive_kind
	        short_kind; /* BLOCK: one value of this kind may stand for the map; ANY: none may */
	enum directive_kind key_kind; /* MAP: what names look like: NAME, MODEL or TOOL */
	const char *definition;       /* the schema writes the block once, under this name */
	uint64_t min, max;            /* of numbers; max == 0: no more than the width holds */
	/* Instead of the generic reading. n is NULL when the key is absent. base: the struct that
	 * the table describes, or NULL when the value is only to be checked. */
	void (*read)(struct reader *r, const struct directive *d, const struct node *n, void *base);
};

#define DIRECTIVE_AT(type, member)                                                                 \
	.stored = true, .offset = offsetof(type, member), .width = sizeof(((type *)0)->member)
#define DIRECTIVE_ITEMS(type, member)                                                              \
	.stored = true, .offset = offsetof(type, member), .width = sizeof(*((type *)0)->member),   \
	.count_offset = offsetof(type, n_##member)
