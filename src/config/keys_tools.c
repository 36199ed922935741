/* SPDX-License-Identifier: Apache-2.0 */
/* keys_tools: every tool that any agent may use. Only those that agents run themselves so far. */
#include "config/keys.h"

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
                OF_BLOCK(reuse_keys), OR_SHORT(TIME), LATER("none false"),
                .note = "results of tools are not cached"},
        {KEY("arguments", ANY, "JSON Schema of its arguments"), LATER("none {}"),
                .note = "arguments of tool calls are not checked"},
        {KEY("schema_file", TEXT, "file with the JSON Schema of its arguments"), LATER("none")},
        {KEY("rules", TEXT, "conditions on its arguments, as \"amount <= 500\""), LIST,
                LATER("[] none")},
        {KEY("method", CHOICE, "of the HTTP request"), .words = "GET POST PUT PATCH DELETE",
                LATER("none")},
        {KEY("path", TEXT, "of the HTTP request, as \"/orders/{order_id}\""), LATER("none")},
        {KEY("rate_limit", RATE, "over all agents"), ONE_OR_LIST, LATER("none [] ")},
        {KEY("concurrency", COUNT, "over all agents"), LATER("none")},
        {KEY("timeout", TIME, "of one call"), LATER("none")},
        {KEY("restore", TEXT, "entities whose tokens are turned back for this tool"), LIST,
                LATER("[] none")},
        {KEY("pin", TEXT, "sha256:… of an MCP tool's definition, or first_seen"), LATER("none")},
        {0},
};
