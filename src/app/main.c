/* SPDX-License-Identifier: Apache-2.0 */
/* main: which command was meant. */
#include <stdio.h>
#include <string.h>
#include "app/commands.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{"run", command_run, "serve a policy, alone or for a command"},
	{"check", command_check, "find every mistake in a policy"},
	{"explain", command_explain, "show what a policy means for an agent, and where each value comes from"},
	{"schema", command_schema, "print the policy language as a JSON Schema"},
	{"key", command_key, "make a key for an agent"},
	{"audit", command_audit, "show the journal, and whether it holds"},
	{"ledger", command_ledger, "show who spent what"},
	{"healthcheck", command_healthcheck, "ask a running Weir whether it is ready"},
	{"version", command_version, "print the version"},
};

static void print_help(FILE *to)
{
	fputs("Weir stands between AI agents and the model and tool APIs that they call.\n\nusage: weir COMMAND [OPTIONS]\n\n", to);
	for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(to, "  %-12s %s\n", commands[i].name, commands[i].help);
	fputs("\n`weir COMMAND --help` shows its options with examples.\n", to);
}

int command_version(int argc, char **argv)
{
	(void)argc, (void)argv;
	puts("weir " WEIR_VERSION);
	return 0;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	if (!strcmp(name, "--version") || !strcmp(name, "-V"))
		name = "version";
	for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(name, commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
		print_help(stdout);
		return 0;
	}
	if (*name)
		fprintf(stderr, "weir: there is no command %s\n\n", name);
	print_help(stderr);
	return 2;
}
