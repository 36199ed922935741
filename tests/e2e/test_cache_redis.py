# SPDX-License-Identifier: Apache-2.0
"""Two instances on one real Redis: what one has stored the other gives, for those and as long as the first would have; what
stands there is sealed, and whatever is wrong with it is a miss."""

import json
import secrets
import time
from decimal import Decimal

import pytest

import oracle
from fleet import SUMS, Fleet
from redis_rig import Link, Server
from rig import Provider, code_of, eventually
from test_embeddings import embed, vectors, words

pytestmark = [pytest.mark.unreconciled, pytest.mark.usefixtures("redis")]

USER = {"trust_claimed": ["user"], "rate_limit": "1000/hour"}
AGENTS = {"app": {**USER, "budget": {"agent": {"cost": 5, "per": "month"}}}, "full": {}, "bare": {"rate_limit": "1000/day"}}
MODELS = {"gpt-4o": {"cache": "1h"}, "gpt-4o-mini": {"cache": {"ttl": "1s", "stale_if_error": "1h"}}, "embed": {"cache": "1h"}}
SCRIPT = {"text": "a most secret answer"}
FLIP = """local v = redis.call('HGET', KEYS[1], 'v')
return redis.call('HSET', KEYS[1], 'v', string.sub(v, 1, 40) .. string.char((string.byte(v, 41) + 1) % 256) .. string.sub(v, 42))"""
FIRST = "return string.format('%.0f', (struct.unpack('<d', redis.call('GET', KEYS[1]))))"  # of a packed counter
TEAR = "return redis.call('HSET', KEYS[1], 'v', string.sub(redis.call('HGET', KEYS[1], 'v'), 1, 50))"
SWAP = "return redis.call('HSET', KEYS[1], 'v', redis.call('HGET', KEYS[2], 'v'))"


class Pair:
    """Both with one policy, byte for byte, as a file that is mounted twice: only their ports come from outside."""

    def __init__(self, folder, provider):
        self.redis, self.provider = Server(folder / "redis").start(), provider
        self.fleet = Fleet(folder, provider, 2, store=self.redis.store(), models=MODELS, listeners={
            "agents": {"address": "127.0.0.1:${env:AGENTS_PORT}"}, "health": {"address": "127.0.0.1:${env:HEALTH_PORT}"}})
        for w in self.fleet.weirs:
            w.env.update(AGENTS_PORT=str(w.port), HEALTH_PORT=str(w.health_port))
            w.change["agents"] = AGENTS
        self.fleet.write_policy()
        self.fleet.start()
        self.first, self.second = self.fleet.weirs

    def values(self):
        return set(self.redis.do("KEYS", "weir:*:v:*"))

    def asks(self):
        return len(self.provider.ledger())

    def late(self):
        """How often the store could not be asked: on a busy machine it may be late, and then the cache has nothing."""
        return sum(w.metric("weir_store_seconds_count", outcome=o) for w in self.fleet.weirs
                   for o in ("timeout", "lost", "down", "fenced", "not_now"))

    def play(self, act):
        """act(text): on a text that is new to all. Again, if the store was late."""
        for _ in range(50):
            late = self.late()
            try:
                return act("Where is order " + secrets.token_hex(8) + "?")
            except AssertionError:
                if self.late() == late:
                    raise
                time.sleep(0.2)
        raise AssertionError("the store is always late")

    def keep(self, text, agent="app", **how):
        """The first has it answered by the provider, and leaves it in the store. Returns its answer and the key there."""
        before = self.values()
        answer = ask(self.first, text, agent, **how)
        assert answer.headers.get("x-weir-cache") == "miss", (answer.status_code, answer.headers, answer.text[:300])
        return answer, eventually(lambda: self.values() - before, 2, "it was not left in the store").pop()

    def end(self):
        calls = [c for w in self.fleet.weirs for c in w.calls()]
        ledger = self.provider.ledger()
        oracle.check_attempts(calls, ledger)
        oracle.check_money(self.first, calls, ledger)
        for w in self.fleet.weirs:
            oracle.check_metrics(w, w.calls())
        self.fleet.stop()


def ask(weir, text, agent="app", **how):
    return weir.chat(agent, messages=[{"role": "user", "content": text}], **how)


@pytest.fixture(scope="module")
def pair(tmp_path_factory, redis):
    folder = tmp_path_factory.mktemp("pair")
    provider = Provider(folder, script=SCRIPT)
    made = Pair(folder, provider)
    try:
        yield made
        made.end()
    finally:
        made.fleet.kill()
        made.redis.kill()
        provider.stop()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("agent", ["app", "full", "bare"])
def test_the_second_instance_gives_what_the_first_has_stored(pair, agent, stream):
    """With rates and a budget, with rates alone, and with nothing else to ask the store for."""
    def act(text):
        first, _ = pair.keep(text, agent, stream=stream)
        asks, counted = pair.asks(), spent(pair)
        second = ask(pair.second, text, agent, stream=stream)
        assert second.headers["x-weir-cache"] == "hit" and second.status_code == 200
        assert second.content == first.content and second.headers["content-type"] == first.headers["content-type"]
        assert pair.asks() == asks and eventually(lambda: spent(pair) == counted)
        assert stream or Decimal(second.headers["x-weir-cost-usd"]) == 0 < Decimal(first.headers["x-weir-cost-usd"])
        again = ask(pair.second, text, agent, stream=stream)  # from its own memory
        assert again.headers["x-weir-cache"] == "hit" and again.content == first.content
        line = eventually(lambda: [c for c in pair.second.calls() if c["request_id"] == second.headers["x-weir-request-id"]])[0]
        assert (line["cache"], line["cost_usd"], line["attempts"], line["ended_by"]) == ("hit", 0, 0, "gateway")
    pair.play(act)


def test_a_large_answer(pair):
    def act(text):
        pair.provider.script(text="long " * 180_000)
        try:
            first, _ = pair.keep(text, "bare")
        finally:
            pair.provider.script(**SCRIPT)
        second = ask(pair.second, text, "bare")
        assert second.headers["x-weir-cache"] == "hit" and second.content == first.content and len(first.content) > 900_000
    pair.play(act)


def spent(pair):
    """In nano-dollars; nothing is reserved once a call has ended."""
    keys = pair.redis.do("KEYS", "weir:{a:app}:b:*")
    return [pair.redis.do("EVAL", SUMS, 1, k) for k in keys]


def test_a_hit_counts_as_a_request(pair):
    """A request is 86 seconds of debt at this rate, which time has not taken off again by then."""
    def debt():
        (key,) = pair.redis.do("KEYS", "weir:{a:bare}:r:*")
        return int(pair.redis.do("EVAL", FIRST, 1, key))

    def act(text):
        pair.keep(text, "bare")
        before = debt()
        second = ask(pair.second, text, "bare")
        assert second.headers["x-weir-cache"] == "hit" and debt() > before
        assert int(second.headers["x-ratelimit-remaining-requests"]) < 1000
    pair.play(act)


def test_it_is_for_one_agent_and_user(pair):
    def act(text):
        pair.keep(text, headers={"x-weir-user": "u1"})
        said = [ask(pair.second, text, agent, headers={"x-weir-user": user}).headers["x-weir-cache"]
                for agent, user in (("app", "u2"), ("bare", "u1"), ("full", "u1"), ("app", "u1"))]
        assert said == ["miss", "miss", "miss", "hit"]
    pair.play(act)


@pytest.mark.parametrize("agent", ["app", "full"])
def test_embeddings_item_by_item(pair, agent):
    def act(text):
        a, b, c = (text + x for x in "abc")
        before = pair.values()
        first = embed(pair.first, [a, b], agent)
        eventually(lambda: len(pair.values() - before) == 2, 2, "they were not left in the store")
        second = embed(pair.second, [b, c, a], agent)
        assert json.loads(pair.provider.last_body())["input"] == [c] and words([first, second]) == ["miss", "miss"]
        assert vectors(second)[::2] == vectors(first)[::-1]
        eventually(lambda: len(pair.values() - before) == 3, 2, "it was not left in the store")
        asks = pair.asks()
        third = embed(pair.first, c, agent)
        assert words([third]) == ["hit"] and vectors(third) == vectors(second)[1:2] and pair.asks() == asks
        assert Decimal(third.headers["x-weir-cost-usd"]) == 0 < Decimal(second.headers["x-weir-cost-usd"])
    pair.play(act)


def test_what_the_caller_says_holds_there_too(pair):
    def act(text):
        pair.keep(text)
        for word in ("no-store", "no-cache"):
            assert ask(pair.second, text, headers={"x-weir-cache": word}).headers["x-weir-cache"] == "bypass"
        before = pair.values()
        text += "!"
        assert ask(pair.first, text, headers={"x-weir-cache": "no-store"}).headers["x-weir-cache"] == "bypass"
        assert ask(pair.first, text, headers={"x-weir-max-tokens": "9000"}).headers["x-weir-cache"] == "bypass"
        assert ask(pair.first, text, script={"finish_reason": "length"}).headers["x-weir-cache"] == "miss"
        assert ask(pair.second, text).headers["x-weir-cache"] == "miss"
        assert eventually(lambda: len(pair.values() - before) == 1), "what is not to be kept was left, or nothing was"
    pair.play(act)


def test_another_policy_asks_anew(pair):
    def act(text):
        pair.keep(text)
        pair.second.reload(agents={"bare": {"rate_limit": "999/day"}})
        try:
            assert ask(pair.second, text).headers["x-weir-cache"] == "miss"
        finally:
            pair.second.reload()
        assert ask(pair.second, text).headers["x-weir-cache"] == "hit"
    pair.play(act)


@pytest.mark.parametrize("how", [FLIP, TEAR, SWAP], ids=["flipped", "torn", "another's"])
@pytest.mark.parametrize("agent", ["app", "full"])
def test_what_was_changed_in_the_store_is_a_miss(pair, agent, how):
    """Also where somebody puts what another agent was answered: it opens for that one's name alone."""
    def act(text):
        keys = [pair.keep(text, agent)[1], pair.keep(text, "bare")[1]]
        asks, errors = pair.asks(), pair.second.metric("weir_cache_total", result="error")
        pair.redis.do("EVAL", how, len(keys), *keys)
        assert ask(pair.second, text, agent).headers["x-weir-cache"] == "miss"
        assert pair.asks() == asks + 1
        assert eventually(lambda: pair.second.metric("weir_cache_total", result="error") == errors + 1)
        assert ask(pair.second, text, agent).headers["x-weir-cache"] == "hit"
    pair.play(act)


def test_it_ends_there_when_it_ends_here_and_then_it_may_stand_in(pair):
    def act(text):
        first, key = pair.keep(text, model="gpt-4o-mini")
        assert 3500_000 < pair.redis.do("PTTL", key) <= 3601_000
        time.sleep(1.1)
        pair.provider.script(status=500, error={"message": "no", "type": "server_error"})
        try:
            stale = ask(pair.second, text, model="gpt-4o-mini")
        finally:
            pair.provider.script(**SCRIPT)
        assert stale.headers["x-weir-cache"] == "stale" and stale.content == first.content
        assert ask(pair.second, text, model="gpt-4o-mini").headers["x-weir-cache"] == "miss"

    def act_without(text):
        _, key = pair.keep(text)
        assert 3500_000 < pair.redis.do("PTTL", key) <= 3600_000
    pair.play(act)
    pair.play(act_without)


def test_nothing_that_was_said_stands_in_the_store_to_be_read(pair):
    pair.play(lambda text: pair.keep(text, stream=True))
    pair.play(lambda text: pair.keep(text))
    link, seen = Link(pair.redis.port), b""
    for key in pair.redis.do("KEYS", "*"):
        seen += key.encode() + link.do("DUMP", key, raw=True)
    assert len(pair.values()) > 1 and len(seen) > 500
    for plain in (b"secret answer", b"most", b"Where is order", b"event-stream", b"application/json", b"assistant"):
        assert plain not in seen
    link.close()


def test_without_the_store_it_is_a_miss_and_budgets_have_their_own_rule(pair):
    text = secrets.token_hex(8)
    pair.redis.kill()
    errors = pair.second.metric("weir_cache_total", result="error")
    for agent in ("full", "bare"):
        assert [ask(pair.second, text, agent).headers["x-weir-cache"] for _ in range(2)] == ["miss", "hit"]
    assert eventually(lambda: pair.second.metric("weir_cache_total", result="error") == errors + 2)
    refused = ask(pair.second, text)
    assert refused.status_code == 503 and code_of(refused) == "store_unavailable"
    pair.redis.start()
    eventually(lambda: ask(pair.second, text).status_code == 200, 10, "the store is not asked again")
    pair.play(lambda text: pair.keep(text))
