/* SPDX-License-Identifier: Apache-2.0 */
/* command_schema: `weir schema`: the policy language for editors. */
#include <string.h>
#include "app/commands.h"
#include "app/print.h"
#include "config/schema.h"

static const char help[] =
        "usage: weir schema\n"
        "\n"
        "Prints the JSON Schema (2020-12) of the policy language, for editors and other checkers.\n"
        "\n"
        "Examples:\n"
        "  weir schema > weir.schema.json\n"
        "  and as the first line of a policy:\n"
        "  # yaml-language-server: $schema=weir.schema.json\n";

int command_schema(int argc, char **argv)
{
	struct buf text = BUF_INIT(SCHEMA_MAX);
	int error;

	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(help, stdout);
		return 0;
	}
	if (argc > 1)
		return print_usage_error("schema", "it takes no options");
	error = schema_write(&text);
	if (!error)
		error = print_buf(stdout, &text);
	buf_finish(&text);
	if (error)
		fputs("weir schema: the schema could not be written\n", stderr);
	return error != 0;
}
