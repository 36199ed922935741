/* SPDX-License-Identifier: Apache-2.0 */
/* keys_tools: every tool that any agent may use: those that agents run themselves, and those that
 * are asked over HTTP. */
#include "config/keys.h"

const char tool_method_words[] = "GET POST PUT PATCH DELETE";

const struct directive tool_directives[] = {
        {KEY("upstream", NAME, "where it runs; by default the agent runs it itself")},
        {KEY("upstream_name", TOOL, "its name there"),
                DIRECTIVE_AT(struct tool_conf, upstream_name)},
        {KEY("requires_scopes", TEXT, "data scopes that an agent needs to use it"), LIST,
                DIRECTIVE_ITEMS(struct tool_conf, requires_scopes)},
        {KEY("idempotent", BOOL, "may be repeated without harm"),
                DIRECTIVE_AT(struct tool_conf, idempotent), .fallback = "false"},
        {KEY("cost", MONEY, "USD a call"), DIRECTIVE_AT(struct tool_conf, cost), .fallback = "0"},
        {KEY("cache", BLOCK, "how long an identical call is answered from the cache"),
                OF_BLOCK(reuse_keys), OR_SHORT(TIME), DIRECTIVE_AT(struct tool_conf, cache),
                OFF("none false"), .read = reuse_read},
        {KEY("arguments", ANY, "JSON Schema of its arguments"), LATER("none {}"),
                .note = "arguments of tool calls are not checked"},
        {KEY("schema_file", TEXT, "file with the JSON Schema of its arguments"), LATER("none")},
        {KEY("rules", TEXT, "conditions on its arguments, as \"amount <= 500\""), LIST,
                LATER("[] none")},
        {KEY("method", CHOICE, "of the HTTP request"), .words = tool_method_words,
                DIRECTIVE_AT(struct tool_conf, method_word), .fallback = "POST"},
        {KEY("path", TEXT,
                 "of the HTTP request, as \"/orders/{order_id}\"; by default / and its name"),
                DIRECTIVE_AT(struct tool_conf, path)},
        {KEY("rate_limit", RATE, "calls, over all agents"), ONE_OR_LIST, OFF("none []"),
                DIRECTIVE_ITEMS(struct tool_conf, rates)},
        {KEY("concurrency", COUNT, "calls at once, over all agents"), OFF("none"), .min = 1,
                DIRECTIVE_AT(struct tool_conf, concurrency)},
        {KEY("timeout", TIME, "of one call, instead of its upstream's first_byte and total"),
                DIRECTIVE_AT(struct tool_conf, timeout_ns), OFF("none"), .min = 1000000,
                .max = 86400000000000},
        {KEY("restore", TEXT, "entities whose tokens are turned back for this tool"), LIST,
                LATER("[] none")},
        {KEY("pin", TEXT, "sha256:… of an MCP tool's definition, or first_seen"), LATER("none")},
        {0},
};
