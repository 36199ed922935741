# SPDX-License-Identifier: Apache-2.0
"""Embeddings are cached item by item: who asks for what, what goes upstream, and what the caller gets."""

import json
import time
from decimal import Decimal

import pytest

from rig import code_of

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
    assert mixed.json()["usage"] == provider.ledger()[1].usage
    assert cached.last_call(2)["tokens_used"] == provider.ledger()[1].usage["total_tokens"]
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
    weir.last_call(2)
    assert [c.get("shadow") for c in sorted(weir.calls(), key=lambda c: c["request_id"])] == [None, True]


@pytest.mark.parametrize("items", [[], [{"type": "text", "text": "a"}], ["a", [1]], [[]], ["a", None], [1, "a"], "", ["x"] * 2049])
def test_what_cannot_be_told_apart_is_sent_as_it_came(cached, provider, items):
    embed(cached, items), embed(cached, items)
    told_apart = items in ("", ["a", [1]])
    assert asked(provider) == [items] * (1 if told_apart else 2)
