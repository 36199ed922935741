/* SPDX-License-Identifier: Apache-2.0 */
/* Policies that are well written and mean something that cannot be: names, secrets, addresses,
 * rights, what is not built. */
#include <stdlib.h>
#include <string.h>
#include "rig/unit.h"
#include "unit/config/broken.h"

static const struct broken cases[] = {
        {"a secret in the file",
                "version: 1\n"
                "upstreams:\n"
                "  openai: {credential: {api_key: sk-abcdef}}\n",
                "3:34: error: a secret is never written in a file\n"},
        {"a bound that would overwrite another field",
                "version: 1\n"
                "upstreams:\n"
                "  openai: {credential: none, output_field: model}\n",
                "3:44: error: model is no field for the bound on output tokens\n"},
        {"a bound that would overwrite another field in other letters",
                "version: 1\n"
                "upstreams:\n"
                "  openai: {credential: none, output_field: Stream}\n",
                "3:44: error: Stream is no field for the bound on output tokens\n"},
        {"a bound in what is no field",
                "version: 1\n"
                "upstreams:\n"
                "  openai: {credential: none, output_field: \"max tokens\"}\n",
                "3:44: error: max tokens is no field for the bound on output tokens\n"},
        {"a variable that is not set",
                "version: 1\n"
                "upstreams:\n"
                "  openai: {credential: {api_key: \"${env:WEIR_TEST_UNSET}\"}}\n",
                "3:34: error: the environment variable WEIR_TEST_UNSET is not set\n"},
        {"a variable that is empty",
                "version: 1\n"
                "upstreams:\n"
                "  openai: {credential: {api_key: \"${env:WEIR_TEST_EMPTY}\"}}\n",
                "3:34: error: the environment variable WEIR_TEST_EMPTY is empty\n"},
        {"a variable whose name is none",
                "version: 1\n"
                "upstreams:\n"
                "  openai: {credential: {api_key: \"${env:a-b}\"}}\n",
                "3:34: error: a-b is no name of an environment variable\n"},
        {"a file that does not exist",
                "version: 1\n"
                "upstreams:\n"
                "  openai: {credential: {api_key: \"${file:/nonexistent/key}\"}}\n",
                "3:34: error: the file /nonexistent/key does not exist\n"},
        {"a file by a relative path",
                "version: 1\n"
                "upstreams:\n"
                "  openai: {credential: {api_key: \"${file:key}\"}}\n",
                "3:34: error: the file of a reference is named by its whole path\n"},
        {"a reference to something unknown",
                "version: 1\n"
                "upstreams:\n"
                "  openai: {credential: {api_key: \"${vault:key}\"}}\n",
                "3:34: error: ${vault:key} refers to nothing that is known\n"},
        {"a reference that is not closed",
                "version: 1\n"
                "upstreams:\n"
                "  openai: {credential: {api_key: \"${env:KEY\"}}\n",
                "3:34: error: a reference has no closing brace\n"},
        {"a secret with a line break",
                "version: 1\n"
                "upstreams:\n"
                "  openai: {credential: {api_key: \"${env:WEIR_TEST_LINES}\"}}\n",
                "3:34: error: the value that this names holds a line break or another control "
                "character\n"},
        {"a key instead of its hash",
                "version: 1\n"
                "agents:\n"
                "  a: {identity: [{api_key: weir_abc}]}\n",
                "3:28: error: api_key is not the hash of a key, as \"sha256:…\" with 64 hex "
                "digits\n"},
        {"a hash that is cut short",
                "version: 1\n"
                "agents:\n"
                "  a: {identity: [{api_key: \"sha256:0011\"}]}\n",
                "3:28: error: api_key is not the hash of a key, as \"sha256:…\" with 64 hex "
                "digits\n"},
        {"an address without a port",
                "version: 1\n"
                "listeners: {agents: {address: \"127.0.0.1\"}}\n",
                "2:31: error: address: 127.0.0.1 is no address: it has no port\n"},
        {"an address by a name",
                "version: 1\n"
                "listeners: {agents: {address: \"weir.example:4000\"}}\n",
                "2:31: error: address: weir.example:4000 is no address: a listener takes an IP "
                "address, not a name\n"},
        {"IPv6 without brackets",
                "version: 1\n"
                "listeners: {agents: {address: \"::1:4000\"}}\n",
                "2:31: error: address: ::1:4000 is no address: an IPv6 address is written in "
                "brackets, as [::1]:4000\n"},
        {"a port that is none",
                "version: 1\n"
                "listeners: {agents: {address: \"127.0.0.1:99999\"}}\n",
                "2:31: error: address: 127.0.0.1:99999 is no address: a port is a number up to "
                "65535\n"},
        {"a unix socket by a relative path",
                "version: 1\n"
                "listeners: {agents: {address: \"unix:agents.sock\"}}\n",
                "2:31: error: address: unix:agents.sock is no address: a unix socket is named by "
                "its whole path, as unix:/run/weir/agents.sock\n"},
        {"a unix socket with a path that is too long",
                "version: 1\n"
                "listeners: {agents: {address: "
                "\"unix:/"
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}}\n",
                "2:31: error: address: "
                "unix:/"
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa is no address: the path of a unix socket "
                "has at most 107 bytes\n"},
        {"a URL without a scheme",
                "version: 1\n"
                "upstreams: {openai: {url: api.openai.com/v1}}\n",
                "2:27: error: url: api.openai.com/v1 is no URL: it begins neither with https:// "
                "nor with http://\n"},
        {"a URL with a query",
                "version: 1\n"
                "upstreams: {openai: {url: \"https://api.openai.com/v1?a=b\"}}\n",
                "2:27: error: url: https://api.openai.com/v1?a=b is no URL: a base URL has no "
                "query and no fragment\n"},
        {"a URL with a password",
                "version: 1\n"
                "upstreams: {openai: {url: \"https://me:pw@api.openai.com/v1\"}}\n",
                "2:27: error: url is no URL: credentials do not stand in a URL; see credential\n"},
        {"a range with bits behind its prefix",
                "version: 1\n"
                "listeners: {agents: {address: \"127.0.0.1:1\", allow_from: [10.0.0.1/8]}}\n",
                "2:59: error: allow_from: 10.0.0.1/8 is no range of addresses: it has bits set "
                "behind its prefix\n"},
        {"two listeners on one port",
                "version: 1\n"
                "listeners:\n"
                "  agents: {address: \"0.0.0.0:4000\"}\n"
                "  health: {address: \"127.0.0.1:4000\"}\n",
                "3:21: warning: keys and calls cross the network in plain text at this address\n"
                "4:21: error: the listener agents already listens at 0.0.0.0:4000\n"
                "also 3:21\n"},
        {"a listener where health opens by itself",
                "version: 1\n"
                "listeners:\n"
                "  agents: {address: \"127.0.0.1:4002\"}\n",
                "3:21: error: the listener health, which opens by itself, already listens at "
                "127.0.0.1:4002\n"},
        {"two listeners on one unix socket",
                "version: 1\n"
                "listeners:\n"
                "  agents: {address: \"unix:/run/a\"}\n"
                "  more: {address: \"unix:/run/a\"}\n",
                "4:19: error: the listener agents already listens at unix:/run/a\n"
                "also 3:21\n"},
        {"an admin listener that others can reach",
                "version: 1\n"
                "listeners:\n"
                "  admin: {address: \"0.0.0.0:4001\"}\n",
                "3:20: warning: operators' keys cross the network in plain text at this "
                "address\n"},
        {"an admin listener for agents",
                "version: 1\n"
                "upstreams: {openai: {}}\n"
                "models: {m: {upstream: openai}}\n"
                "agents: {a: {models: [m]}}\n"
                "listeners:\n"
                "  admin: {address: \"127.0.0.1:4001\", default_agent: a}\n",
                "6:38: error: default_agent is for agents; an admin listener asks everyone for "
                "an operator's key\n"},
        {"an operator without a key",
                "version: 1\n"
                "admin: {operators: [{name: ann, roles: [read]}]}\n",
                "2:21: error: nobody can be this operator: api_key is missing\n"},
        {"an operator without roles",
                "version: 1\n"
                "admin:\n"
                "  operators:\n"
                "  - {name: ann, api_key: \"" KEY_A "\", roles: []}\n"
                "  - {name: bob, api_key: \"" KEY_B "\"}\n",
                "4:108: error: roles is a list, as [read]\n"
                "5:5: error: roles is missing here\n"},
        {"a role that does not exist",
                "version: 1\n"
                "admin:\n"
                "  operators:\n"
                "  - {name: ann, roles: [read, write], api_key: \"" KEY_A "\"}\n",
                "4:31: error: roles: write is not one of its choices\n"},
        {"operators who cannot be told apart",
                "version: 1\n"
                "admin:\n"
                "  operators:\n"
                "  - {name: ann, api_key: \"" KEY_A "\", roles: [read]}\n"
                "  - {name: bob, api_key: \"" KEY_A "\", roles: [read]}\n"
                "  - {name: ann, api_key: \"" KEY_B "\", roles: [read]}\n",
                "5:26: error: ann and bob have the same key\nalso 4:5\n"
                "6:5: error: two operators are named ann\nalso 4:5\n"},
        {"an operator who is an agent",
                "version: 1\n"
                "upstreams: {openai: {}}\n"
                "models: {m: {upstream: openai}}\n"
                "agents: {a: {models: [m], identity: [{api_key: \"" KEY_A "\"}]}}\n"
                "admin:\n"
                "  operators:\n"
                "  - {name: ann, api_key: \"" KEY_A "\", roles: [read]}\n",
                "7:26: error: this is the key of the agent a: no agent may be an operator\n"},
        {"a default agent that others can reach",
                "version: 1\n"
                "upstreams: {openai: {}}\n"
                "models: {gpt-4o: {upstream: openai}}\n"
                "listeners:\n"
                "  agents: {address: \"0.0.0.0:4000\", default_agent: a}\n"
                "agents:\n"
                "  a: {models: [gpt-4o]}\n",
                "5:21: warning: keys and calls cross the network in plain text at this address\n"
                "5:52: error: default_agent at an address that others can reach\n"},
        {"a default agent that is unknown",
                "version: 1\n"
                "listeners:\n"
                "  agents: {default_agent: lapto}\n"
                "agents:\n"
                "  laptop: {}\n",
                "3:27: error: no agent is named lapto\n"
                "5:3: warning: nobody can be laptop: it has no identity and is no listener's "
                "default_agent\n"},
        {"a file mode at a port",
                "version: 1\n"
                "listeners:\n"
                "  agents: {address: \"127.0.0.1:1\", mode: 0660}\n",
                "3:36: error: mode is for unix sockets; this listener has a port\n"},
        {"an origin with a path",
                "version: 1\n"
                "listeners:\n"
                "  agents: {cors: {origins: [\"https://a.example/x\"]}}\n",
                "3:29: error: https://a.example/x is no origin\n"},
        {"an upstream whose API is unclear",
                "version: 1\n"
                "upstreams:\n"
                "  mine: {url: \"https://a.example\"}\n",
                "3:3: error: the upstream mine has no api, and its name says none\n"},
        {"an API that is not built",
                "version: 1\n"
                "upstreams:\n"
                "  claude: {api: anthropic}\n",
                "3:17: error: api: anthropic is not supported yet\n"},
        {"another, a word of the key in the key's order",
                "version: 1\n"
                "upstreams:\n"
                "  mine: {api: gemini}\n",
                "3:15: error: api: gemini is not supported yet\n"},
        {"a third",
                "version: 1\n"
                "upstreams:\n"
                "  mine: {api: mcp}\n",
                "3:15: error: api: mcp is not supported yet\n"},
        {"a fourth",
                "version: 1\n"
                "upstreams:\n"
                "  mine: {api: weir}\n",
                "3:15: error: api: weir is not supported yet\n"},
        {"an API by name that is not built",
                "version: 1\n"
                "upstreams:\n"
                "  gemini: {}\n",
                "3:3: error: api: gemini is not supported yet\n"},
        {"url and endpoints",
                "version: 1\n"
                "upstreams:\n"
                "  openai: {url: \"https://a.example\", endpoints: [{url: "
                "\"https://b.example\"}]}\n",
                "3:38: error: url and endpoints stand side by side; write one of them\n"
                "also 3:12\n"},
        {"a credential that is nothing",
                "version: 1\n"
                "upstreams:\n"
                "  openai: {credential: {}}\n",
                "3:12: error: a credential holds api_key, or header and value\n"},
        {"a header without a value",
                "version: 1\n"
                "upstreams:\n"
                "  openai: {credential: {header: x-key}}\n",
                "3:25: error: header and value belong together\n"},
        {"tls on plain text",
                "version: 1\n"
                "upstreams:\n"
                "  openai: {url: \"http://a.internal\", tls: {ca: /ca.pem}}\n",
                "3:38: error: tls says nothing here: the URL begins with http://\n"},
        {"plain text over the internet",
                "version: 1\n"
                "upstreams:\n"
                "  openai: {url: \"http://a.example\"}\n",
                "3:12: warning: calls and credentials cross the internet in plain text to this "
                "upstream\n"},
        {"a model without an upstream",
                "version: 1\n"
                "models:\n"
                "  gpt-4o: {}\n",
                "3:3: error: upstream is missing here\n"},
        {"a model of an unknown upstream",
                "version: 1\n"
                "upstreams: {openai: {}}\n"
                "models:\n"
                "  gpt-4o: {upstream: openia}\n",
                "4:22: error: no upstream is named openia\n"},
        {"a model with several upstreams",
                "version: 1\n"
                "upstreams: {openai: {}}\n"
                "models:\n"
                "  gpt-4o: {upstream: [{upstream: openai}]}\n",
                "4:22: error: several upstreams for one model are not supported yet\n"},
        {"fallbacks in a loop",
                "version: 1\n"
                "upstreams: {openai: {}}\n"
                "models:\n"
                "  a: {upstream: openai, fallback: [b]}\n"
                "  b: {upstream: openai, fallback: [a]}\n",
                "4:25: error: fallback is not supported yet\n"
                "5:25: error: fallback is not supported yet\n"
                "5:36: error: the fallbacks go round in a loop: a comes back to itself\n"
                "also 4:3\n"},
        {"an expected output that cannot be",
                "version: 1\n"
                "upstreams: {openai: {}}\n"
                "models:\n"
                "  m: {upstream: openai, max_output: 100, expected_output: 200}\n",
                "4:59: error: expected_output is larger than max_output\n"
                "also 4:25\n"},
        {"a tool at a model provider",
                "version: 1\n"
                "upstreams: {openai: {}}\n"
                "tools:\n"
                "  t: {upstream: openai}\n",
                "4:17: error: the upstream openai serves models, not tools\n"},
        {"tools of an upstream without an address",
                "version: 1\n"
                "upstreams:\n"
                "  orders: {api: http}\n",
                "3:3: error: the upstream orders has no url\n"},
        {"a model at a server of tools",
                "version: 1\n"
                "upstreams: {orders: {api: http, url: \"http://orders\"}}\n"
                "models:\n"
                "  m: {upstream: orders}\n",
                "4:17: error: the upstream orders serves tools, not models\n"},
        {"a path that is none",
                "version: 1\n"
                "upstreams: {orders: {api: http, url: \"http://orders\"}}\n"
                "tools:\n"
                "  a: {upstream: orders, path: \"x/{a}\"}\n"
                "  b: {upstream: orders, path: \"/x/{a\"}\n"
                "  c: {upstream: orders, path: \"/x/{}\"}\n"
                "  d: {upstream: orders, path: \"/x/../{a}\"}\n"
                "  e: {upstream: orders, path: \"/x//y\"}\n"
                "  f: {upstream: orders, path: \"/x?y={a}\"}\n"
                "  g: {upstream: orders, path: \"/x/%2e\"}\n"
                "  h: {upstream: orders, path: \"/x/{a b}\"}\n"
                "  \"..\": {upstream: orders}\n",
                "4:25: error: this is no path of a tool: it does not begin with a slash\n"
                "5:25: error: this is no path of a tool: a brace is not closed\n"
                "6:25: error: this is no path of a tool: what stands between braces is no name "
                "of an argument\n"
                "7:25: error: this is no path of a tool: it has an empty segment, or one of "
                "dots\n"
                "8:25: error: this is no path of a tool: it has an empty segment, or one of "
                "dots\n"
                "9:25: error: this is no path of a tool: it holds a character that has no "
                "place in a path\n"
                "10:25: error: this is no path of a tool: it holds a character that has no "
                "place in a path\n"
                "11:25: error: this is no path of a tool: what stands between braces is no name "
                "of an argument\n"
                "12:3: error: this is no path of a tool: it has an empty segment, or one of "
                "dots\n"},
        {"how a tool is asked that nobody asks",
                "version: 1\n"
                "tools:\n"
                "  a: {method: GET, path: /a, timeout: 5s}\n",
                "3:7: error: method says nothing here: the agent runs a itself\n"
                "3:20: error: path says nothing here: the agent runs a itself\n"
                "3:30: error: timeout says nothing here: the agent runs a itself\n"},
        {"a cache of what may not be left out, and of what runs elsewhere",
                "version: 1\n"
                "upstreams: {orders: {api: http, url: \"http://orders\"}}\n"
                "tools:\n"
                "  a: {upstream: orders, cache: 5m}\n"
                "  b: {idempotent: true, cache: 5m}\n"
                "  c: {upstream: orders, cache: none}\n"
                "  d: {upstream: orders, idempotent: true, cache: {ttl: 5m, share: team}}\n",
                "4:25: error: results of a cannot be cached: it is not said to be idempotent\n"
                "5:25: error: cache says nothing here: the agent runs b itself\n"},
        {"a tool's rate of one user",
                "version: 1\n"
                "upstreams: {orders: {api: http, url: \"http://orders\"}}\n"
                "tools:\n"
                "  a: {upstream: orders, rate_limit: 5/minute per user}\n"
                "  b: {rate_limit: 5/minute, concurrency: 2}\n"
                "  c: {rate_limit: none, concurrency: none}\n",
                "4:25: error: a rate of a is over all agents\n"
                "5:7: error: rate_limit says nothing here: the agent runs b itself\n"
                "5:29: error: concurrency says nothing here: the agent runs b itself\n"},
        {"an agent with an unknown tool",
                "version: 1\n"
                "tools: {lookup_order: {}}\n"
                "agents:\n"
                "  a: {tools: [lookup_ordr]}\n",
                "4:3: warning: nobody can be a: it has no identity and is no listener's "
                "default_agent\n"
                "4:15: error: no tool is named lookup_ordr\n"},
        {"an agent with an unknown model",
                "version: 1\n"
                "upstreams: {openai: {}}\n"
                "models: {gpt-4o: {upstream: openai}}\n"
                "agents:\n"
                "  a: {models: [gpt4o]}\n",
                "5:3: warning: nobody can be a: it has no identity and is no listener's "
                "default_agent\n"
                "5:16: error: no model is named gpt4o\n"},
        {"a model that only a glob covers",
                "version: 1\n"
                "upstreams: {openai: {}}\n"
                "models: {\"gpt-*\": {upstream: openai}}\n"
                "agents:\n"
                "  a: {models: [gpt-4o]}\n",
                "5:3: warning: nobody can be a: it has no identity and is no listener's "
                "default_agent\n"
                "5:16: error: no model is named gpt-4o; it is only covered by gpt-*\n"},
        {"a glob that matches nothing",
                "version: 1\n"
                "tools: {search: {}}\n"
                "agents:\n"
                "  a: {tools: [\"get_*\"]}\n",
                "4:3: warning: nobody can be a: it has no identity and is no listener's "
                "default_agent\n"
                "4:15: error: no tool matches get_*\n"},
        {"a scope that is not held",
                "version: 1\n"
                "tools: {pay: {requires_scopes: [\"write:payments\"]}}\n"
                "agents:\n"
                "  a: {tools: [pay], data_access: [\"read:orders\"]}\n",
                "4:3: warning: nobody can be a: it has no identity and is no listener's "
                "default_agent\n"
                "4:15: error: a lacks the scope write:payments that pay requires\n"},
        {"a scope that is not held, by a glob",
                "version: 1\n"
                "tools: {pay: {requires_scopes: [\"write:payments\"]}}\n"
                "agents:\n"
                "  a: {tools: [\"p*\"]}\n",
                "4:3: warning: nobody can be a: it has no identity and is no listener's "
                "default_agent\n"
                "4:15: warning: a lacks the scope write:payments that pay requires\n"},
        {"any-local",
                "version: 1\n"
                "agents:\n"
                "  a: {tools: [any-local]}\n",
                "3:3: warning: nobody can be a: it has no identity and is no listener's "
                "default_agent\n"
                "3:15: warning: any-local lets a run functions that this policy does not name\n"},
        {"one key for two agents",
                "version: 1\n"
                "agents:\n"
                "  a: {identity: [{api_key: \"" KEY_A "\"}]}\n"
                "  b: {identity: [{api_key: \"" KEY_A "\"}]}\n",
                "4:28: error: a and b have the same key: nobody could tell them apart\n"
                "also 3:28\n"},
        {"one key twice",
                "version: 1\n"
                "agents:\n"
                "  a: {identity: [{api_key: \"" KEY_A "\"}, {api_key: \"" KEY_A "\"}]}\n",
                "3:114: error: this key stands twice at a\n"
                "also 3:28\n"},
        {"an identity that is nothing",
                "version: 1\n"
                "agents:\n"
                "  a: {identity: [{not_after: 2030-01-01}]}\n",
                "3:18: error: an identity is one of api_key, spiffe, certificate, jwt and "
                "service_account\n"},
        {"a key that has ended",
                "version: 1\n"
                "agents:\n"
                "  a: {identity: [{api_key: \"" KEY_A "\", not_after: 2020-01-01}]}\n",
                "3:114: warning: this key of a has ended\n"},
        {"an identity that no listener sees",
                "version: 1\n"
                "listeners: {agents: {address: none}}\n"
                "agents:\n"
                "  a: {identity: [{api_key: \"" KEY_A "\"}]}\n",
                "4:7: error: no listener can see this identity: all for agents are closed\n"},
        {"an agent that nobody can be",
                "version: 1\n"
                "agents:\n"
                "  lonely: {}\n",
                "3:3: warning: nobody can be lonely: it has no identity and is no listener's "
                "default_agent\n"},
        {"a team that is not declared",
                "version: 1\n"
                "teams: {support: {}}\n"
                "agents:\n"
                "  a: {team: suport, identity: [{api_key: \"" KEY_A "\"}]}\n",
                "4:13: error: no team is named suport\n"},
        {"an identity in defaults",
                "version: 1\n"
                "defaults:\n"
                "  identity: [{api_key: \"" KEY_A "\"}]\n",
                "3:3: error: identity is not inherited\n"},
        {"any-local in a team",
                "version: 1\n"
                "teams:\n"
                "  t: {tools: [any-local]}\n",
                "3:15: error: any-local is not inherited\n"},
        {"a mistake in defaults, said once",
                "version: 1\n"
                "defaults: {models: [x]}\n"
                "agents:\n"
                "  a: {identity: [{api_key: \"" KEY_A "\"}]}\n"
                "  b: {identity: [{api_key: \"" KEY_B "\"}]}\n",
                "2:21: error: no model is named x\n"},
        {"a budget of nothing",
                "version: 1\n"
                "budget: [{cost: 100, per: day}, {per: month}]\n"
                "agents:\n"
                "  a:\n"
                "    identity: [{api_key: \"" KEY_A "\"}]\n"
                "    budget: {agent: {per: day}}\n",
                "2:33: error: this budget limits neither cost nor tokens\n"
                "6:14: error: this budget limits neither cost nor tokens\n"},
        {"a budget with a mistake in it",
                "version: 1\n"
                "agents:\n"
                "  a:\n"
                "    identity: [{api_key: \"" KEY_A "\"}]\n"
                "    budget: {agent: [{cost: 20, per: fortnight}, {cost: 1e3, tokens: 0}]}\n",
                "5:38: error: per: fortnight is not one of its choices\n"
                "5:57: error: cost: 1e3 is not an amount of USD, as 0.005 or 20\n"
                "5:70: error: tokens: 0 is out of range\n"},
        {"a request with a time",
                "version: 1\n"
                "agents:\n"
                "  a:\n"
                "    identity: [{api_key: \"" KEY_A "\"}]\n"
                "    budget: {request: {cost: 1, per: day}}\n",
                "5:38: error: one request has no time that it is for\n"},
        {"budgets and rates that nothing can select",
                "version: 1\n"
                "agents:\n"
                "  a:\n"
                "    identity: [{api_key: \"" KEY_A "\"}]\n"
                "    budget: {agent: {cost: 9, per: day}, user: {cost: 1, per: day}, workflow: "
                "{cost: 1}}\n"
                "    rate_limit: [\"100/hour\", \"5/minute per user\"]\n",
                "5:42: error: nothing can select this budget: no user of a is verified or trusted\n"
                "5:69: error: nothing can select this budget: no workflow of a is verified or "
                "trusted\n"
                "6:30: error: nothing can select this rate: no user of a is verified or trusted\n"},
        {"a budget by workflow without one around it",
                "version: 1\n"
                "agents:\n"
                "  a:\n"
                "    identity: [{api_key: \"" KEY_A "\"}]\n"
                "    trust_claimed: [workflow]\n"
                "    budget: {workflow: {cost: 1}}\n",
                "6:14: error: a budget by workflow needs an agent or team budget around it\n"},
        {"a team's budget at an agent",
                "version: 1\n"
                "teams: {t: {budget: {team: {cost: 9, per: day}}}}\n"
                "agents:\n"
                "  a:\n"
                "    identity: [{api_key: \"" KEY_A "\"}]\n"
                "    team: t\n"
                "    budget: {team: {cost: 10, per: day}}\n",
                "7:14: error: budget.team stands at a team\n"},
        {"privacy",
                "version: 1\n"
                "defaults: {privacy: {inputs: redact}}\n",
                "2:22: error: inputs: redact is not supported yet\n"},
        {"a policy that is never in shadow",
                "version: 1\n"
                "defaults: {mode: {shadow: [limits]}}\n",
                "2:28: error: limits is always enforced\n"},
        {"a policy that is not built in shadow",
                "version: 1\n"
                "defaults: {mode: {shadow: [privacy]}}\n",
                "2:28: error: privacy in shadow is not supported yet\n"},
        {"TLS at a listener",
                "version: 1\n"
                "listeners:\n"
                "  agents: {tls: {certificate: /c.pem, key: /k.pem}}\n",
                "3:12: error: tls is not supported yet\n"},
        {"keys and calls in plain text",
                "version: 1\n"
                "listeners:\n"
                "  agents: {address: \"0.0.0.0:4000\"}\n",
                "3:21: warning: keys and calls cross the network in plain text at this address\n"},
};

static void each_mistake_of_meaning_is_named_with_its_place(void **state)
{
	(void)state;
	setenv("WEIR_TEST_EMPTY", "", 1);
	setenv("WEIR_TEST_LINES", "a\nb", 1);
	unsetenv("WEIR_TEST_UNSET");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		broken_check(&cases[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_mistake_of_meaning_is_named_with_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
