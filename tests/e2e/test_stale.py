# SPDX-License-Identifier: Apache-2.0
"""stale_if_error: an answer that has expired stands in for an upstream that fails, marked everywhere, and only then."""

import time

import pytest

from rig import code_of, eventually
from test_shared_calls import RATE, Asked, answers, chats, let_in

ERROR = {"error": {"message": "no", "type": "server_error"}}


@pytest.fixture
def start_kept(start_weir, provider):
    """A Weir that has one answer, which has expired."""
    def start(stale="1h", stream=False, **change):
        weir = start_weir(provider, ready=None)
        weir.change = {"models": {"gpt-4o": {"cache": {"ttl": "100ms", "stale_if_error": stale}}},
                       "upstreams": {"openai": {"timeouts": {"first_byte": "2s"}}}, **change}
        weir.write_policy()
        weir.start()
        provider.script(text="kept")
        weir.kept = weir.chat(**({"stream": True} if stream else {}))
        assert weir.kept.headers["x-weir-cache"] == "miss"
        time.sleep(0.2)
        return weir
    return start


FAILS = {
    "500": ({"status": 500, **ERROR}, "upstream_5xx"),
    "503": ({"status": 503, **ERROR}, "upstream_5xx"),
    "429": ({"status": 429, **ERROR}, "upstream_4xx"),
    "reset": ({"fault": {"kind": "reset", "at": "head"}}, "outcome_unknown"),
    "silence": ({"fault": {"kind": "stall", "at": "head"}}, "upstream_timeout"),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("how", FAILS)
def test_an_old_answer_stands_in_for_an_upstream_that_fails(start_kept, provider, how, stream):
    weir = start_kept(stream=stream)
    script, outcome = FAILS[how]
    provider.script(**script)
    answer = weir.chat(**({"stream": True} if stream else {}))
    assert answer.status_code == 200 and answer.content == weir.kept.content
    assert answer.headers["x-weir-cache"] == "stale"
    line = weir.last_call(2)
    assert (line["cache"], line["code"], line["status"], line["ended_by"]) == ("stale", "ok", 200, "gateway")
    assert str(line["attempts"]) == answer.headers["x-weir-attempts"] and line["attempts"] in (1, 1 + (how == "reset"))
    ran = how in ("reset", "silence")  # who knows what that has cost
    assert line["estimated"] == ran and (line["cost_usd"] > 0) == ran
    page = weir.metrics()
    assert weir.metric("weir_cache_total", page, kind="answer", result="stale") == 1
    assert weir.metric("weir_attempts_total", page, upstream="openai", outcome=outcome) == 1


def test_a_document_that_breaks_off(start_kept, provider):
    weir = start_kept()
    provider.script(length=5000, fault={"kind": "reset", "at": "mid"})
    answer = weir.chat()
    assert answer.headers["x-weir-cache"] == "stale" and answer.content == weir.kept.content
    line = weir.last_call(2)
    assert line["estimated"] and line["cost_usd"] > 0 and line["code"] == "ok"


def test_a_stream_that_breaks_off_is_what_it_is(start_kept, provider):
    weir = start_kept(stream=True)
    provider.script(length=5000, event_delay_ms=20, fault={"kind": "reset", "at": "mid"})
    answer = weir.chat(stream=True)
    assert answer.headers["x-weir-cache"] == "miss" and "kept" not in answer.text
    assert weir.last_call(2)["code"] == "upstream_malformed"


def test_a_provider_that_is_not_there_at_all(start_kept, provider):
    weir = start_kept()
    provider.stop()
    answer = weir.chat()
    assert answer.headers["x-weir-cache"] == "stale" and answer.content == weir.kept.content
    line = weir.last_call(2)
    assert line["cost_usd"] == 0 and not line["estimated"]
    other = weir.chat(messages=[{"role": "user", "content": "of this one nothing is kept"}])
    assert other.status_code == 503 and code_of(other) == "upstream_unreachable"


def test_it_is_asked_anew_each_time_and_what_is_new_is_kept(start_kept, provider):
    weir = start_kept()
    provider.script(status=500, **ERROR)
    assert [weir.chat().headers["x-weir-cache"] for _ in range(2)] == ["stale", "stale"]
    provider.script(text="newer")
    fresh = weir.chat()
    assert fresh.headers["x-weir-cache"] == "miss" and "newer" in fresh.text
    time.sleep(0.2)
    provider.script(status=500, **ERROR)
    assert "newer" in weir.chat().text and len(provider.ledger()) == 5


def test_not_for_a_call_that_is_wrong_itself(start_kept, provider):
    weir = start_kept()
    provider.script(status=400, **ERROR)
    assert weir.chat().status_code == 400
    provider.script(status=401, **ERROR)
    assert code_of(weir.chat()) == "upstream_auth_failed"


def test_not_for_who_wants_none_of_the_cache(start_kept, provider):
    weir = start_kept()
    provider.script(status=500, **ERROR)
    for word in ("no-cache", "no-store"):
        answer = weir.chat(headers={"x-weir-cache": word})
        assert answer.status_code == 500 and answer.headers["x-weir-cache"] == "bypass"


def test_not_once_it_is_too_old(start_kept, provider):
    weir = start_kept(stale="1s")
    time.sleep(1)
    provider.script(status=500, **ERROR)
    assert weir.chat().status_code == 500


def test_what_was_lost_is_charged_to_the_budget(start_kept, provider):
    weir = start_kept(agents={"app": {"budget": {"agent": {"tokens": 100_000, "per": "day"}}}})
    with weir.http() as client:
        def spent():
            tokens = client.get("/weir/v1/budget").json()["budgets"][0]["tokens"]
            return tokens["spent"], tokens["reserved"]
        before = spent()
        provider.script(status=500, **ERROR)
        assert weir.chat(max_tokens=100).status_code == 500  # another body: nothing is kept of it
        assert spent() == before
        provider.script(fault={"kind": "stall", "at": "head"})
        assert weir.chat().headers["x-weir-cache"] == "stale"
        after = eventually(lambda: spent() if spent()[1] == 0 else None)
    assert after[0] > before[0], "it may have run: what was reserved for it is charged"


def test_those_who_wait_are_spared_the_same(start_kept, provider):
    weir = start_kept(agents={"app": {"rate_limit": f"{RATE}/day"}}, upstreams={"openai": {"timeouts": {"first_byte": "60s"}}})
    script = {"status": 503, **ERROR}
    provider.script(text="of another shape")
    Asked(weir).answer()
    time.sleep(0.2)
    provider.script(**script, fail_first=1, fail={**script, "held": True})
    first = Asked(weir)
    eventually(lambda: len(provider.ledger()) == 3)
    others = [Asked(weir) for _ in range(3)]
    eventually(lambda: let_in(weir) == 6)
    said = answers(provider, first, *others)
    assert {a.status for a in said} == {200} and [a.cache for a in said] == ["stale"] * 4
    assert len(provider.ledger()) <= 4
    assert sum(c["attempts"] for c in chats(weir, 6)) == len(provider.ledger())
