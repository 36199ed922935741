# SPDX-License-Identifier: Apache-2.0
"""tools.X.cache: an identical call of a tool is answered with the result of the one before. For whom, for how long, what is the
same, and what is never kept."""

import concurrent.futures
import time
from decimal import Decimal

import pytest

from fleet import Fleet
from redis_rig import Server
from rig import eventually
from test_plain_tools import call, refusal, start

OK = {"body": '{"ok": true}', "usage": "none"}
ERROR = {"usage": "none", "body": "no", "content_type": "text/plain"}
COST = Decimal("0.005")


def lookup(cache="1h", **more):
    return {"upstream": "orders", "idempotent": True, "cost": float(COST), "cache": cache, **more}


@pytest.fixture
def shop(start_provider):
    return start_provider(script=OK)


@pytest.fixture
def begin(start_weir, provider, shop):
    def begin(cache="1h", agents=None, tools=None, upstream=None, **more):
        tools = {"lookup": lookup(cache, **more), "other": lookup(upstream_name="lookup", **more), **(tools or {})}
        weir = start(start_weir, provider, shop, tools=tools, upstream=upstream, agents={
            "app": {"tools": ["lookup", "other", "pay"], "trust_claimed": ["user"]}, "full": {"tools": ["lookup"]}, **(agents or {})})
        # Both are asked alike, so the oracle cannot tell whose call was whose.
        weir.change["tools"]["other"]["path"] = "/other"
        weir.reload()
        return weir
    return begin


def said(answers):
    return [a.headers.get("x-weir-cache") for a in answers]


def test_the_second_identical_call_never_gets_there(begin, shop):
    weir = begin()
    first, second = (call(weir, "lookup", {"order_id": "A-1"}, script={**OK, "headers": {"x-more": "1"}}) for _ in range(2))
    assert said([first, second]) == ["miss", "hit"] and len(shop.ledger()) == 1
    assert (second.status_code, second.content, second.headers["content-type"]) == (200, b'{"ok": true}', "application/json")
    assert Decimal(first.headers["x-weir-cost-usd"]) == COST and Decimal(second.headers["x-weir-cost-usd"]) == 0
    assert second.headers["x-weir-attempts"] == "0" and "x-more" not in second.headers
    lines = eventually(lambda: (c := weir.calls()) and len(c) == 2 and c)
    assert [(c["cache"], c["cost_usd"], c["attempts"], c["ended_by"], c["tool"]) for c in lines] == [
        ("miss", COST, 1, "upstream", "lookup"), ("hit", 0, 0, "gateway", "lookup")]
    page = weir.metrics()
    assert [weir.metric("weir_cache_total", page, kind="tool", result=r) for r in ("miss", "hit")] == [1, 1]
    assert weir.metric("agent_tool_calls_total", page, tool="lookup", verdict="allow") == 2


def test_without_the_key_nothing_is_kept_or_said(begin, shop):
    weir = begin()
    assert said([call(weir, "pay", {}), call(weir, "pay", {})]) == [None, None] and len(shop.ledger()) == 2


def test_another_account_there_has_its_own(begin, shop, tmp_path):
    """The file that its token stands in is written anew; the policy stays as it is."""
    token = tmp_path / "token"
    token.write_text("account-one\n")
    weir = begin(upstream={"credential": {"header": "x-account", "value": f"${{file:{token}}}"}})

    def ask():
        return said([call(weir, "lookup", {"order_id": "A-1"})])
    assert ask() + ask() == ["miss", "hit"]
    token.write_text("account-two\n")
    weir.reload()
    eventually(lambda: ask() == ["miss"], 5, "what account-one was answered is given to account-two")
    assert ask() == ["hit"] and len(shop.ledger()) == 2


SAME = [b'{"a": 1, "b": [1.0, "x\\u0061", {"d": null, "c": 100}]}', b'{"b":[10e-1,"xa",{"c":1E+2,"d":null}],"a":1.00}',
        b'\n{"a":0.1e1,"b":[1,"\\u0078a",{"c":1e2,"d":null}] } ']


def test_what_means_the_same_is_the_same(begin, shop):
    weir = begin()
    assert said([call(weir, "lookup", body) for body in SAME]) == ["miss", "hit", "hit"] and len(shop.ledger()) == 1
    assert shop.last_body() == SAME[0]


@pytest.mark.parametrize("one, other", [
    (b'{"a":[1,2]}', b'{"a":[2,1]}'), (b'{"a":1}', b'{"a":"1"}'), (b'{"a":1}', b'{"a":true}'), (b'{"a":null}', b"{}"),
    (b'{"a":9007199254740993}', b'{"a":9007199254740992}'), (b'{"a":0.1}', b'{"a":0.10000000000000001}'),
    (b'{"a":1e400}', b'{"a":1e401}'), (b'{"a":"caf\xc3\xa9"}', b'{"a":"cafe\xcc\x81"}'), (b'{"a":{"b":1}}', b'{"a":{},"b":1}'),
])
def test_what_means_something_else_is_not(begin, shop, one, other):
    weir = begin()
    assert said([call(weir, "lookup", one), call(weir, "lookup", other)]) == ["miss", "miss"]


def test_it_holds_for_one_tool_agent_user_and_what_goes_with_it(begin, shop):
    weir = begin()

    def ask(name="lookup", agent="app", **headers):
        return call(weir, name, {"a": 1}, agent, headers={n.replace("_", "-"): v for n, v in headers.items()}).headers["x-weir-cache"]
    assert [ask(), ask()] == ["miss", "hit"]
    assert ask("other") == "miss"
    assert ask(agent="full") == "miss"
    assert [ask(x_weir_user="u1"), ask(x_weir_user="u2"), ask(x_weir_user="u1")] == ["miss", "miss", "hit"]
    assert [ask(accept="text/csv"), ask(x_mine="1"), ask(x_mine="2"), ask(x_mine="1")] == ["miss", "miss", "miss", "hit"]
    assert [ask(x_request_id="r-1"), ask(x_weir_workflow="w"), ask(idempotency_key="k-1")] == ["hit", "hit", "hit"]
    weir.reload(agents={"full": {"tools": ["lookup", "pay"]}})
    assert ask() == "miss"


@pytest.mark.parametrize("share, others", [("user", ["miss", "miss", "miss"]), ("agent", ["hit", "hit", "miss"]),
                                           ("team", ["hit", "hit", "hit"])])
def test_who_shares_a_result(begin, share, others):
    weir = begin({"ttl": "1h", "share": share}, agents={"app": {"tools": ["lookup"], "team": "t"}, "full": {"tools": ["lookup"], "team": "t"}})

    def ask(agent, user=None):
        return call(weir, "lookup", {}, agent, headers={"x-weir-user": user} if user else {}).headers["x-weir-cache"]
    assert ask("app", "u1") == "miss"
    assert [ask("app", "u2"), ask("app"), ask("full", "u1")] == others


def test_a_path_and_a_query_are_made_of_the_same_arguments(begin, shop):
    weir = begin(method="GET", path="/kb/{area}/find")
    answers = [call(weir, "lookup", body) for body in (b'{"area":"x","q":1}', b'{"q": 1,"area":"\\u0078"}', b'{"area":"y","q":1}')]
    assert said(answers) == ["miss", "hit", "miss"]
    # What stands there is as it was spelled, and another resource where that is other.
    assert said([call(weir, "lookup", body) for body in (b'{"area":1.1,"q":1}', b'{"area":1.10,"q":1}', b'{"area":"x","q":1.0}')]) == ["miss"] * 3


def test_a_hit_takes_a_request_of_the_agent_and_nothing_else(begin, shop):
    weir = begin(rate_limit="1/hour", agents={"app": {"tools": ["lookup"], "rate_limit": "3/hour",
                                                       "budget": {"agent": {"cost": 0.005, "per": "day"}}}})
    answers = [call(weir, "lookup", {}) for _ in range(4)]
    assert [a.status_code for a in answers] == [200, 200, 200, 429] and len(shop.ledger()) == 1
    assert refusal(answers[3])["code"] == "rate_limited" and "This agent's rate" in answers[3].json()["detail"]
    assert refusal(call(weir, "lookup", {}, "full"))["detail"].startswith("This tool's rate")


@pytest.mark.parametrize("script", [OK, {"body": "data: 1\n\n", "content_type": "text/event-stream", "framing": "chunked", "usage": "none"}])
def test_a_key_whose_call_was_a_hit_is_a_key_that_was_used(begin, shop, script):
    weir = begin()
    shop.script(**script)
    answers = [call(weir, "lookup", {"a": 1}, headers=h) for h in ({}, {"idempotency-key": "k-1"}, {"idempotency-key": "k-1"})]
    assert said(answers) == ["miss", "hit", None] and len(shop.ledger()) == 1
    assert answers[2].content == answers[0].content and answers[2].headers["x-weir-idempotency"] == "replayed"
    assert refusal(call(weir, "lookup", {"a": 2}, headers={"idempotency-key": "k-1"}))["code"] == "idempotency_mismatch"


def test_long_arguments_are_not_compared(begin, shop):
    weir = begin()
    answers = [call(weir, "lookup", {"a": "x" * n}) for n in (200 << 10, 200 << 10, 257 << 10, 257 << 10)]
    assert said(answers) == ["miss", "hit", "bypass", "bypass"] and len(shop.ledger()) == 3


NEVER = {
    "another status": {"status": 201}, "nothing": {"status": 204, "body": ""}, "an error": {**ERROR, "status": 500},
    "a no": {**ERROR, "status": 404}, "too often": {**ERROR, "status": 429}, "a redirect": {"status": 302, "headers": {"location": "/x"}},
    "no-store": {"headers": {"cache-control": "max-age=5, No-Store"}}, "no-cache": {"headers": {"cache-control": "no-cache=\"x\""}},
    "two lines": {"headers": {"cache-control": ["public", "no-store"]}},
    "too long": {"body": "x" * 40000, "content_type": "text/plain"},
    "too long a stream": {"body": "x" * 40000, "content_type": "text/plain", "framing": "chunked", "chunking": {"bytes": 5000}},
}


@pytest.mark.parametrize("what", NEVER)
def test_what_is_never_kept(begin, shop, what):
    weir = begin()
    weir.reload(cache={"max_entry": "24KiB"})
    shop.script(**{**OK, **NEVER[what]})
    answers = [call(weir, "lookup", {}) for _ in range(2)]
    assert "hit" not in said(answers) and len(shop.ledger()) == 2


@pytest.mark.parametrize("script", [{**OK, "fault": {"kind": "reset", "at": 4}},
                                    {"body": "one two three", "content_type": "text/plain", "framing": "chunked",
                                     "fault": {"kind": "reset", "at": 4}, "usage": "none"}])
def test_what_broke_off_is_not_kept(begin, shop, script):
    weir = begin()
    try:
        call(weir, "lookup", {}, script=script)
    except Exception as e:
        assert "RemoteProtocol" in type(e).__name__, e
    shop.script(**OK)
    assert said([call(weir, "lookup", {})]) == ["miss"]


@pytest.mark.parametrize("share, second", [("user", "hit"), ("agent", "miss"), ("team", "miss")])
def test_what_is_private_is_not_shared(begin, shop, share, second):
    weir = begin({"ttl": "1h", "share": share})
    shop.script(**OK, headers={"cache-control": "private, max-age=1"})
    assert said([call(weir, "lookup", {}), call(weir, "lookup", {})]) == ["miss", second]


@pytest.mark.parametrize("script", [
    {"body": "data: 1\n\ndata: 2\n\n", "content_type": "text/event-stream", "framing": "chunked", "chunking": {"bytes": 3}},
    {"body": "a,b\n1,2\n", "content_type": "text/csv; charset=utf-8"}, {"body": "[1, 2]", "content_type": "application/vnd.x+json"},
    {"body": "", "content_type": "text/plain"},
])
def test_a_result_of_any_type_comes_again(begin, shop, script):
    weir = begin()
    shop.script(usage="none", **script)
    first, second = call(weir, "lookup", {}), call(weir, "lookup", {})
    assert said([first, second]) == ["miss", "hit"] and second.text == first.text == script["body"]
    assert second.headers["content-type"] == script["content_type"]


def test_what_the_caller_says(begin, shop):
    weir = begin()
    assert said([call(weir, "lookup", {}, headers={"x-weir-cache": "no-store"}), call(weir, "lookup", {})]) == ["bypass", "miss"]
    shop.script(body="newer", content_type="text/plain", usage="none")
    fresh = call(weir, "lookup", {}, headers={"x-weir-cache": "no-cache"})
    assert said([fresh]) == ["bypass"] and call(weir, "lookup", {}).text == "newer"
    assert said([call(weir, "lookup", {}, headers={"x-weir-max-cost": "1"})]) == ["bypass"]
    assert refusal(call(weir, "lookup", {}, headers={"x-weir-cache": "maybe"}))["param"] == "x-weir-cache"


def test_those_who_ask_at_once_ask_once(begin, shop):
    weir = begin(agents={"app": {"tools": ["lookup"], "budget": {"agent": {"cost": 0.005, "per": "day"}}}}, rate_limit="1/hour",
                 concurrency=1)
    shop.script(**OK, held=True)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(call, weir, "lookup", {"a": 1}) for _ in range(8)]
        eventually(lambda: len(shop.ledger()) == 1)
        eventually(lambda: weir.metric("weir_calls_in_flight") == 8)
        shop.release()
        answers = [f.result() for f in asked]
    assert sorted(said(answers)) == ["hit"] * 7 + ["miss"] and {a.text for a in answers} == {OK["body"]}
    assert len(shop.ledger()) == 1 and sum(Decimal(a.headers["x-weir-cost-usd"]) for a in answers) == COST


def test_who_waited_in_vain_asks_by_itself(begin, shop):
    weir = begin(rate_limit="100/hour", agents={"app": {"tools": ["lookup"], "budget": {"agent": {"cost": 1, "per": "day"}}}})
    shop.script(**{**ERROR, "status": 404}, held=True)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(call, weir, "lookup", {"a": 1}) for _ in range(4)]
        eventually(lambda: len(shop.ledger()) == 1)
        eventually(lambda: weir.metric("weir_calls_in_flight") == 4)
        shop.script(**{**ERROR, "status": 404})
        shop.release()
        answers = [f.result() for f in asked]
    assert [a.status_code for a in answers] == [404] * 4 and len(shop.ledger()) == 4
    assert [a.headers["x-weir-cost-usd"] for a in answers] == ["0"] * 4


@pytest.fixture
def stale(begin, shop):
    weir = begin({"ttl": "1s", "stale_if_error": "1h"})
    assert said([call(weir, "lookup", {})]) == ["miss"]
    time.sleep(1.1)
    return weir


@pytest.mark.parametrize("script, cost", [({**ERROR, "status": 503}, COST), ({**ERROR, "status": 429}, 0),
                                          ({**OK, "fault": {"kind": "reset", "at": "head"}}, COST), ({**OK, "fault": {"kind": "reset", "at": 4}}, COST)])
def test_an_old_result_stands_in_for_a_tool_that_fails(stale, shop, script, cost):
    shop.script(**script)
    answer = call(stale, "lookup", {})
    attempts = int(answer.headers["x-weir-attempts"])  # a kept connection that breaks is no reason to give up
    assert said([answer]) == ["stale"] and answer.json() == {"ok": True} and attempts in (1, 2)
    assert Decimal(answer.headers["x-weir-cost-usd"]) == cost * attempts
    line = stale.last_call(2)
    assert (line["cache"], line["code"], line["cost_usd"], line["attempts"]) == ("stale", "ok", cost * attempts, attempts)
    shop.script(**{**ERROR, "status": 404})
    assert call(stale, "lookup", {}).status_code == 404


def test_with_an_idempotency_key_it_stays_the_answer_that_was_given(stale, shop):
    shop.script(**OK, fault={"kind": "reset", "at": 4})
    answers = [call(stale, "lookup", {}, headers={"idempotency-key": "k"}) for _ in range(2)]
    assert [a.text for a in answers] == [OK["body"]] * 2 and len(shop.ledger()) == 2
    assert answers[1].headers["x-weir-idempotency"] == "replayed" and "x-weir-cache" not in answers[1].headers


@pytest.mark.unreconciled
@pytest.mark.usefixtures("redis")
@pytest.mark.parametrize("limits", [{}, {"rate_limit": "1/hour", "concurrency": 1}])
def test_instances_that_share_a_redis_share_results(tmp_path, provider, shop, limits):
    server = Server(tmp_path / "redis")
    server.start()
    fleet = Fleet(tmp_path / "fleet", provider, 2, store=server.store(), tools={"lookup": lookup(**limits)},
                  upstreams={"orders": {"api": "http", "url": shop.origin}},
                  listeners={"agents": {"address": "127.0.0.1:${env:AGENTS_PORT}"}, "health": {"address": "127.0.0.1:${env:HEALTH_PORT}"}})
    for w in fleet.weirs:
        w.env.update(AGENTS_PORT=str(w.port), HEALTH_PORT=str(w.health_port))
    fleet.write_policy(agents={"app": {"tools": ["lookup"], "rate_limit": "100/hour", "budget": {"agent": {"cost": 0.005, "per": "day"}}}})

    def ask(weir, body, code):
        """A store that is late on a busy machine refuses, for a while."""
        return eventually(lambda: (a := call(weir, "lookup", body)).headers.get("x-weir-code", "ok") == code and a)
    try:
        one, other = fleet.start().weirs
        assert said([ask(one, {"a": 1.0}, "ok")]) == ["miss"]
        # It is left there once the answer is out; whoever comes before is refused by what the tool or the budget holds.
        answer = ask(other, b'{"a":1}', "ok")
        assert said([answer]) == ["hit"] and answer.text == OK["body"] and answer.headers["x-weir-cost-usd"] == "0"
        assert said([call(w, "lookup", {"a": 1}) for w in (one, other)]) == ["hit", "hit"] and len(shop.ledger()) == 1
        ask(one, {"a": 2}, "rate_limited" if limits else "budget_exceeded")
        fleet.stop()
    finally:
        fleet.kill()
        server.kill()


MISTAKES = [
    ('{upstream: u, cache: 5m}', 15, "results of t0 cannot be cached: it is not said to be idempotent"),
    ('{cache: 5m, idempotent: true}', 2, "cache says nothing here: the agent runs t1 itself"),
    ('{upstream: u, idempotent: true, cache: 5}', 40, "cache: 5 is not a duration"),
    ('{upstream: u, idempotent: true, cache: 0s}', 40, "cache: 0s is out of range"),
    ('{upstream: u, idempotent: true, cache: {share: team}}', 33, "ttl is missing"),
    ('{upstream: u, idempotent: true, cache: {ttl: 5m, share: all}}', 57, "share: all is"),
    ('{upstream: u, idempotent: often}', 27, "idempotent: often is"),
    ('{upstream: u, cost: -1}', 21, "cost: -1 is not an amount of USD"),
    ('{upstream: u, cost: 0.0000000001}', 21, "cost: 0.0000000001 is out of range"),
    ('{upstream: u, timeout: fast}', 24, "timeout: fast is not a duration"),
    ('{upstream: u, concurrency: 0}', 28, "concurrency: 0 is out of range"),
    ('{upstream: u, rate_limit: 100}', 27, "rate_limit: 100 is not a rate"),
    ('{upstream: u, rate_limit: 5/minute per user}', 15, "a rate of t12 is over all agents"),
]


def test_what_a_policy_cannot_say_of_a_tool(weir_command, tmp_path):
    policy, names = tmp_path / "policy.yaml", "".join(f"  t{i}: {m[0]}\n" for i, m in enumerate(MISTAKES))
    policy.write_text("version: 1\nupstreams: {u: {api: http, url: \"http://orders\"}}\ntools:\n" + names)
    done = weir_command("check", "-c", policy)
    assert done.returncode == 1
    said = [line for line in done.stderr.splitlines() if ": error: " in line]
    for i, (line, (text, column, says)) in enumerate(zip(said, MISTAKES, strict=True)):
        at = f"{policy}:{4 + i}:{4 + len(str(i)) + 2 + column - 1}: error: "
        assert line.startswith(at) and says in line, (line, at, says)


def test_explain_says_who_shares_it(begin, weir_command):
    weir = begin({"ttl": "1h", "share": "agent"})
    say = weir_command("explain", "-c", weir.config, "--agent", "app", "--tool", "lookup", env=weir.env).stdout
    assert "a hit if this agent had it in the last 1h" in say
    say = weir_command("explain", "-c", weir.config, "--agent", "app", "--tool", "pay", env=weir.env).stdout
    assert "the tool's results are not kept" in say
