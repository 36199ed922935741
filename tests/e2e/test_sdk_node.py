# SPDX-License-Identifier: Apache-2.0
"""The openai SDK for Node.js, which throws where the Python one is patient: streamed tool calls above all."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from rig import FOUR_TOOLS

SCRIPT = Path(__file__).parent / "node" / "stream_tools.mjs"
THREE_CALLS = [{"name": "delete_order", "arguments": {"order_id": "X"}}, {"name": "lookup_order", "arguments": {"order_id": "A-1"}},
               {"name": "search_kb", "arguments": {"order_id": "returns"}}]

pytestmark = [pytest.mark.release, pytest.mark.skipif(not shutil.which("node") or not (SCRIPT.parent / "node_modules").exists(),
                                                      reason="no Node SDK here: npm ci in tests/e2e/node")]


def ask(weir, agent, **what):
    done = subprocess.run(
        ["node", SCRIPT, json.dumps({"model": "gpt-4o", "tools": FOUR_TOOLS, "stream": True, **what})], capture_output=True,
        text=True, timeout=60, env={"PATH": "/usr/bin:/bin:/usr/local/bin", "BASE_URL": weir.url + "/v1", "API_KEY": weir.keys.get(agent, agent)})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("stream", [True, False])
def test_every_call_arrives_when_every_tool_is_allowed(weir, stream):
    got = ask(weir, "full", stream=stream, script={"text": "Let me see.", "tool_calls": THREE_CALLS})
    assert [c["name"] for c in got["calls"]] == ["delete_order", "lookup_order", "search_kb"]
    assert got["text"] == "Let me see." and got["finish"] == "tool_calls"


@pytest.mark.parametrize("script", [
    {}, {"chunking": {"bytes": 1}}, {"chunking": {"random": 7}}, {"order": "interleaved", "fragment": 2}, {"eol": "crlf"},
    {"mix": True, "name_fragment": 1}, {"done": False}])
def test_the_calls_that_are_allowed_arrive_without_the_one_that_is_not(weir, script):
    got = ask(weir, "app", script={"text": "Let me see.", "tool_calls": THREE_CALLS, **script})
    assert "error" not in got, got
    assert [(c["name"], json.loads(c["arguments"])) for c in got["calls"]] == [
        ("lookup_order", {"order_id": "A-1"}), ("search_kb", {"order_id": "returns"})]
    assert "Let me see." in got["text"] and got["finish"] == "tool_calls"


def test_when_no_call_is_left_the_answer_is_text(weir):
    got = ask(weir, "app", script={"tool_calls": THREE_CALLS[:1]})
    assert "error" not in got, got
    assert not got["calls"] and got["finish"] == "stop" and "delete_order" in got["text"]


def test_a_refusal_raises_the_usual_error(weir):
    got = ask(weir, "app", model="gpt-5", script={})
    assert got["error"] == "PermissionDeniedError" and got["code"] == "model_denied" and got["status"] == 403
