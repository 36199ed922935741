# SPDX-License-Identifier: Apache-2.0
"""Providers that break off, stall, babble and lie; and agents that leave."""

import contextlib
import json
import socket
import threading
import time

import httpx
import pytest

from rig import SLOWER, Heard, code_of, eventually, events, scripted

SHORT = {"upstreams": {"openai": {"timeouts": {"connect": "1s", "first_byte": "1s", "stream_idle": "1s", "total": "4s"}}}}

# fault of a whole answer -> what the agent gets
WHOLE = [
    ({"kind": "reset", "at": "head"}, (502, 503), ("outcome_unknown", "upstream_unreachable", "upstream_malformed")),
    ({"kind": "close", "at": "head"}, (502, 503), ("outcome_unknown", "upstream_unreachable", "upstream_malformed")),
    ({"kind": "half_close", "at": "head"}, (502, 503), ("outcome_unknown", "upstream_unreachable", "upstream_malformed")),
    ({"kind": "reset", "at": "mid_head"}, (502,), ("upstream_malformed", "outcome_unknown")),
    ({"kind": "close", "at": "mid_head"}, (502,), ("upstream_malformed", "outcome_unknown")),
    ({"kind": "reset", "at": "mid"}, (502,), ("upstream_malformed", "outcome_unknown")),
    ({"kind": "close", "at": "mid"}, (502,), ("upstream_malformed", "outcome_unknown")),
    ({"kind": "half_close", "at": "mid"}, (502,), ("upstream_malformed", "outcome_unknown")),
    ({"kind": "length_long", "by": 10}, (502,), ("upstream_malformed", "outcome_unknown")),
    ({"kind": "length_short", "by": 10}, (502,), ("upstream_malformed",)),
    ({"kind": "garbage", "at": "head"}, (502,), ("upstream_malformed",)),
    ({"kind": "garbage", "at": "mid_head"}, (502,), ("upstream_malformed",)),
    ({"kind": "stall", "at": "head"}, (504,), ("upstream_timeout",)),
    ({"kind": "stall", "at": "mid_head"}, (504,), ("upstream_timeout",)),
    ({"kind": "stall", "at": "mid"}, (504,), ("upstream_timeout",)),
    ({"kind": "drip", "at": "mid_head", "bytes": 1, "every_ms": 200}, (504,), ("upstream_timeout",)),
]


@pytest.mark.parametrize("fault, statuses, codes", WHOLE, ids=lambda f: "-".join(map(str, f.values())) if isinstance(f, dict) else None)
def test_a_whole_answer_that_breaks_is_said_to_be_broken(start_weir, provider, fault, statuses, codes):
    weir = start_weir(provider, **SHORT)
    begun = time.monotonic()
    answer = weir.chat(script={"fault": fault})
    assert time.monotonic() - begun < 6 * SLOWER
    assert answer.status_code in statuses and code_of(answer) in codes, answer.text
    assert answer.json()["error"]["type"] == "server_error"
    assert weir.chat(script={"text": "next"}).json()["choices"][0]["message"]["content"] == "next", "the pool is poisoned"
    assert len(provider.ledger()) == 2, "it was sent again although it may have run"


STREAM = [{"kind": k, "at": "mid"} for k in ("reset", "close", "half_close", "garbage", "stall")] + [
    {"kind": "close", "at": "body"}, {"kind": "reset", "event": 1}, {"kind": "drip", "at": "mid", "every_ms": 5000}]


@pytest.mark.parametrize("fault", STREAM, ids=lambda f: "-".join(map(str, f.values())))
def test_a_stream_that_breaks_ends_with_the_apis_error_event(start_weir, provider, fault):
    weir = start_weir(provider, **SHORT)
    answer = weir.chat(stream=True, script={"fault": fault})
    if answer.status_code == 200:
        heard = Heard(events(answer))
        assert len(heard.errors) == 1, answer.text
        assert heard.errors[0]["weir"]["code"] in ("upstream_malformed", "upstream_timeout"), heard.errors
        assert "length" not in heard.finish.values()
    else:
        assert code_of(answer) in ("upstream_malformed", "upstream_timeout", "outcome_unknown")
    line = weir.last_call()
    assert line["estimated"] and line["ended_by"] == "upstream", line
    assert weir.chat(script={"text": "next"}).json()["choices"][0]["message"]["content"] == "next"


def test_a_stream_that_ends_without_its_end_but_whole_is_whole(weir):
    heard = Heard(events(weir.chat(stream=True, script={"done": False})))
    assert heard.finish[0] == "stop" and heard.errors == []


def test_a_stream_that_closes_after_the_last_word_is_whole(weir):
    answer = weir.chat(stream=True, script={"framing": "close"})
    assert Heard(events(answer)).done


@pytest.mark.parametrize("status", [400, 404, 409, 413, 422, 429, 500, 502, 503, 529])
@pytest.mark.parametrize("stream", [False, True])
def test_a_providers_own_refusal_is_passed_on(weir, status, stream):
    answer = weir.chat(stream=stream, script={"status": status, "error": {"message": "its own words", "type": "t", "code": "c"},
                                              "headers": {"retry-after": "7"}})
    assert answer.status_code == status and answer.json()["error"]["message"] == "its own words"
    assert answer.headers["retry-after"] == "7"
    line = weir.last_call()
    assert line["status"] == status and line["cost_usd"] == 0


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("stream", [False, True])
def test_a_providers_word_about_our_key_is_not_passed_on(weir, provider, status, stream):
    answer = weir.chat(stream=stream, script={"status": 401} if status == 401 else {"status": 403, "error": {"message": provider.key[:12]}})
    assert answer.status_code == 502 and code_of(answer) == "upstream_auth_failed"
    assert provider.key[:12] not in answer.text


def test_a_provider_that_expects_another_key_is_an_operators_problem(start_weir, start_provider):
    provider = start_provider(expect_key="another")
    answer = start_weir(provider).chat()
    assert answer.status_code == 502 and code_of(answer) == "upstream_auth_failed"


def test_a_provider_that_is_not_there(start_weir, provider):
    weir = start_weir(provider, upstreams={"openai": {"url": "http://127.0.0.1:1/v1"}})
    answer = weir.chat()
    assert answer.status_code == 503 and code_of(answer) == "upstream_unreachable"
    assert provider.ledger() == []
    weir.provider = None


def test_a_provider_that_hangs_up_at_once(start_weir, provider):
    provider.script(accept="reset", accept_first=10_000)
    weir = start_weir(provider, **SHORT)
    answer = weir.chat()
    assert answer.status_code in (502, 503) and code_of(answer) in ("upstream_unreachable", "outcome_unknown", "upstream_malformed")
    weir.provider = None


def test_a_kept_connection_that_the_provider_closed_meanwhile_does_no_harm(weir, provider):
    for _ in range(5):
        assert weir.chat(script={"text": "x"}).status_code == 200
        raw = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 12\r\n\r\n{"last":true}'[:-1] + "}"
        weir.chat(script={"raw": raw.replace("12", "13"), "close": True})
        time.sleep(0.05)
    assert weir.chat().status_code == 200


@pytest.mark.parametrize("script", [
    {"interim": [100]}, {"interim": [103, 103]}, {"interim": [100, 103, 102]}, {"many_headers": 60}, {"huge_header": 6000},
    {"framing": "chunked"}, {"framing": "chunked", "chunking": {"bytes": 1}}, {"framing": "close"}, {"version": "HTTP/1.0", "close": True},
    {"head_apart": True, "chunking": {"bytes": 7, "gap_us": 100}}], ids=str)
def test_odd_but_good_answers_pass(weir, script):
    answer = weir.chat(script={"text": "fine", **script})
    assert answer.status_code == 200 and answer.json()["choices"][0]["message"]["content"] == "fine"


@pytest.mark.parametrize("script", [{"huge_header": 200_000}, {"many_headers": 300}, {"interim": [103] * 1000}, {"body": "no json"},
                                    {"body": '{"choices":['}, {"body": '{"a":1,"a":2}'}, {"body": ""}, {"content_type": "text/html", "body": "<html>"}],
                         ids=lambda s: str(s)[:40])
@pytest.mark.unreconciled
def test_answers_that_are_too_odd_are_malformed(weir, script):
    answer = weir.chat(script=script)
    assert answer.status_code == 502 and code_of(answer) == "upstream_malformed", answer.text


@pytest.mark.unreconciled
def test_an_answer_that_is_too_big_is_not_passed_on(weir, provider):
    for framing in ("length", "chunked", "close"):
        provider.script(body=json.dumps({"x": "y" * 33 * 2**20}), framing=framing)
        answer = weir.chat()
        assert answer.status_code == 502 and code_of(answer) == "upstream_malformed"
    provider.script(text="fine")
    assert weir.chat().status_code == 200


def test_no_answer_ever_reaches_another_caller(weir, provider):
    """Nonces over pooled connections, with every kind of surplus and break between them."""
    faults = [None, {"kind": "surplus"}, {"kind": "length_short", "by": 20}, {"kind": "close", "at": "mid"},
              {"kind": "reset", "at": "mid"}, {"kind": "surplus", "text": "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison"}]
    problems = []

    def work(worker):
        with weir.http() as http:
            for i in range(60):
                nonce = f"nonce-{worker}-{i}"
                script = {"text": nonce, "fault": faults[(worker + i) % len(faults)], "interim": [103] if i % 9 == 0 else []}
                with contextlib.suppress(httpx.TransportError):
                    answer = http.post("/v1/chat/completions", headers=scripted(**script), json={
                        "model": "gpt-4o", "stream": i % 3 == 0, "messages": [{"role": "user", "content": nonce}]})
                    if "poison" in answer.text or (answer.status_code == 200 and nonce[:5] in answer.text
                                                   and nonce not in answer.text.replace('"}', "")
                                                   and nonce != Heard(events(answer)).text.get(0, nonce)):
                        problems.append((nonce, answer.text))
    threads = [threading.Thread(target=work, args=(w,)) for w in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert not problems, problems[:3]


def test_surplus_that_comes_later_closes_the_connection(weir, provider):
    for i in range(20):
        weir.chat(script={"text": "first", "fault": {"kind": "surplus", "apart": True, "after_ms": 2}})
        time.sleep(0.02 * SLOWER)
        assert weir.chat(script={"text": f"second {i}"}).json()["choices"][0]["message"]["content"] == f"second {i}"


# Agents that leave

def leave(weir, script, stream=True, after=b"data:", agent="app"):
    """Asks, waits for the first bytes (or none), and hangs up."""
    body = json.dumps({"model": "gpt-4o", "stream": stream, "messages": [{"role": "user", "content": "?"}]}).encode()
    s = weir.connect()
    s.sendall(f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{weir.port}\r\nauthorization: Bearer {weir.keys[agent]}\r\n"
              f"x-script: {json.dumps(script)}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
    data = b""
    while after and after not in data:
        data += s.recv(65536)
    if not after:
        eventually(weir.provider.ledger, 5)
    s.close()
    return time.monotonic_ns()


@pytest.mark.parametrize("after", [b"data:", b""])
def test_when_the_agent_leaves_the_provider_is_cancelled_at_once(weir, provider, after):
    script = {"event_delay_ms": 50, "deltas": 200, "length": 4000} if after else {"delay_ms": 20_000}
    left = leave(weir, script, stream=bool(after), after=after)
    entry = eventually(lambda: (e := provider.ledger()) and e[0].over and e[0], why="the provider still works for nobody")
    assert entry.ended == "client_gone"
    assert (entry.ended_ns - left) / 1e9 < 1.5, "cancelled too late"
    line = weir.last_call()
    assert line["ended_by"] == "client" and line["estimated"] and line["code"] == "client_gone", line
    assert line["cost_usd"] > 0


def test_an_agent_that_leaves_after_everything_was_said_is_charged_exactly(weir):
    leave(weir, {"text": "short"}, after=b"[DONE]")
    line = weir.last_call()
    assert not line["estimated"] and line["cost_usd"] > 0


def test_an_agent_that_shuts_its_sending_side_has_left(weir, provider):
    """The end of an agent's bytes is all that a server sees of one who has left: nobody is worked for then."""
    body = b'{"model":"gpt-4o","messages":[{"role":"user","content":"?"}]}'
    s = weir.connect()
    s.sendall(f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{weir.port}\r\nauthorization: Bearer {weir.keys['app']}\r\n"
              f'x-script: {{"delay_ms":5000}}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n'.encode() + body)
    eventually(provider.ledger)
    s.shutdown(socket.SHUT_WR)
    assert weir.last_call()["code"] == "client_gone"


@pytest.mark.release  # where memory can be measured
def test_a_slow_reader_costs_no_memory_and_gets_everything(weir):
    before = weir.resident_kib()
    with weir.http() as http, http.stream("POST", "/v1/chat/completions", headers=scripted(length=60_000, deltas=15_000), json={
            "model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": "?"}]}) as answer:
        time.sleep(1)
        grown = weir.resident_kib() - before
        text = "".join(answer.iter_text())
    heard = Heard(events(text))
    assert len(heard.text[0]) == 60_000 and heard.done
    assert grown < 4096, f"{grown} KiB for one stream that nobody reads"


def ask_and_never_read(weir, requests):
    """A connection with so many requests on it that their replies fill every buffer on the way."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.connect(("127.0.0.1", weir.port))
    s.sendall(f"GET /v1/models HTTP/1.1\r\nhost: weir\r\nauthorization: Bearer {weir.keys['app']}\r\n\r\n".encode() * requests)
    return s


@pytest.mark.release  # where memory can be measured
def test_an_agent_that_never_reads_weirs_own_reply_is_given_up(start_weir, provider):
    model = {"upstream": "openai", "price": {"input": 1, "output": 2}}
    weir = start_weir(provider, models={f"a-model-with-a-long-name-{i:04}": model for i in range(200)}, workers=1,
                      listeners={"agents": {"limits": {"idle_timeout": "2s"}}})
    before, resident = weir.metric("process_open_fds"), []
    for round_ in range(1, 4):
        agents = [ask_and_never_read(weir, 400) for _ in range(5)]
        eventually(lambda: weir.metric("process_open_fds") >= before + 5)
        eventually(lambda: weir.metric("process_open_fds") <= before, why="connections that take nothing stay open")
        answered = eventually(lambda: len(weir.calls()))
        assert answered < 5 * 400 * round_, "who takes no answers was given more"
        resident.append(weir.resident_kib())
        for s in agents:
            s.close()
    assert resident[2] - resident[0] < 8192, resident  # what is warm by then; a connection held 6 MiB of replies
    assert weir.chat().status_code == 200


def test_a_callers_own_deadline_holds(weir):
    begun = time.monotonic()
    answer = weir.chat(script={"delay_ms": 10_000}, headers={"x-weir-timeout": "1s"})
    assert answer.status_code == 504 and code_of(answer) == "upstream_timeout"
    assert 0.9 < time.monotonic() - begun < 2.5 * SLOWER


def test_a_silent_stream_is_kept_alive_by_comments(start_weir, provider):
    weir = start_weir(provider, keep_alive_comment="1s")
    text, body = "", {"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": "?"}]}
    with weir.http() as http, http.stream("POST", "/v1/chat/completions", json=body,
                                          headers=scripted(text="a b", deltas=["a", "b"], held=2)) as answer:
        for part in answer.iter_text():
            text += part
            if "\n:" in part or part.startswith(":"):
                provider.release()
    assert "\n:" in text and Heard(events(text)).text[0] == "ab"
