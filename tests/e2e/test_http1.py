# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 as bytes on a socket: what peers disagree about, floods, limits, and many who are slow."""

import base64
import concurrent.futures
import itertools
import json
import re
import socket
import time
from pathlib import Path

import pytest

from rig import SLOWER, code_of, eventually, read_answers, receive

DATA = Path(__file__).parent / "data" / "http1_cases.json"
CASES = json.loads(DATA.read_text()) if DATA.exists() else []
REQUESTS = [c for c in CASES if c["side"] == "request"]
ANSWERS = [c for c in CASES if c["side"] == "answer"]
# Each caller from an address of its own: strangers are slowed down by address.
ADDRESSES = (f"127.{a}.{b}.{c}" for a in range(1, 200) for b in range(256) for c in range(1, 255))


def case_bytes(case, key=None):
    decode = lambda name: base64.b64decode(case.get(name, ""))
    data = decode("bytes") + decode("fill") * case.get("times", 0) + decode("tail")
    if key:
        data = data.replace(b"Host: weir.test\r\n", b"Host: weir.test\r\nAuthorization: Bearer " + key.encode() + b"\r\n")
    return data


def connect(weir):
    s = socket.socket()
    s.bind((next(ADDRESSES), 0))
    s.connect(("127.0.0.1", weir.port))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def request(weir, method="GET", path="/v1/models", *headers, body=b""):
    head = [f"{method} {path} HTTP/1.1", "host: weir.test", "authorization: Bearer " + weir.keys["app"], *headers]
    if body:
        head += ["content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def pieces(data, way):
    if way == "byte by byte":
        return [data[i:i + 1] for i in range(len(data))]
    if way == "line by line":
        return re.findall(rb"[^\n]*\n|[^\n]+\Z", data) or [data]
    return [data]


def speak(weir, case, way):
    """Sends the case one way; returns the answers, whether Weir closed, and whether a request afterwards is answered."""
    data, before = case_bytes(case, weir.keys["app"]), 0
    if way == "behind a good one":
        data, before = request(weir) + data, 1
    parts = pieces(data, way)
    with connect(weir) as s:
        try:
            for part in parts:
                s.sendall(part)
                if way == "byte by byte" and len(parts) < 400:
                    time.sleep(0.0002)
        except (ConnectionResetError, BrokenPipeError):
            pass
        due = before + case["messages"] + (case["outcome"] != "accept")
        whole = lambda got: len([a for a in read_answers(got) if a[0] >= 200]) >= due
        got = receive(s, whole if not case["close"] else lambda _: False, 5)
        answers = [a for a in read_answers(got) if a[0] >= 200][before:]
        s.settimeout(0.02)
        try:
            closed = s.recv(1) == b""
        except TimeoutError:
            closed = False
        except ConnectionResetError:
            closed = True
        goes_on = False
        if not closed:
            s.sendall(request(weir))
            goes_on = b"\"object\":\"list\"" in receive(s, lambda d: b"]}" in d, 3)
    return answers, closed, goes_on


def check_case(weir, case, way):
    answers, closed, goes_on = speak(weir, case, way)
    what = f"{case['id']} {case['name']}, {way}: {[(a[0], a[2][:200]) for a in answers]} closed={closed} goes_on={goes_on}"
    if case["outcome"] == "accept":
        assert len(answers) == case["messages"], what
        assert closed == case["close"], what
        assert goes_on or case["close"], what
    else:
        assert len(answers) == case["messages"] + 1, what
        assert answers[-1][0] == case["outcome"], what
        assert closed, what
        if answers[-1][2]:
            assert answers[-1][1]["x-weir-code"] == json.loads(answers[-1][2])["error"]["weir"]["code"], what


@pytest.mark.skipif(not CASES, reason="no cases: see tests/unit/http/cases_json.c")
@pytest.mark.parametrize("way", ["at once", "byte by byte", "line by line", pytest.param("behind a good one", marks=pytest.mark.release)])
def test_every_request_case_has_the_outcome_that_is_due(weir, provider, way):
    def problem(case):
        if way == "byte by byte" and case.get("times", 0) > 1000:
            return None  # seen at the codec's own tests
        try:
            check_case(weir, case, way)
        except AssertionError as error:
            return str(error).split("\n")[0]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        problems = [p for p in pool.map(problem, REQUESTS) if p]
    assert not problems, "\n".join([f"{len(problems)} of {len(REQUESTS)}:"] + problems)
    assert provider.ledger() == []


@pytest.mark.release
@pytest.mark.skipif(not CASES, reason="no cases: see tests/unit/http/cases_json.c")
def test_no_answer_case_gets_past_or_poisons_the_pool(weir, provider):
    problems = []
    for case in ANSWERS:
        if case.get("asked") == "HEAD":
            continue
        provider.script(raw64=base64.b64encode(case_bytes(case)).decode(), close=case["close"])
        answer = weir.chat()
        if case["outcome"] != "accept" and (answer.status_code != case["outcome"]
                                            or code_of(answer) not in ("upstream_malformed", "outcome_unknown")):
            problems.append(f"{case['id']} {case['name']}: {answer.status_code} {answer.text[:100]}")
        provider.script(text=f"after {case['id']}")
        after = weir.chat()
        if after.status_code != 200 or f"after {case['id']}" not in after.text:
            problems.append(f"{case['id']} {case['name']}: and then {after.status_code} {after.text[:100]}")
    assert not problems, "\n".join(problems)


@pytest.mark.release
def test_pipelined_requests_are_answered_in_order(weir, provider):
    bodies = [json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": '[[script {"text":"answer %d","delay_ms":%d}]]'
                                                           % (i, 30 - i)}]}).encode() for i in range(20)]
    with connect(weir) as s:
        s.sendall(b"".join(request(weir, "POST", "/v1/chat/completions", body=b) for b in bodies))
        answers = read_answers(receive(s, lambda d: d.count(b"HTTP/1.1 200") == 20 and d.endswith(b"}"), 20))
    said = [json.loads(a[2])["choices"][0]["message"]["content"] for a in answers]
    assert said == [f"answer {i}" for i in range(20)]
    assert len(provider.ledger()) == 20


def test_replies_that_fill_the_connection_again_and_again_come_whole(start_weir, provider):
    model = {"upstream": "openai", "price": {"input": 1, "output": 2}}
    weir = start_weir(provider, models={f"a-model-with-a-long-name-{i:04}": model for i in range(600)}, workers=1)
    head = f"GET /v1/models HTTP/1.1\r\nhost: weir.test\r\nauthorization: Bearer {weir.keys['app']}\r\n\r\n".encode()
    with weir.http() as http:
        want = http.get("/v1/models").content
    with connect(weir) as s:
        s.sendall(head * 200)
        whole = receive(s, lambda d: len(d) > 200 * len(want) and d.endswith(b"]}") and d.count(b"HTTP/1.1 200") == 200, 30)
    answers = read_answers(whole)
    assert len(answers) == 200 and all(status == 200 and body == want for status, _, body in answers)


@pytest.mark.parametrize("size", [1, 7, 100])
def test_requests_cut_anywhere_are_the_same_requests(weir, provider, size):
    body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "cut"}], "stream": True}).encode()
    data = request(weir, "POST", "/v1/chat/completions", body=body)
    with connect(weir) as s:
        for i in range(0, len(data), size):
            s.sendall(data[i:i + size])
            time.sleep(0.001)
        assert b"[DONE]" in receive(s, lambda d: b"0\r\n\r\n" in d)


def status_of(weir, data, seconds=10):
    with connect(weir) as s:
        try:
            s.sendall(data)
        except (ConnectionResetError, BrokenPipeError):
            pass
        answers = read_answers(receive(s, lambda d: False, seconds))
    assert answers, "closed without a word"
    return answers[-1][0], answers[-1][1]["x-weir-code"]


@pytest.mark.parametrize("data, status, code", [
    (lambda w: request(w, "GET", "/v1/" + "a" * 9000), 414, "target_too_long"),
    (lambda w: request(w, "GET", "/v1/models", "x-a: " + "b" * 40_000), 431, "header_too_large"),
    (lambda w: request(w, "GET", "/v1/models", *["x-a: b"] * 200), 431, "header_too_large"),
    (lambda w: request(w, "GET", "/v1/models", "a" * 129 + ": b"), 431, "header_too_large"),
    (lambda w: request(w, "POST", "/v1/chat/completions", "content-type: application/json", f"content-length: {33 * 2**20}"), 413,
     "request_too_large"),
], ids=["a target", "a header", "many headers", "a header's name", "a body"])
def test_too_much_of_anything_is_refused(weir, provider, data, status, code):
    assert status_of(weir, data(weir)) == (status, code)
    assert provider.ledger() == []


def test_a_chunked_body_that_grows_too_big_is_refused(start_weir, provider):
    weir = start_weir(provider, listeners={"agents": {"limits": {"body_bytes": "64KiB"}}})
    body = b"10000\r\n" + b" " * 65536 + b"\r\n1\r\n \r\n0\r\n\r\n"
    data = request(weir, "POST", "/v1/chat/completions", "content-type: application/json", "transfer-encoding: chunked")
    assert status_of(weir, data + body) == (413, "request_too_large")
    assert provider.ledger() == []


@pytest.mark.parametrize("part", [b"", b"GET /v1/models HTTP/1.1\r\nhost: weir.test\r\nx-a: "])
def test_a_head_that_does_not_end_is_cut_at_its_deadline(start_weir, provider, part):
    weir = start_weir(provider, listeners={"agents": {"limits": {"header_timeout": "1s", "idle_timeout": "2s"}}})
    begun = time.monotonic()
    with connect(weir) as s:
        s.sendall(part)
        data = receive(s, seconds=8)
    assert time.monotonic() - begun < 5 * SLOWER
    if part:
        assert data.startswith(b"HTTP/1.1 408") and b"request_timeout" in data


def test_drops_of_a_head_do_not_move_the_deadline(start_weir, provider):
    weir = start_weir(provider, listeners={"agents": {"limits": {"header_timeout": "1s"}}})
    begun = time.monotonic()
    with connect(weir) as s:
        s.sendall(b"GET /v1/models HTTP/1.1\r\nhost: weir.test\r\nx-a: ")
        s.settimeout(0.1)
        for _ in range(100):
            try:
                s.sendall(b"b")
                if s.recv(100):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
    assert 0.8 < time.monotonic() - begun < 3 * SLOWER


def test_an_idle_connection_is_closed(start_weir, provider):
    weir = start_weir(provider, listeners={"agents": {"limits": {"idle_timeout": "1s"}}})
    with connect(weir) as s:
        s.sendall(request(weir))
        receive(s, lambda d: b"]}" in d)
        begun = time.monotonic()
        assert receive(s, seconds=6) == b""
        assert time.monotonic() - begun < 4 * SLOWER


def test_too_many_connections_are_turned_away(start_weir, provider):
    weir = start_weir(provider, listeners={"agents": {"limits": {"connections": 20}}})
    held = [connect(weir) for _ in range(40)]
    time.sleep(0.3)
    for s in held:
        s.close()
    eventually(lambda: weir.chat().status_code == 200, 5)


def slow_loris(weir, n, seconds):
    held = []
    for _ in range(n):
        s = connect(weir)
        s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: weir.test\r\nx-slow: ")
        held.append(s)
    quiet, times = time.monotonic() + seconds, []
    feed = itertools.cycle(held)
    while time.monotonic() < quiet:
        for s in itertools.islice(feed, 200):
            try:
                s.send(b"a")
            except OSError:
                pass
        begun = time.monotonic()
        assert weir.chat(script={"text": "x"}).status_code == 200
        times.append(time.monotonic() - begun)
    for s in held:
        s.close()
    return sorted(times)


def test_500_slow_connections_leave_others_undisturbed(weir):
    times = slow_loris(weir, 500, 2)
    assert times[len(times) * 99 // 100 - 1] < 1, times[-10:]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_5000_slow_connections_leave_others_undisturbed(weir):
    import resource
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 12_000:
        resource.setrlimit(resource.RLIMIT_NOFILE, (12_000, max(12_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    before = weir.resident_kib()
    times = slow_loris(weir, 5000, 10)
    assert times[len(times) * 99 // 100 - 1] < 1, times[-10:]
    assert weir.resident_kib() - before < 100_000


@pytest.mark.parametrize("broken", [b"GET /v1/%zz HTTP/1.1\r\nhost: weir.test\r\n\r\n", b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
                                    b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nhost: weir.test\r\nx: " + b"y" * 40000 + b"\r\n\r\n"])
def test_whoever_is_refused_before_it_is_known_who_calls_is_a_stranger(weir, provider, broken):
    """Ten refusals a second for an address; then 429, whatever is wrong. Who shows a key is served all the while."""
    address = next(ADDRESSES)

    def say(data):
        with socket.socket() as s:
            s.bind((address, 0))
            s.connect(("127.0.0.1", weir.port))
            s.sendall(data)
            return read_answers(receive(s, lambda got: len(read_answers(got)) > 0, 5))[0]
    refused = say(broken)[0]
    assert refused in (400, 431)
    with concurrent.futures.ThreadPoolExecutor(30) as pool:  # together, so that a slow machine does not make them few a second
        statuses = [status for status, *_ in pool.map(say, [broken] * 90)]
    assert statuses.count(refused) >= 8 and set(statuses) == {refused, 429}
    assert say(request(weir))[0] == 200
