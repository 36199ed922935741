/* SPDX-License-Identifier: Apache-2.0 */
/* commands: one function each, in the file of its name; argv[0] is the command's own name. They
 * return the exit status: 0 good, 1 failed, 2 called in a way that is not understood. */
#pragma once

int command_run(int argc, char **argv);
int command_check(int argc, char **argv);
int command_explain(int argc, char **argv);
int command_schema(int argc, char **argv);
int command_key(int argc, char **argv);
int command_audit(int argc, char **argv);
int command_ledger(int argc, char **argv);
int command_healthcheck(int argc, char **argv);
int command_version(int argc, char **argv);
