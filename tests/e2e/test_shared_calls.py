# SPDX-License-Identifier: Apache-2.0
"""Identical calls in flight share one upstream call: who waits for it, what becomes of it when somebody leaves, and what
those who waited do when it brings nothing for them."""

import http.client
import json
import signal
import socket
from decimal import Decimal

import pytest

from rig import SLOWER, eventually, tool

HELD = {"held": True}  # the provider answers when the others have come, and not by the clock
RATE = 100             # calls a day: so what is left of it says how many were let in


@pytest.fixture
def start_shared(start_weir, provider):
    def start(app=None, **change):
        weir = start_weir(provider, ready=None)
        weir.change = {"models": {"gpt-4o": {"cache": "1h"}}, "workers": 4,
                       "agents": {"app": {"rate_limit": f"{RATE}/day", **(app or {})}}, **change}
        weir.write_policy()
        return weir.start()
    return start


@pytest.fixture
def shared(start_shared):
    return start_shared()


class Asked:
    """One call on a connection of its own, byte for byte like the others; its answer is read when it is wanted."""

    def __init__(self, weir, script=None, stream=False, headers=None, small=False, **body):
        body = json.dumps({"model": "gpt-4o", "stream": stream, "messages": [{"role": "user", "content": "hi"}], **body}).encode()
        head = {"host": f"127.0.0.1:{weir.port}", "authorization": f"Bearer {weir.keys['app']}", "content-type": "application/json",
                "x-script": json.dumps(script or {}), "content-length": len(body), **(headers or {})}
        self.socket = weir.connect(60)
        if small:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.sendall(b"POST /v1/chat/completions HTTP/1.1\r\n"
                            + "".join(f"{k}: {v}\r\n" for k, v in head.items()).encode() + b"\r\n" + body)

    def answer(self):
        got = http.client.HTTPResponse(self.socket)
        got.begin()
        self.status, self.headers, self.body = got.status, got.headers, got.read()
        self.cache = got.headers.get("x-weir-cache")
        self.socket.close()
        return self

    def leave(self):
        self.socket.close()


def let_in(weir):
    """How many calls have been let in by the rate, so also those that wait."""
    with weir.http() as client:
        return RATE - client.get("/weir/v1/budget").json()["rates"][0]["remaining"]


def chats(weir, n):
    """The log's lines about the chat calls, once there are n."""
    return weir.said(lambda line: line["msg"] == "call" and line["action"] == "chat", n)


def ask_one_then(weir, provider, n, script, **how):
    """One call that is upstream, and n more that wait for it."""
    first = Asked(weir, script, **how)
    eventually(provider.ledger)
    others = [Asked(weir, script, **how) for _ in range(n)]
    eventually(lambda: let_in(weir) >= 1 + n, why="they were not all let in")
    return first, others


def answers(provider, *calls):
    provider.release()
    return [c.answer() for c in calls]


@pytest.mark.parametrize("stream", [False, True])
def test_ten_at_once_ask_upstream_once(shared, provider, stream):
    first, others = ask_one_then(shared, provider, 9, HELD, stream=stream)
    said = answers(provider, first, *others)
    assert len(provider.ledger()) == 1
    assert [a.cache for a in said] == ["miss"] + ["hit"] * 9 and {a.status for a in said} == {200}
    assert {a.body for a in said} == {first.body} and {a.headers["content-type"] for a in said} == {first.headers["content-type"]}
    lines = chats(shared, 10)
    assert sorted(c["cache"] for c in lines) == ["hit"] * 9 + ["miss"]
    assert sum(1 for c in lines if c["cost_usd"] > 0) == 1 and all(c["tokens_used"] == 0 for c in lines if c["cache"] == "hit")
    assert let_in(shared) == 10, "each of them counts as a request"
    assert shared.metric("weir_cache_total", kind="answer", result="hit") == 9


def test_ten_that_come_together_ask_upstream_once(shared, provider):
    calls = [Asked(shared, HELD) for _ in range(10)]
    eventually(lambda: let_in(shared) == 10)
    said = answers(provider, *calls)
    assert len(provider.ledger()) == 1 and sorted(a.cache for a in said) == ["hit"] * 9 + ["miss"]


@pytest.mark.parametrize("stream", [False, True])
def test_the_call_goes_on_while_somebody_waits_for_it(shared, provider, stream):
    first, others = ask_one_then(shared, provider, 2, HELD, stream=stream)
    first.leave()
    others[0].leave()
    eventually(lambda: shared.metric("weir_connections") == 1)
    assert answers(provider, others[1])[0].cache == "hit"
    assert provider.last().ended == "complete" and len(provider.ledger()) == 1
    gone = [c for c in chats(shared, 3) if c["code"] == "client_gone"]
    assert len(gone) == 2 and all(c["ended_by"] == "client" and c["bytes_out"] == 0 for c in gone)
    paid, = [c for c in gone if c["attempts"]]
    assert paid["cost_usd"] > 0 and not paid["estimated"], "it was read to its end, so what it cost is known"


def test_the_call_goes_on_in_the_middle_of_a_stream(shared, provider):
    first, others = ask_one_then(shared, provider, 1, {"held": 5, "deltas": 40}, stream=True)
    assert first.socket.recv(100)
    first.leave()
    eventually(lambda: shared.metric("weir_connections") == 1)
    assert answers(provider, others[0])[0].cache == "hit" and others[0].body.endswith(b"data: [DONE]\n\n")
    assert len(provider.ledger()) == 1


def test_with_the_last_who_waits_it_is_cancelled(shared, provider):
    first, others = ask_one_then(shared, provider, 2, HELD)
    for one in (first, *others):
        assert not provider.ledger()[0].over
        one.leave()
    entry = eventually(lambda: (e := provider.ledger()) and e[0].over and e[0], why="the provider still works for nobody")
    assert entry.ended == "client_gone" and len(provider.ledger()) == 1
    assert {c["code"] for c in chats(shared, 3)} == {"client_gone"}


def test_one_that_waits_and_leaves_disturbs_nobody(shared, provider):
    first, others = ask_one_then(shared, provider, 2, HELD)
    others[0].leave()
    chats(shared, 1)
    assert [a.cache for a in answers(provider, first, others[1])] == ["miss", "hit"] and len(provider.ledger()) == 1


NOT_FOR_OTHERS = {
    "tool calls": {"tool_calls": [{"name": "lookup_order", "arguments": {"order_id": "A-1"}}]},
    "length": {"finish_reason": "length"},
    "too large": {"length": 40_000},
}


def test_who_does_not_read_holds_nobody_up(start_shared, provider):
    weir = start_shared(cache={"max_entry": "64MiB", "memory": "256MiB"})
    script = {"length": 60_000, "deltas": 60_000, **HELD}
    first = Asked(weir, script, stream=True, small=True)
    eventually(provider.ledger)
    other = Asked(weir, script, stream=True)
    eventually(lambda: let_in(weir) == 2)
    provider.release()
    eventually(lambda: len(provider.ledger()) == 2)
    assert answers(provider, other)[0].cache == "miss" and other.body.endswith(b"data: [DONE]\n\n")
    assert len(provider.ledger()) == 2
    first.leave()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("what", NOT_FOR_OTHERS)
def test_what_is_for_one_alone_everybody_asks_for(start_shared, provider, what, stream):
    weir = start_shared(cache={"max_entry": "24KiB"})
    script = {**NOT_FOR_OTHERS[what], "fail_first": 1, "fail": {**HELD, **NOT_FOR_OTHERS[what]}}
    first, others = ask_one_then(weir, provider, 6, script, stream=stream, tools=[tool("lookup_order")])
    said = answers(provider, first, *others)
    assert [(a.status, a.cache) for a in said] == [(200, "miss")] * 7 and len(provider.ledger()) == 7
    assert let_in(weir) == 7


def test_an_upstream_that_fails_is_not_met_by_all_at_once(shared, provider):
    script = {**HELD, "fail_first": 1, "fail": {"status": 500, **HELD, "error": {"message": "no", "type": "server_error"}}}
    first, others = ask_one_then(shared, provider, 9, script)
    assert answers(provider, first)[0].status == 500
    eventually(lambda: len(provider.ledger()) >= 5)
    said = answers(provider, *others)
    assert {a.status for a in said} == {200}, "nobody gets another's error"
    assert sorted(a.cache for a in said) == ["hit"] * 5 + ["miss"] * 4 and len(provider.ledger()) == 5


def test_an_upstream_that_is_not_there(shared, provider):
    provider.stop()
    said = [a.answer() for a in [Asked(shared) for _ in range(20)]]
    assert {(a.status, a.headers["x-weir-code"]) for a in said} == {(503, "upstream_unreachable")}


def test_who_waits_holds_nothing_of_a_budget(start_shared, provider):
    """There is room for one reservation at a time; those who wait need none."""
    weir = start_shared(app={"budget": {"agent": {"tokens": 500, "per": "day"}}})
    usage = {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20}
    first, others = ask_one_then(weir, provider, 4, {**HELD, "usage": usage}, max_tokens=300)
    assert [a.cache for a in answers(provider, first, *others)] == ["miss"] + ["hit"] * 4
    with weir.http() as client:
        left = client.get("/weir/v1/budget").json()["budgets"][0]["tokens"]
    assert (left["spent"], left["reserved"]) == (20, 0)


def test_who_has_to_ask_for_himself_is_asked_for_his_budget(start_shared, provider):
    usage = {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20}
    weir = start_shared(app={"budget": {"agent": {"tokens": 500, "per": "day"}}, "concurrency": 3})
    script = {**HELD, "usage": usage, "finish_reason": "length"}
    first, others = ask_one_then(weir, provider, 2, script, max_tokens=300)
    crowd = Asked(weir, script, max_tokens=300).answer()
    assert (crowd.status, crowd.headers["x-weir-code"]) == (429, "concurrency_limited"), "a call that waits is one at once too"
    assert answers(provider, first)[0].status == 200
    eventually(lambda: len(provider.ledger()) == 2)
    weir.said(lambda line: line.get("code") == "budget_reserved")
    codes = sorted((a.status, a.headers.get("x-weir-code")) for a in answers(provider, *others))
    assert codes == [(200, None), (429, "budget_reserved")], codes
    assert let_in(weir) == 2, "whoever was refused has given back what it took"
    with weir.http() as client:
        left = client.get("/weir/v1/budget").json()["budgets"][0]["tokens"]
    assert (left["spent"], left["reserved"]) == (40, 0)


def test_who_waits_keeps_its_own_deadline(shared, provider):
    first, others = ask_one_then(shared, provider, 1, HELD)
    hasty = Asked(shared, HELD, headers={"x-weir-timeout": "2s"}).answer()
    assert (hasty.status, hasty.headers["x-weir-code"]) == (504, "upstream_timeout")
    assert {a.status for a in answers(provider, first, *others)} == {200}
    assert len(provider.ledger()) == 1
    assert all(c["gateway_ms"] < c["latency_ms"] / 2 for c in chats(shared, 3)), "waiting for another's answer is not Weir's own time"


def test_a_call_that_may_not_be_kept_waits_and_leads_nobody(shared, provider):
    """Under its own timeout an answer is for its caller alone."""
    own = {"headers": {"x-weir-timeout": "60s"}}
    first, others = ask_one_then(shared, provider, 2, {"fail_first": 1, "fail": HELD}, **own)
    assert [a.cache for a in answers(provider, first, *others)] == ["miss"] * 3 and len(provider.ledger()) == 3


def test_a_reload_in_the_middle(shared, provider):
    first, others = ask_one_then(shared, provider, 2, HELD)
    shared.reload(agents={"app": {"tools": ["lookup_order"]}})
    anew = Asked(shared, HELD)
    eventually(lambda: len(provider.ledger()) == 2)
    assert [a.cache for a in answers(provider, first, *others, anew)] == ["miss", "hit", "hit", "miss"]
    assert len(provider.ledger()) == 2


@pytest.mark.unreconciled
@pytest.mark.parametrize("leaves", [False, True])
def test_a_drain_lets_those_who_wait_have_their_answer(start_shared, provider, leaves):
    weir = start_shared(drain={"quiet": "1s", "hard": f"{60 * SLOWER}s"})
    first, others = ask_one_then(weir, provider, 3, HELD)
    weir.process.send_signal(signal.SIGTERM)
    eventually(lambda: weir.health("/readyz").status_code == 503)
    if leaves:
        first.leave()
        eventually(lambda: weir.metric("weir_connections") == 3)
    said = answers(provider, *([] if leaves else [first]), *others)
    assert [a.cache for a in said] == [*([] if leaves else ["miss"]), *["hit"] * 3]
    assert weir.process.wait(60 * SLOWER) == 0 and len(provider.ledger()) == 1


@pytest.mark.unreconciled
@pytest.mark.parametrize("leaves", [False, True])
def test_those_who_still_wait_when_time_is_up_are_told(start_shared, provider, leaves):
    weir = start_shared(drain={"quiet": "1s", "hard": "2s"})
    first, others = ask_one_then(weir, provider, 6, HELD)
    if leaves:
        first.leave()
    weir.process.send_signal(signal.SIGTERM)
    told = [a.answer() for a in others]
    assert {(a.status, a.headers["x-weir-code"]) for a in told} == {(503, "shutting_down")}
    assert weir.process.wait(60 * SLOWER) == 0


def test_the_books_add_up_after_many_of_everything(shared, provider):
    """Few keys, many callers, some of whom leave, some answers that fail: each call ends, and every nano-dollar is found."""
    asked = []
    for i in range(80):
        script = {"delay_ms": i % 4 * 40, **({"status": 503, "error": {"message": "no", "type": "x"}} if i % 4 == 3 else {})}
        asked.append(Asked(shared, script, stream=i % 3 == 0))
        if i % 5 == 2:
            asked.pop(i // 7 % len(asked)).leave()
    codes = [a.answer().status for a in asked]
    assert set(codes) <= {200, 503} and codes.count(200) >= len(codes) // 2
    lines = chats(shared, 80)
    assert sum(Decimal(c["cost_usd"]) > 0 for c in lines) <= len(provider.ledger()) < 80
