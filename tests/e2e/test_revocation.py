# SPDX-License-Identifier: Apache-2.0
"""What an operator takes away is gone for calls that are already running, too: it is asked again before a tool call is let go."""

import threading

import pytest

from rig import FOUR_TOOLS, Heard, eventually, events

SCRIPT = {"text": "word " * 20, "deltas": 20, "held": 5,
          "tool_calls": [{"name": "lookup_order", "arguments": {"order_id": "SECRET-9"}}]}


@pytest.mark.parametrize("change", [
    {"agents": {"app": {"tools": ["search_kb"]}}}, {"agents": {"app": {"suspended": True}}}], ids=["tool", "agent"])
def test_a_call_of_what_was_taken_away_meanwhile_is_not_let_go(weir, provider, change):
    done = []
    thread = threading.Thread(target=lambda: done.append(weir.chat(stream=True, script=SCRIPT, tools=FOUR_TOOLS)))
    thread.start()
    eventually(provider.ledger)
    weir.reload(**change)
    provider.release()
    thread.join()
    heard = Heard(events(done[0]))
    assert "SECRET-9" not in done[0].text and heard.names() == []
    assert heard.text[0].startswith("word word") and heard.finish[0] == "stop" and heard.done
