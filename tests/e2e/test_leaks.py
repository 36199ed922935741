# SPDX-License-Identifier: Apache-2.0
"""Credentials stay where they belong: ours never come back, the agent's never go out, and it cannot stand in for ours."""

import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from rig import Heard, code_of, events

ANSWER = {"id": "x", "object": "chat.completion", "model": "gpt-4o", "choices": [
    {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}}


class Echo(ThreadingHTTPServer):
    """An upstream that repeats what it was sent, where the test tells it to."""
    daemon_threads = True

    def __init__(self):
        self.seen, self.where, self.status, self.stream, self.cut = [], None, 200, False, 0
        super().__init__(("127.0.0.1", 0), EchoHandler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class EchoHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        server = self.server
        server.seen.append(list(self.headers.items()))
        credential = self.headers.get("authorization") or self.headers.get("x-corp-auth") or ""
        secret = credential.removeprefix("Bearer ")
        answer = json.dumps({**ANSWER, "echo": secret} if server.where == "body" else ANSWER)
        if server.where == "stream":
            return self.stream_with(secret)
        if server.stream:
            answer = f"data: {answer}\n\ndata: [DONE]\n\n"
        self.send_response(server.status)
        self.send_header("content-type", "text/event-stream" if server.stream else "application/json")
        self.send_header("content-length", str(len(answer)))
        if server.where == "header":
            self.send_header("x-echo", "you sent " + secret)
        for name in ("set-cookie", "access-control-allow-origin", "alt-svc", "x-weir-cost-usd"):
            self.send_header(name, "from-upstream")
        self.end_headers()
        self.wfile.write(answer.encode())

    def stream_with(self, secret):
        """A word, then an event that repeats the key, in two writes; each is read by itself."""
        chunk = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o"}
        events = ["data: " + json.dumps({**chunk, "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})
                  + "\n\n" for text in ("before", "your key is " + secret)]
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(events[0].encode())
        time.sleep(0.1)
        cut = events[1].index(secret) + self.server.cut
        self.wfile.write(events[1][:cut].encode())
        time.sleep(0.1)
        self.wfile.write((events[1][cut:] + "data: [DONE]\n\n").encode())
        self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def echo():
    server = Echo()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def key():
    return "sk-" + secrets.token_hex(20)


def start(start_weir, echo, key, credential=None):
    upstream = {"url": echo.url, **({"credential": credential} if credential else {})}
    return start_weir(None, env={"PROVIDER_KEY": key}, upstreams={"openai": upstream})


@pytest.mark.parametrize("status", [200, 400, 404, 429, 500])
def test_an_answer_that_repeats_our_key_stays_here(start_weir, echo, key, status):
    weir = start(start_weir, echo, key)
    echo.where, echo.status = "body", status
    answer = weir.chat()
    assert answer.status_code == 502 and code_of(answer) == "upstream_malformed"
    weir.last_call()
    assert key not in answer.text and key not in weir.log_path.read_text()


@pytest.mark.parametrize("cut", [-5, 1, 20, 42, 43])
def test_a_stream_that_repeats_our_key_ends_before_it(start_weir, echo, key, cut):
    weir = start(start_weir, echo, key)
    echo.where, echo.cut = "stream", cut
    answer = weir.chat(stream=True)
    heard = Heard(events(answer))
    assert answer.status_code == 200 and heard.text[0] == "before" and heard.errors
    assert "upstream_malformed" in answer.text and key[:8] not in answer.text
    weir.last_call()
    assert key not in weir.log_path.read_text()


def test_a_header_that_repeats_our_key_stays_here_and_so_do_cookies(start_weir, echo, key):
    weir = start(start_weir, echo, key)
    echo.where = "header"
    answer = weir.chat()
    assert answer.status_code == 200 and key not in str(answer.headers.raw)
    assert not {"set-cookie", "access-control-allow-origin", "alt-svc"} & set(answer.headers)
    assert answer.headers["x-weir-cost-usd"] != "from-upstream"


def test_an_agent_cannot_send_the_upstreams_own_credential_header(start_weir, echo, key):
    weir = start(start_weir, echo, key, {"header": "x-corp-auth", "value": "${env:PROVIDER_KEY}", "api_key": None})
    assert weir.chat(headers={"X-Corp-Auth": "mine", "x-weir-user": "u1", "x-weir": "y"}).status_code == 200
    sent = echo.seen[-1]
    assert [value for name, value in sent if name.lower() == "x-corp-auth"] == [key]
    assert not [name for name, _ in sent if name.lower().startswith("x-weir")]


def test_a_key_of_ours_does_not_go_out_in_any_place_under_passthrough(start_weir, echo, key):
    weir = start(start_weir, echo, key, "passthrough")
    mine = weir.keys["app"]
    assert weir.chat(headers={"x-api-key": mine, "api-key": "theirs"}).status_code == 200
    sent = echo.seen[-1]
    assert mine not in str(sent)
    assert ("api-key", "theirs") in [(name.lower(), value) for name, value in sent]


def test_a_stream_that_was_not_asked_for_is_not_passed_on(start_weir, echo, key):
    weir = start(start_weir, echo, key)
    echo.stream = True
    answer = weir.chat()
    assert answer.status_code == 502 and code_of(answer) == "upstream_malformed"
