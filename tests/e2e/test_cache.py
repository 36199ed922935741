# SPDX-License-Identifier: Apache-2.0
"""An identical call is answered from the cache: for whom, for how long, and what is never kept."""

import time
from decimal import Decimal

import pytest

from rig import code_of, eventually, scripted, tool

ASK = {"messages": [{"role": "user", "content": "Where is order A-1?"}]}


def with_cache(start_weir, provider, ttl="1h", app=None, **change):
    weir = start_weir(provider, ready=None)
    weir.change = {"models": {"gpt-4o": {"cache": ttl}}, **({"agents": {"app": app}} if app else {}), **change}
    weir.write_policy()
    return weir.start()


@pytest.fixture
def cached(start_weir, provider):
    return with_cache(start_weir, provider, app={"trust_claimed": ["user"]})


def said(answers):
    return [a.headers.get("x-weir-cache") for a in answers]


def test_the_second_identical_call_never_goes_upstream(cached, provider):
    first, second = cached.chat(), cached.chat()
    assert said([first, second]) == ["miss", "hit"] and len(provider.ledger()) == 1
    assert second.content == first.content and second.status_code == 200
    assert second.headers["content-type"] == first.headers["content-type"]
    assert Decimal(first.headers["x-weir-cost-usd"]) > 0 and Decimal(second.headers["x-weir-cost-usd"]) == 0
    assert second.headers["x-weir-attempts"] == "0" and second.headers["x-weir-request-id"] != first.headers["x-weir-request-id"]


def test_a_hit_costs_nothing_and_is_counted(cached):
    cached.chat(), cached.chat(), cached.chat(headers={"x-weir-cache": "no-store"})
    lines = cached.calls(3)
    assert [c["cache"] for c in lines] == ["miss", "hit", "bypass"]
    hit = lines[1]
    assert (hit["cost_usd"], hit["tokens_used"], hit["attempts"], hit["code"], hit["ended_by"]) == (0, 0, 0, "ok", "gateway")
    page = cached.metrics()
    for result in ("hit", "miss", "bypass"):
        assert cached.metric("weir_cache_total", page, kind="answer", result=result) == 1


def test_without_the_key_nothing_is_cached_or_said(weir, provider):
    assert said([weir.chat(), weir.chat()]) == [None, None] and len(provider.ledger()) == 2
    assert all("cache" not in c for c in weir.calls(2))


def test_it_holds_for_one_agent_one_user_one_body_and_what_goes_upstream_with_it(cached, provider):
    def ask(agent="app", headers=None, **body):
        return cached.chat(agent, headers=headers, **{**ASK, **body}).headers["x-weir-cache"]
    assert [ask(), ask()] == ["miss", "hit"]
    assert ask("full") == "miss"
    assert ask(headers={"x-weir-user": "u1"}) == "miss"
    assert ask(headers={"x-weir-user": "u2"}) == "miss"
    assert ask(headers={"x-weir-user": "u1"}) == "hit"
    assert ask(headers={"openai-organization": "another"}) == "miss"
    assert ask(headers={"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}) == "hit"
    assert ask(messages=[{"role": "user", "content": "Where is order A-2?"}]) == "miss"
    assert ask(temperature=0.7) == "miss" and ask(temperature=0.7) == "hit"
    assert ask(stream=True) == "miss"
    assert len(provider.ledger()) == 8


@pytest.mark.parametrize("share, others", [
    ("user", ["miss", "miss", "miss", "miss", "miss"]),
    ("agent", ["hit", "hit", "miss", "miss", "hit"]),
    ("team", ["hit", "hit", "hit", "miss", "hit"]),
])
def test_who_shares_an_answer(start_weir, provider, share, others):
    """bare has no team, and so nobody to share with but its own users."""
    weir = with_cache(start_weir, provider, ttl={"ttl": "1h", "share": share}, teams={"app": {}},
                      agents={"app": {"team": "app"}, "full": {"team": "app"}})

    def ask(agent, user=None):
        return weir.chat(agent, headers={"x-weir-user": user} if user else {}).headers["x-weir-cache"]
    assert ask("app", "u1") == "miss"
    assert [ask("app", "u2"), ask("app"), ask("full", "u3"), ask("bare", "u1"), ask("bare")] == others
    assert [ask("app", "u1"), ask("bare", "u1")] == ["hit", "hit"]


def test_one_byte_more_is_another_call(cached, provider):
    body = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}'
    with cached.http() as http:
        def ask(content):
            return http.post("/v1/chat/completions", content=content, headers={"content-type": "application/json"})
        assert said([ask(body), ask(body), ask(body + b" "), ask(body[:-1] + b" }")]) == ["miss", "hit", "miss", "miss"]


def test_what_the_caller_says(cached, provider):
    assert cached.chat(headers={"x-weir-cache": "no-store"}).headers["x-weir-cache"] == "bypass"
    assert cached.chat().headers["x-weir-cache"] == "miss"  # it was not stored
    provider.script(text="newer")
    fresh = cached.chat(headers={"x-weir-cache": "no-cache"})
    assert fresh.headers["x-weir-cache"] == "bypass" and "newer" in fresh.text
    assert "newer" in cached.chat().text and len(provider.ledger()) == 3
    wrong = cached.chat(headers={"x-weir-cache": "maybe"})
    assert wrong.status_code == 400 and code_of(wrong) == "request_invalid"


def test_an_answer_under_the_callers_own_limit_is_its_own(cached):
    for own in ({"x-weir-max-tokens": "5000"}, {"x-weir-max-cost": "1"}):
        assert said([cached.chat(headers=own), cached.chat(headers=own)]) == ["bypass", "bypass"]
    assert said([cached.chat(headers={"x-weir-timeout": "20s"}), cached.chat()]) == ["miss", "miss"]


def test_it_expires(start_weir, provider):
    weir = with_cache(start_weir, provider, ttl="2s")
    assert said([weir.chat(), weir.chat()]) == ["miss", "hit"]
    time.sleep(2.1)
    assert said([weir.chat(), weir.chat()]) == ["miss", "hit"]


def test_another_policy_asks_anew(cached, provider):
    assert said([cached.chat(), cached.chat()]) == ["miss", "hit"]
    cached.reload(agents={"app": {"tools": ["lookup_order"]}})
    assert said([cached.chat(), cached.chat()]) == ["miss", "hit"]
    assert len(provider.ledger()) == 2


@pytest.mark.parametrize("how", [{}, {"eol": "crlf"}, {"comments": True}, {"chunking": {"bytes": 7}}, {"n": 2}])
def test_a_stream_comes_again_byte_for_byte(cached, provider, how):
    body = {"stream": True, "n": how.pop("n", 1)}
    first, second = (cached.chat(script={"text": "a longer story", **how}, **body) for _ in range(2))
    assert said([first, second]) == ["miss", "hit"] and len(provider.ledger()) == 1
    assert second.content == first.content and second.headers["content-type"] == first.headers["content-type"]
    assert cached.last_call(2)["cache"] == "hit"


@pytest.mark.parametrize("options", [{}, {"stream_options": {"include_usage": True}}])
def test_the_sdk_hears_the_same_stream(cached, client_of, provider, options):
    heard = [list(client_of(cached).chat.completions.create(model="gpt-4o", stream=True, **ASK, **options)) for _ in range(2)]
    assert heard[0] == heard[1] and heard[0][-1 if not options else -2].choices[0].finish_reason == "stop"
    assert len(provider.ledger()) == 1


@pytest.fixture
def client_of():
    return lambda weir: weir.client()


NEVER = {
    "tool calls": {"tool_calls": [{"name": "lookup_order", "arguments": {"order_id": "A-1"}}]},
    "tool calls that end with stop": {"tool_calls": [{"name": "lookup_order", "arguments": {}}], "finish_reason": "stop"},
    "denied tool calls": {"tool_calls": [{"name": "delete_order", "arguments": {}}]},
    "length": {"finish_reason": "length"},
    "a filter": {"finish_reason": "content_filter"},
    "an error": {"status": 500, "error": {"message": "no", "type": "server_error"}},
    "a refusal of the provider": {"status": 400, "error": {"message": "no", "type": "invalid_request_error"}},
    "an answer that is cut": {"fault": {"kind": "reset", "at": "mid"}},
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("what", NEVER)
def test_what_is_never_kept(cached, provider, what, stream):
    provider.script(**NEVER[what])
    tools = [tool("lookup_order")] if "tool" in what else None
    for n in (1, 2):
        try:
            answer = cached.chat(stream=stream, **({"tools": tools} if tools else {}))
            assert answer.headers.get("x-weir-cache") != "hit"
        except Exception as e:
            assert "RemoteProtocol" in type(e).__name__, e
        assert len(provider.ledger()) == n


def test_a_stream_without_its_own_end_is_not_kept(cached, provider):
    provider.script(done=False)
    assert said([cached.chat(stream=True), cached.chat(stream=True)]) == ["miss", "miss"]


def test_whoever_leaves_early_leaves_nothing_behind(cached, provider):
    script = scripted(event_delay_ms=30, deltas=20)
    with cached.http() as http, http.stream("POST", "/v1/chat/completions", headers=script,
                                            json={"model": "gpt-4o", "stream": True, **ASK}) as answer:
        next(answer.iter_raw())
    eventually(lambda: provider.ledger()[-1].over)
    assert cached.chat(stream=True, headers=script, **ASK).headers["x-weir-cache"] == "miss"


def test_little_memory_keeps_what_was_asked_for_last(start_weir, provider):
    weir = with_cache(start_weir, provider, cache={"memory": "64KiB", "max_entry": "24KiB"})
    provider.script(length=18000)

    def ask(name):
        return weir.chat(messages=[{"role": "user", "content": name}]).headers["x-weir-cache"]
    assert [ask(n) for n in "abc"] == ["miss"] * 3
    assert ask("a") == "hit"
    assert ask("d") == "miss"
    assert [ask("a"), ask("c"), ask("d"), ask("b")] == ["hit", "hit", "hit", "miss"]
    provider.script(length=30000)
    assert [ask("large"), ask("large")] == ["miss", "miss"]


def test_a_reload_changes_how_much_is_kept(start_weir, provider):
    weir = with_cache(start_weir, provider, cache={"max_entry": "16KiB"})
    provider.script(length=18000)
    assert said([weir.chat(), weir.chat()]) == ["miss", "miss"]
    weir.reload(cache={"max_entry": "24KiB"})
    assert said([weir.chat(), weir.chat()]) == ["miss", "hit"]
    weir.reload(cache={"max_entry": "24KiB", "memory": "64KiB"})

    def ask(name):
        return weir.chat(messages=[{"role": "user", "content": name}]).headers["x-weir-cache"]
    assert [ask(n) for n in "abcd"] == ["miss"] * 4
    assert [ask(n) for n in "dcba"] == ["hit", "hit", "hit", "miss"], "what was asked for last stays, as far as there is room"


def test_a_rate_counts_it_and_no_budget_is_asked(start_weir, provider):
    usage = {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20}
    provider.script(usage=usage)
    weir = with_cache(start_weir, provider, app={"rate_limit": "4/hour", "budget": {"agent": {"tokens": 500, "per": "day"}}})
    more = {"max_tokens": 50}
    assert said([weir.chat(**more), weir.chat(**more)]) == ["miss", "hit"]
    left = weir.chat(**more)
    assert left.headers["x-weir-cache"] == "hit" and left.headers["x-ratelimit-remaining-requests"] == "1"
    weir.chat(**more)
    refused = weir.chat(**more)
    assert refused.status_code == 429 and code_of(refused) == "rate_limited" and len(provider.ledger()) == 1


def test_in_shadow_it_only_says_that_it_would_have_answered(start_weir, provider):
    weir = with_cache(start_weir, provider, app={"mode": {"shadow": ["cache"]}})
    assert said([weir.chat(), weir.chat()]) == ["bypass", "bypass"] and len(provider.ledger()) == 2
    assert [c.get("shadow") for c in weir.calls(2)] == [None, True]


def test_the_journal_says_where_the_answer_came_from(cached, weir_command):
    cached.chat(), cached.chat()
    cached.last_call(2)
    shown = weir_command("audit", "show", "-c", cached.config, env=cached.env)
    assert " cache=hit" in shown.stdout and " cache=miss" in shown.stdout, shown.stdout + shown.stderr
