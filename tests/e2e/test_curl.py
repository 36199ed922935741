# SPDX-License-Identifier: Apache-2.0
"""curl, as people try things out with it."""

import json
import shutil
import subprocess

import pytest

pytestmark = [pytest.mark.release, pytest.mark.skipif(not shutil.which("curl"), reason="no curl here")]


def curl(weir, *words, agent="app", body=None):
    return subprocess.run(
        ["curl", "-sS", "-i", "--max-time", "60", "-H", "authorization: Bearer " + weir.keys[agent],
         "-H", "content-type: application/json", *words], input=body, capture_output=True, text=True, timeout=90)


def chat(stream=False, content="Hello"):
    return json.dumps({"model": "gpt-4o", "stream": stream, "messages": [{"role": "user", "content": content}]})


def test_a_whole_answer_is_shown(weir):
    done = curl(weir, weir.url + "/v1/chat/completions", "-d", "@-", body=chat())
    assert done.returncode == 0 and done.stdout.startswith("HTTP/1.1 200")
    assert json.loads(done.stdout.split("\n\n", 1)[1])["choices"][0]["message"]["content"]


def test_a_stream_is_shown(weir):
    done = curl(weir, "-N", weir.url + "/v1/chat/completions", "-d", "@-", body=chat(stream=True))
    assert done.returncode == 0 and "data: [DONE]" in done.stdout


def test_a_big_body_is_sent_after_100_continue(weir, provider):
    body = chat(content="x" * 3_000_000)
    done = curl(weir, "-H", "expect: 100-continue", weir.url + "/v1/chat/completions", "--data-binary", "@-", body=body)
    assert done.returncode == 0 and "HTTP/1.1 100" in done.stdout and "HTTP/1.1 200" in done.stdout
    assert provider.last_body() == body.encode()


def test_a_body_that_is_refused_is_not_asked_for(weir, provider):
    done = curl(weir, "-H", "expect: 100-continue", weir.url + "/v1/nowhere", "--data-binary", "@-", body=chat())
    assert "HTTP/1.1 100" not in done.stdout and "HTTP/1.1 404" in done.stdout
    assert provider.ledger() == []


def test_chunked_uploads_are_taken(weir, provider):
    body = chat(content="y" * 200_000)
    done = curl(weir, "-H", "transfer-encoding: chunked", weir.url + "/v1/chat/completions", "--data-binary", "@-", body=body)
    assert "HTTP/1.1 200" in done.stdout and provider.last_body() == body.encode()


def test_two_calls_share_one_connection(weir):
    url = weir.url + "/v1/models"
    done = curl(weir, "-v", url, "--next", "-sS", "-H", "authorization: Bearer " + weir.keys["app"], url)
    assert done.stdout.count("\"object\":\"list\"") == 2 and done.stderr.count("* Connected to") == 1, done.stderr
