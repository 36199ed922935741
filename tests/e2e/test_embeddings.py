# SPDX-License-Identifier: Apache-2.0
"""Embeddings are cached item by item: who asks for what, what goes upstream, and what the caller gets."""

import concurrent.futures
import json
import time
from decimal import Decimal

import pytest

from oracle import cost, nano
from rig import code_of, eventually, read_answers
from test_shared_calls import RATE, let_in

JSON = {"content-type": "application/json"}


def with_cache(start_weir, provider, app=None, **change):
    weir = start_weir(provider, ready=None)
    weir.change = {"models": {"embed": {"cache": "1h"}}, **({"agents": {"app": app}} if app else {}), **change}
    weir.write_policy()
    return weir.start()


@pytest.fixture
def cached(start_weir, provider):
    return with_cache(start_weir, provider, app={"trust_claimed": ["user"]})


def embed(weir, items, agent="app", headers=None, script=None, **more):
    """What the provider shall do is not said in a header: those are part of what an item is kept under."""
    if script:
        weir.provider.script(**script)
    with weir.http(agent) as http:
        answer = http.post("/v1/embeddings", json={"model": "embed", "input": items, **more}, headers=headers)
    if script:
        weir.provider.script()
    return answer


def asked(provider):
    """What each request at the provider asked for."""
    return [json.loads(b)["input"] for b in provider.bodies().values()]


def vectors(answer):
    """In the caller's order; the indices must say so, too."""
    data = answer.json()["data"]
    assert [d["index"] for d in data] == list(range(len(data)))
    return [d["embedding"] for d in data]


def words(answers):
    return [a.headers.get("x-weir-cache") for a in answers]


def test_an_item_is_asked_for_once(cached, provider):
    first, second = embed(cached, "one"), embed(cached, "one")
    assert words([first, second]) == ["miss", "hit"] and asked(provider) == ["one"]
    assert vectors(first) == vectors(second) and first.json()["model"] == second.json()["model"]
    assert second.json()["usage"] == {"prompt_tokens": 0, "total_tokens": 0}
    assert Decimal(second.headers["x-weir-cost-usd"]) == 0 and second.headers["x-weir-attempts"] == "0"
    line = cached.last_call(2)
    assert (line["cache"], line["cost_usd"], line["tokens_used"], line["attempts"], line["ended_by"]) == ("hit", 0, 0, 0, "gateway")
    assert cached.metric("weir_cache_total", kind="embeddings", result="hit") == 1
    assert cached.metric("weir_cache_total", kind="embeddings", result="miss") == 1


@pytest.mark.parametrize("more", [{}, {"encoding_format": "base64"}, {"dimensions": 20}])
def test_of_a_hundred_only_the_ten_that_are_missing_go_upstream(cached, provider, more):
    texts = [f"text {i}" for i in range(100)]
    known = [t for i, t in enumerate(texts) if i % 10 != 3]
    assert embed(cached, known, **more).headers["x-weir-cache"] == "miss"
    mixed = embed(cached, texts, script={"backwards": True}, **more)
    assert mixed.headers["x-weir-cache"] == "miss" and asked(provider)[1] == texts[3::10]
    assert mixed.json()["usage"] == provider.last().usage
    assert cached.last_call(2)["tokens_used"] == provider.last().usage["total_tokens"]
    whole = embed(cached, texts, headers={"x-weir-cache": "no-store"}, **more)
    assert vectors(whole) == vectors(mixed) and len(vectors(whole)) == 100
    assert embed(cached, texts, **more).headers["x-weir-cache"] == "hit"


def test_the_sdk_sees_the_same_vectors(cached, provider):
    for encoding in ("float", "base64"):
        client = cached.client()
        first = client.embeddings.create(model="embed", input=["a", "b"], encoding_format=encoding)
        second = client.embeddings.create(model="embed", input=["c", "b", "a"], encoding_format=encoding)
        assert [second.data[2].embedding, second.data[1].embedding] == [d.embedding for d in first.data]
    assert asked(provider) == [["a", "b"], ["c"], ["a", "b"], ["c"]]


def test_what_stands_twice_is_asked_for_once(cached, provider):
    answer = embed(cached, ["a", "b", "a", "a"])
    assert asked(provider) == [["a", "b"]]
    got = vectors(answer)
    assert got[0] == got[2] == got[3] != got[1]


def test_tokens_are_items_too(cached, provider):
    assert embed(cached, [1, 2, 3]).headers["x-weir-cache"] == "miss"
    assert embed(cached, [[1, 2, 3], [4]]).headers["x-weir-cache"] == "miss"
    assert embed(cached, [[4], [1, 2, 3]]).headers["x-weir-cache"] == "hit"
    assert asked(provider) == [[1, 2, 3], [[4]]]


def test_what_goes_upstream_keeps_its_bytes(cached, provider):
    embed(cached, ["b", "d"])
    body = b'{ "dimensions":8, "input" : [ "a",  "b" ,\n"c\\u00e9" , "d"] ,"model":"embed" }'
    with cached.http() as http:
        # The rest of the body is part of the key, so the first call has other items.
        http.post("/v1/embeddings", content=body.replace(b'"a",', b"").replace(b'"c\\u00e9" ,', b""), headers=JSON)
        http.post("/v1/embeddings", content=body, headers=JSON)
    assert list(provider.bodies().values())[-1] == b'{ "dimensions":8, "input" : [ "a",  "c\\u00e9"] ,"model":"embed" }'


def test_it_holds_for_one_agent_one_user_one_shape_and_what_goes_upstream_with_it(cached, provider):
    def word(agent="app", headers=None, **more):
        return embed(cached, ["a"], agent, headers, **more).headers["x-weir-cache"]
    assert [word(), word()] == ["miss", "hit"]
    assert word("full") == "miss"
    assert word(headers={"x-weir-user": "u1"}) == "miss" and word(headers={"x-weir-user": "u1"}) == "hit"
    assert word(headers={"openai-organization": "another"}) == "miss"
    assert word(dimensions=4) == "miss" and word(encoding_format="base64") == "miss"
    assert len(provider.ledger()) == 6


def test_what_the_caller_says(cached, provider):
    for own in ({"x-weir-cache": "no-store"}, {"x-weir-max-cost": "1"}, {"x-weir-max-tokens": "1000"}):
        assert words([embed(cached, "a", headers=own), embed(cached, "a", headers=own)]) == ["bypass", "bypass"]
    assert embed(cached, "a", headers={"x-weir-cache": "no-cache"}).headers["x-weir-cache"] == "bypass"
    assert embed(cached, "a").headers["x-weir-cache"] == "hit"


def test_without_the_key_or_the_time_nothing_is_cached(start_weir, provider):
    weir = with_cache(start_weir, provider, cache={"embeddings": "none"})
    assert words([embed(weir, "a"), embed(weir, "a")]) == [None, None] and len(provider.ledger()) == 2


def test_it_expires_and_another_policy_asks_anew(start_weir, provider):
    weir = with_cache(start_weir, provider, cache={"embeddings": "2s"})
    assert words([embed(weir, "a"), embed(weir, "a")]) == ["miss", "hit"]
    time.sleep(2.1)
    assert words([embed(weir, "a"), embed(weir, "a")]) == ["miss", "hit"]
    weir.reload(agents={"app": {"tools": ["lookup_order"]}})
    assert words([embed(weir, "a"), embed(weir, "a")]) == ["miss", "hit"]


ITEM = '{"object":"embedding","index":%s,"embedding":[1]}'
WRONG = {
    "too few": [ITEM % 0],
    "too many": [ITEM % 0, ITEM % 1, ITEM % 2],
    "one twice": [ITEM % 0, ITEM % 0],
    "one that nobody asked for": [ITEM % 0, ITEM % 2],
    "no index": [ITEM % 0, '{"embedding":[1]}'],
    "no embedding": [ITEM % 0, '{"index":1}'],
    "no number": [ITEM % 0, ITEM % "1.0"],
}


@pytest.mark.parametrize("what", WRONG)
def test_an_answer_that_cannot_be_put_together_is_refused_and_not_kept(cached, provider, what):
    usage = {"prompt_tokens": 7, "total_tokens": 7}
    body = '{"object":"list","data":[%s],"model":"embed","usage":%s}' % (",".join(WRONG[what]), json.dumps(usage))
    script = {"body": body, "usage": usage}
    embed(cached, "known")
    for items in (["known", "a", "b"], ["a", "b", "a"]):
        refused = embed(cached, items, script=script)
        assert refused.status_code == 502 and code_of(refused) == "upstream_malformed"
    passed = embed(cached, ["a", "b"], script=script)
    assert passed.status_code == 200 and passed.text == body
    assert embed(cached, ["a", "b"]).headers["x-weir-cache"] == "miss"
    assert asked(provider)[-1] == ["a", "b"]


@pytest.mark.parametrize("script", [{"status": 500}, {"status": 400}, {"fault": {"kind": "reset", "at": "mid"}}])
def test_an_error_is_passed_on_and_not_kept(cached, provider, script):
    embed(cached, "known")
    failed = embed(cached, ["known", "a"], script=script)
    assert failed.status_code >= 400
    assert words([embed(cached, ["known", "a"]), embed(cached, ["a"])]) == ["miss", "hit"]
    assert asked(provider)[1:] == [["a"], ["a"]]


def test_little_memory_keeps_what_was_asked_for_last(start_weir, provider):
    weir = with_cache(start_weir, provider, cache={"memory": "64KiB", "max_entry": "24KiB"})
    for name in "abcdefgh":
        assert embed(weir, name, dimensions=2500).headers["x-weir-cache"] == "miss"
    assert embed(weir, ["a", "h"], dimensions=2500).headers["x-weir-cache"] == "miss"
    assert asked(provider)[-1] == ["a"]
    assert words([embed(weir, "x", dimensions=9000), embed(weir, "x", dimensions=9000)]) == ["miss", "miss"]


def test_what_is_known_takes_no_budget(start_weir, provider):
    weir = with_cache(start_weir, provider, app={"budget": {"agent": {"tokens": 2000, "per": "day"}}})
    known = ["k" * 100 + str(i) for i in range(8)]
    usage = {"prompt_tokens": 500, "total_tokens": 500}
    assert embed(weir, known, script={"usage": usage}).status_code == 200
    assert embed(weir, known + ["l" * 100 + str(i) for i in range(8)], script={"usage": usage}).status_code == 200
    everything = known * 3 + ["m"]  # would be more than is left, if all of it were asked for
    answer = embed(weir, everything, script={"usage": usage})
    assert answer.status_code == 200 and len(vectors(answer)) == 25 and asked(provider)[-1] == ["m"]


def test_in_shadow_it_only_says_that_it_would_have_answered(start_weir, provider):
    weir = with_cache(start_weir, provider, app={"mode": {"shadow": ["cache"]}})
    assert words([embed(weir, ["a"]), embed(weir, ["a", "a"])]) == ["bypass", "bypass"]
    assert asked(provider) == [["a"], ["a", "a"]]
    assert [c.get("shadow") for c in weir.calls(2)] == [None, True]


@pytest.mark.parametrize("items", [[], [{"type": "text", "text": "a"}], ["a", [1]], [[]], ["a", None], [1, "a"], "", ["x"] * 2049])
def test_what_cannot_be_told_apart_is_sent_as_it_came(cached, provider, items):
    embed(cached, items), embed(cached, items)
    told_apart = items in ("", ["a", [1]])
    assert asked(provider) == [items] * (1 if told_apart else 2)


# Calls that are made together. The window is long and ends when as many items are there as the test sends, so no clock decides.


def together(start_weir, provider, items, app=None, **cache):
    return with_cache(start_weir, provider, app=app, workers=1, cache={"batch": {"window": "10s", "max_items": items}, **cache})


def at_once(weir, inputs, agents=None, headers=None, meanwhile=lambda: None, **more):
    """One call for each of inputs, all at the same time; the answers in that order."""
    with concurrent.futures.ThreadPoolExecutor(len(inputs)) as pool:
        calls = [pool.submit(embed, weir, i, (agents or {}).get(k, "app"), headers, **more) for k, i in enumerate(inputs)]
        meanwhile()
        return [c.result() for c in calls]


def release_when_let_in(weir, provider, n):
    """What is held goes on once n calls have been let in: by then they wait for each other."""
    def meanwhile():
        eventually(lambda: let_in(weir) == n)
        eventually(provider.ledger)
        provider.release()
    return meanwhile


def lines(weir, n):
    """The log's lines about the last n calls for embeddings, once there are so many."""
    return weir.said(lambda line: line["msg"] == "call" and line["action"] == "embedding", n)[-n:]


def test_ten_small_calls_travel_as_one(start_weir, provider):
    weir = together(start_weir, provider, 19)
    inputs = [f"the words of call {i} " * (i + 1) for i in range(9)] + [[f"a list {i}" for i in range(10)]]
    answers = at_once(weir, inputs)
    assert words(answers) == ["miss"] * 10 and len(provider.ledger()) == 1 and len(asked(provider)[0]) == 19
    used = provider.last().usage
    told = [a.json()["usage"] for a in answers]
    assert sum(u["total_tokens"] for u in told) == sum(u["prompt_tokens"] for u in told) == used["total_tokens"]
    calls = lines(weir, 10)
    assert sum(c["tokens_used"] for c in calls) == used["total_tokens"] and all(c["tokens_used"] for c in calls)
    assert sum(nano(c["cost_usd"]) for c in calls) == cost(used, {"input": 0.02, "output": 0})
    assert sorted(c["attempts"] for c in calls) == [0] * 9 + [1] and {c["ended_by"] for c in calls} == {"upstream"}
    assert len({c["request_id"] for c in calls}) == 10
    for i, answer in zip(inputs, answers):
        assert vectors(answer) == vectors(embed(weir, i, headers={"x-weir-cache": "no-store"}))
        assert embed(weir, i).headers["x-weir-cache"] == "hit"


@pytest.mark.parametrize("items", ["the same", ["the", "same", "the"]])
def test_ten_identical_calls_ask_upstream_once_over_all_workers(start_weir, provider, items):
    weir = with_cache(start_weir, provider, workers=4, app={"rate_limit": f"{RATE}/day"})
    provider.script(held=True)
    answers = at_once(weir, [items] * 10, meanwhile=release_when_let_in(weir, provider, 10))
    assert len(provider.ledger()) == 1
    assert sorted(words(answers)) == ["hit"] * 9 + ["miss"] and len({str(vectors(a)) for a in answers}) == 1
    assert sorted(a.json()["usage"]["total_tokens"] > 0 for a in answers) == [False] * 9 + [True]
    calls = lines(weir, 10)
    assert sorted((c["cache"], c["attempts"], c["tokens_used"] > 0, nano(c["cost_usd"]) > 0) for c in calls) == \
        [("hit", 0, False, False)] * 9 + [("miss", 1, True, True)]


def test_who_waits_for_another_that_fails_asks_by_itself(start_weir, provider):
    weir = with_cache(start_weir, provider, workers=2, app={"rate_limit": f"{RATE}/day"})
    provider.script(fail_first=1, fail={"status": 500, "held": True})
    answers = at_once(weir, ["the same"] * 4, meanwhile=release_when_let_in(weir, provider, 4))
    assert sorted(a.status_code for a in answers) == [200, 200, 200, 500] and 2 <= len(provider.ledger()) <= 4


def test_only_calls_that_differ_in_nothing_else_travel_together(start_weir, provider):
    weir = together(start_weir, provider, 2, app={"trust_claimed": ["user"]})
    shapes = [{}, {"dimensions": 4}, {"encoding_format": "base64"}]
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        calls = [pool.submit(embed, weir, f"{k}{n}", **shape) for k, shape in enumerate(shapes) for n in range(2)]
        calls += [pool.submit(embed, weir, f"full{n}", "full") for n in range(2)]
        calls += [pool.submit(embed, weir, f"user{n}", headers={"x-weir-user": "u"}) for n in range(2)]
        assert all(c.result().status_code == 200 for c in calls)
    assert sorted(sorted(i) for i in asked(provider)) == \
        [["00", "01"], ["10", "11"], ["20", "21"], ["full0", "full1"], ["user0", "user1"]]


def test_what_is_known_is_not_asked_for_together_either(start_weir, provider):
    weir = together(start_weir, provider, 4)
    embed(weir, ["a", "b", "c", "d"])
    answers = at_once(weir, [["a", "x", "b", "y"], ["z", "c", "x"]])
    assert sorted(asked(provider)[1]) == ["x", "y", "z"]
    assert [len(vectors(a)) for a in answers] == [4, 3]
    assert vectors(answers[0])[1] == vectors(answers[1])[2] != vectors(answers[1])[0]


@pytest.mark.parametrize("status, code", [(429, None), (500, None), (401, "upstream_auth_failed")])
def test_when_the_joint_call_fails_each_gets_the_error(start_weir, provider, status, code):
    weir = together(start_weir, provider, 3)
    provider.script(status=status)
    answers = at_once(weir, ["a", "b", "c"])
    assert len(provider.ledger()) == 1
    for a in answers:
        assert a.status_code == status if not code else code_of(a) == code
    assert sorted(c["attempts"] for c in lines(weir, 3)) == [0, 0, 1]
    provider.script()
    assert words(at_once(weir, ["a", "b", "c"])) == ["miss"] * 3


def test_when_it_is_cut_each_is_told_so(start_weir, provider):
    weir = together(start_weir, provider, 3)
    provider.script(fault={"kind": "reset", "at": "mid"})
    assert {code_of(a) for a in at_once(weir, ["a", "b", "c"])} == {"upstream_malformed"}
    assert len(provider.ledger()) == 1 and all(c["estimated"] for c in lines(weir, 3))


def test_when_it_cannot_be_taken_apart_each_is_told_so_and_bears_its_share(start_weir, provider):
    weir = together(start_weir, provider, 3)
    usage = {"prompt_tokens": 100, "total_tokens": 100}
    provider.script(body='{"object":"list","data":[],"model":"embed","usage":%s}' % json.dumps(usage), usage=usage)
    assert {code_of(a) for a in at_once(weir, ["a", "b", "c"])} == {"upstream_malformed"}
    calls = lines(weir, 3)
    assert sum(c["tokens_used"] for c in calls) == 100 and sum(nano(c["cost_usd"]) for c in calls) == 2000


def test_somebody_elses_item_is_nobodys_mistake(start_weir, provider):
    weir = together(start_weir, provider, 3)
    provider.script(fail_first=1, fail={"status": 400})
    answers = at_once(weir, ["a", "b", "c"])
    assert [a.status_code for a in answers] == [200] * 3
    assert sorted(json.dumps(i) for i in asked(provider)[1:]) == ['"a"', '"b"', '"c"']
    assert sorted(c["attempts"] for c in lines(weir, 3)) == [1, 1, 2]


def begun(weir, item):
    """A call on a socket of its own, whose answer nobody waits for yet."""
    body = json.dumps({"model": "embed", "input": item})
    s = weir.connect(60)
    s.sendall((f"POST /v1/embeddings HTTP/1.1\r\nhost: weir\r\nauthorization: Bearer {weir.keys['app']}\r\n"
               f"content-type: application/json\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n{body}").encode())
    return s


def ended(s):
    data = b"".join(iter(lambda: s.recv(65536), b""))
    s.close()
    return read_answers(data)[0]


def test_who_leaves_takes_nothing_from_the_others(start_weir, provider):
    weir = together(start_weir, provider, 3)
    provider.script(held=True)
    leaver, *others = [begun(weir, i) for i in ("a", "b", "c")]
    eventually(provider.ledger)
    leaver.close()
    eventually(lambda: weir.metric("weir_connections") == 2)
    provider.release()
    assert [ended(o)[0] for o in others] == [200, 200] and len(provider.ledger()) == 1
    calls = sorted(lines(weir, 3), key=lambda c: c["code"])
    assert [(c["code"], c["estimated"]) for c in calls] == [("client_gone", True), ("ok", False), ("ok", False)]


def test_what_a_provider_refuses_costs_nobody_anything(start_weir, provider):
    weir = together(start_weir, provider, 2, app={"budget": {"agent": {"tokens": 10000, "per": "day"}}})
    provider.script(status=401, error={"message": "no", "type": "t"})
    assert {code_of(a) for a in at_once(weir, ["a", "b"])} == {"upstream_auth_failed"}
    assert len(provider.ledger()) == 1 and len(asked(provider)[0]) == 2
    assert [(c["cost_usd"], c["tokens_used"], c["estimated"]) for c in lines(weir, 2)] == [(0, 0, False)] * 2
    with weir.http() as http:
        assert http.get("/weir/v1/budget").json()["budgets"][0]["tokens"] == {"limit": 10000, "spent": 0, "reserved": 0, "left": 10000}


def test_who_leaves_before_it_is_sent_is_not_in_it(start_weir, provider):
    weir = together(start_weir, provider, 3)
    begun(weir, "a").close()
    weir.last_call()
    others = [begun(weir, i) for i in ("b", "c", "d")]
    assert [ended(o)[0] for o in others] == [200] * 3 and sorted(asked(provider)[0]) == ["b", "c", "d"]
    assert [c["cost_usd"] for c in weir.calls() if c["code"] == "client_gone"] == [0]


def test_it_belongs_to_its_last_caller(start_weir, provider):
    weir = together(start_weir, provider, 2)
    provider.script(delay_ms=60000)
    own = {"x-weir-timeout": "3s"}
    assert {code_of(a) for a in at_once(weir, ["a", "b"], headers=own)} == {"upstream_timeout"}
    assert eventually(lambda: provider.ledger()[0].over) and provider.ledger()[0].ended == "client_gone"


def test_it_is_switched_off_and_large_calls_go_alone(start_weir, provider):
    weir = together(start_weir, provider, 2, batch="none")
    assert len(at_once(weir, ["a", "b", "c"])) == 3 and len(provider.ledger()) == 3
    weir.reload(cache={"batch": {"window": "10s", "max_items": 5}, "embeddings": "1h"})
    embed(weir, [str(i) for i in range(5)])
    embed(weir, "x" * 40000)
    assert len(provider.ledger()) == 5


def test_each_takes_of_rates_and_budgets_by_itself(start_weir, provider):
    weir = together(start_weir, provider, 4, app={"rate_limit": "4/hour", "budget": {"agent": {"tokens": 10000, "per": "day"}}})
    provider.script(usage={"prompt_tokens": 43, "total_tokens": 43})
    answers = at_once(weir, ["a", "bb", "ccc", "dddd"])
    assert [a.status_code for a in answers] == [200] * 4
    left = embed(weir, "e")
    assert left.status_code == 429 and code_of(left) == "rate_limited"
    weir.last_call(5)
    with weir.http() as http:
        assert http.get("/weir/v1/budget").json()["budgets"][0]["tokens"] == {"limit": 10000, "spent": 43, "reserved": 0, "left": 9957}


def test_the_process_can_stop_while_calls_are_gathered(start_weir, provider):
    weir = with_cache(start_weir, provider, workers=1, cache={"batch": {"window": "10s"}}, drain={"quiet": "1s", "hard": "2s"})
    waiting = [begun(weir, i) for i in ("a", "b")]
    eventually(lambda: weir.metric("weir_calls_in_flight") == 2)
    assert weir.stop() == 0
    assert [ended(w)[0] for w in waiting] == [503, 503] and not provider.ledger()
