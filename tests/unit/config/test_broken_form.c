/* SPDX-License-Identifier: Apache-2.0 */
/* Policies with one mistake each in how they are written: syntax, keys, types, units. */
#include <stdlib.h>
#include <string.h>
#include "rig/unit.h"
#include "unit/config/broken.h"

static const struct broken cases[] = {
        {"an unquoted reference in a flow map",
                "version: 1\n"
                "listeners:\n"
                "  agents: {address: 0.0.0.0:${env:PORT}}\n",
                "3:30: error: this is not YAML:\n"},
        {"a bare star in a list",
                "version: 1\n"
                "agents:\n"
                "  a: {tools: [*]}\n",
                "3:16: error: this is not YAML:\n"},
        {"an alias",
                "version: 1\n"
                "agents:\n"
                "  a: {tools: *all}\n",
                "3:14: error: aliases are not read here\n"},
        {"a bare star as a model",
                "version: 1\n"
                "models:\n"
                "  *: {upstream: openai}\n",
                "3:3: error: aliases are not read here\n"},
        {"an anchor",
                "version: 1\n"
                "tools: &all\n"
                "  t: {}\n",
                "2:8: error: anchors are not read here\n"},
        {"a tag",
                "version: 1\n"
                "workers: !!int 3\n",
                "2:10: error: tags are not read here\n"},
        {"a merge key",
                "version: 1\n"
                "defaults:\n"
                "  <<: {team: a}\n",
                "3:3: error: merge keys are not read here\n"},
        {"a second document",
                "version: 1\n"
                "---\n"
                "version: 1\n",
                "2:1: error: a second document begins here\n"},
        {"a value that begins with %",
                "version: 1\n"
                "tools:\n"
                "  t: %x\n",
                "3:6: error: this is not YAML:\n"},
        {"a tab",
                "version: 1\n"
                "tools:\n"
                "\tt: {}\n",
                "3:1: error: this is not YAML:\n"},
        {"a quote that is never closed",
                "version: 1\n"
                "public_url: \"https://a\n",
                "2:14: error: this is not YAML:\n"},
        {"two colons in one line",
                "version: 1\n"
                "public_url: a: b\n",
                "2:14: error: this is not YAML:\n"},
        {"a brace that is never closed",
                "version: 1\n"
                "log: {level: info\n",
                "3:1: error: this is not YAML:\n"},
        {"a key twice in one map",
                "version: 1\n"
                "tools:\n"
                "  t: {}\n"
                "  u: {}\n"
                "  t: {}\n",
                "5:3: error: the key t stands twice in this map\n"
                "also 3:3\n"},
        {"a list where the policy is meant", "- version\n",
                "1:1: error: a policy is a map of keys\n"},
        {"a lone word", "hello\n", "1:1: error: a policy is a map of keys\n"},
        {"an empty file", "", "1:1: error: the policy is empty\n"},
        {"only a comment", "# nothing\n", "1:1: error: the policy is empty\n"},
        {"an empty item",
                "version: 1\n"
                "agents:\n"
                "  a: {tools: [b, , c]}\n",
                "3:18: error: this is not YAML:\n"},
        {"a list as a key",
                "version: 1\n"
                "? [a]\n"
                ": b\n",
                "2:3: error: a key is a word, not a map or a list\n"},
        {"a control character",
                "version: 1\n"
                "log: \a\n",
                "2:6: error: a control character stands here\n"},
        {"bytes that are not UTF-8",
                "version: 1\n"
                "log: \377\n",
                "2:6: error: the file is not UTF-8 here\n"},
        {"wrong indentation",
                "version: 1\n"
                "log:\n"
                "   level: info\n"
                "  format: json\n",
                "4:3: error: this is not YAML:\n"},
        {"no version", "tools: {}\n", "1:1: error: version is missing here\n"},
        {"another version", "version: 2\n", "1:10: error: version: 2 is not one of its choices\n"},
        {"an unknown section",
                "version: 1\n"
                "agnets: {}\n",
                "2:1: error: there is no key named agnets here\n"},
        {"an unknown key of an agent",
                "version: 1\n"
                "agents:\n"
                "  a:\n"
                "    identty: []\n",
                "3:3: warning: nobody can be a: it has no identity and is no listener's "
                "default_agent\n"
                "4:5: error: there is no key named identty here\n"},
        {"an unknown key that is like nothing",
                "version: 1\n"
                "log: {zzzzzzzz: 1}\n",
                "2:7: error: there is no key named zzzzzzzz here\n"},
        {"a duration without a unit",
                "version: 1\n"
                "keep_alive_comment: 15\n",
                "2:21: error: keep_alive_comment: 15 is not a duration, as 250ms, 5s, 15m, 1h or "
                "30d\n"},
        {"a duration with an unknown unit",
                "version: 1\n"
                "drain: {quiet: 3 fortnights}\n",
                "2:16: error: quiet: 3 fortnights is not a duration, as 250ms, 5s, 15m, 1h or "
                "30d\n"},
        {"a duration that is too long",
                "version: 1\n"
                "drain: {quiet: 10h}\n",
                "2:16: error: quiet: 10h is out of range\n"},
        {"a size that is no size",
                "version: 1\n"
                "listeners: {agents: {limits: {body_bytes: 8MB}}}\n",
                "2:43: error: body_bytes: 8MB is not a size, as 512, 64KiB or 8MiB\n"},
        {"a size that is too large",
                "version: 1\n"
                "listeners: {agents: {limits: {header_bytes: 2MiB}}}\n",
                "2:45: error: header_bytes: 2MiB is out of range\n"},
        {"a count that is a word",
                "version: 1\n"
                "workers: many\n",
                "2:10: error: workers: many is not a whole number, as 5000, 200k or 5M\n"},
        {"a fraction of a worker",
                "version: 1\n"
                "workers: 1.5\n",
                "2:10: error: workers: 1.5 is out of range\n"},
        {"a negative count",
                "version: 1\n"
                "workers: -1\n",
                "2:10: error: workers: -1 is not a whole number, as 5000, 200k or 5M\n"},
        {"money finer than a nano-dollar",
                "version: 1\n"
                "tools: {t: {cost: 0.0000000001}}\n",
                "2:19: error: cost: 0.0000000001 is out of range\n"},
        {"money with a sign",
                "version: 1\n"
                "tools: {t: {cost: $5}}\n",
                "2:19: error: cost: $5 is not an amount of USD, as 0.005 or 20\n"},
        {"a price finer than a pico-dollar",
                "version: 1\n"
                "upstreams: {openai: {}}\n"
                "models: {m: {upstream: openai, price: {input: 0.0000001, output: 1}}}\n",
                "3:47: error: input: 0.0000001 is out of range\n"},
        {"half a price",
                "version: 1\n"
                "upstreams: {openai: {}}\n"
                "models:\n"
                "  m: {upstream: openai, price: {input: 2.5}}\n",
                "4:25: error: output is missing here\n"},
        {"answers that are given again without end",
                "version: 1\n"
                "upstreams: {openai: {}}\n"
                "models: {m: {upstream: openai, cache: {share: everybody}}}\n",
                "3:32: error: ttl is missing here\n"
                "3:47: error: share: everybody is not one of its choices\n"},
        {"a rate per fortnight",
                "version: 1\n"
                "agents: {a: {rate_limit: 100/fortnight}}\n",
                "2:10: warning: nobody can be a: it has no identity and is no listener's "
                "default_agent\n"
                "2:26: error: rate_limit: 100/fortnight is not a rate, as 100/hour, 10/second or "
                "200k/minute\n"},
        {"a boolean where a word is meant",
                "version: 1\n"
                "log: {bodies: off}\n",
                "2:7: error: bodies: off is not supported yet\n"
                "2:15: error: bodies: off is a boolean where a word is meant\n"},
        {"a word where a boolean is meant",
                "version: 1\n"
                "tools: {t: {idempotent: yes}}\n",
                "2:25: error: idempotent: yes is not true or false\n"},
        {"a quoted boolean",
                "version: 1\n"
                "tools: {t: {idempotent: \"true\"}}\n",
                "2:25: error: idempotent: true is not true or false\n"},
        {"a choice that is none",
                "version: 1\n"
                "log: {level: verbose}\n",
                "2:14: error: level: verbose is not one of its choices\n"},
        {"one value where a list is meant",
                "version: 1\n"
                "agents: {a: {tools: search}}\n",
                "2:10: warning: nobody can be a: it has no identity and is no listener's "
                "default_agent\n"
                "2:21: error: tools: one value stands where a list is meant\n"},
        {"a list where one value is meant",
                "version: 1\n"
                "log: {level: [info]}\n",
                "2:14: error: level: a list stands where one of its choices is meant\n"},
        {"a map where a list is meant",
                "version: 1\n"
                "agents: {a: {tools: {b: c}}}\n",
                "2:10: warning: nobody can be a: it has no identity and is no listener's "
                "default_agent\n"
                "2:21: error: tools: a map stands where a list is meant\n"},
        {"a list where a map is meant",
                "version: 1\n"
                "log: [info]\n",
                "2:6: error: log: a list stands where a map is meant\n"},
        {"an agent with capitals",
                "version: 1\n"
                "agents: {Support: {}}\n",
                "2:10: error: agents: Support is not a name: lower-case letters, digits, _ . and "
                "-, at most 63\n"
                "2:10: warning: nobody can be Support: it has no identity and is no listener's "
                "default_agent\n"},
        {"a tool with a blank",
                "version: 1\n"
                "tools: {\"look up\": {}}\n",
                "2:9: error: tools: look up is not a tool's name: letters, digits, _ . and -, at "
                "most 128\n"},
        {"a tool with a star",
                "version: 1\n"
                "tools: {\"get_*\": {}}\n",
                "2:9: error: the name of a tool holds no *\n"},
        {"a date that is none",
                "version: 1\n"
                "agents: {a: {mode: {shadow: [tools], until: 2026-02-30}}}\n",
                "2:10: warning: nobody can be a: it has no identity and is no listener's "
                "default_agent\n"
                "2:45: error: until: 2026-02-30 is not a date, as 2026-12-31 or "
                "2026-12-31T23:00:00Z\n"},
        {"a file mode that is decimal",
                "version: 1\n"
                "listeners: {agents: {address: \"unix:/a\", mode: 0900}}\n",
                "2:48: error: mode: 0900 is not a file mode, as 0660\n"},
        {"nesting without end",
                "version: 1\n"
                "log: "
                "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"
                "\n",
                "2:37: error: maps and lists are nested deeper than 32\n"},
        {"a reference where none is replaced",
                "version: 1\n"
                "agents: {a: {team: \"${env:TEAM}\"}}\n",
                "2:10: warning: nobody can be a: it has no identity and is no listener's "
                "default_agent\n"
                "2:20: error: team: a ${…} is not replaced here\n"},
};

static void each_mistake_of_form_is_named_with_its_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		broken_check(&cases[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_mistake_of_form_is_named_with_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
