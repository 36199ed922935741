# SPDX-License-Identifier: Apache-2.0
"""One of four tools is not allowed: no fragmentation of an answer lets a call of it through, and text keeps flowing."""

import json

import pytest

from rig import FOUR_TOOLS, Heard, code_of, events, scripted, tool

pytestmark = pytest.mark.release

TEXT = "Let me sée what the order says."
CALLS = [{"name": "lookup_order", "arguments": {"order_id": "A-1"}},
         {"name": "delete_order", "arguments": {"order_id": "SECRET-9"}},
         {"name": "search_kb", "arguments": {"order_id": "returns"}}]
ALLOWED = [("lookup_order", {"order_id": "A-1"}), ("search_kb", {"order_id": "returns"})]


def stream(weir, script, agent="app", **body):
    answer = weir.chat(agent, script=script, stream=True, tools=FOUR_TOOLS, **body)
    assert answer.status_code == 200, answer.text
    return answer


def check(answer, text=TEXT, allowed=ALLOWED):
    assert "SECRET-9" not in answer.text, "arguments of a denied call came through"
    heard = Heard(events(answer))
    assert heard.errors == [], heard.errors
    assert [(c["name"], json.loads(c["arguments"])) for c in heard.calls[0]] == allowed
    assert text in heard.text[0], heard.text
    assert heard.finish[0] == ("tool_calls" if allowed else "stop")
    return heard


def stream_length(weir, script):
    """How many bytes the provider makes of it, so that every chunk size can be tried."""
    weir.chat("full", script=script, stream=True, tools=FOUR_TOOLS)
    return weir.provider.last().bytes_sent


def sweep(weir, scripts):
    with weir.http("app") as http:
        for script in scripts:
            answer = http.post("/v1/chat/completions", headers=scripted(**script), json={
                "model": "gpt-4o", "stream": True, "tools": FOUR_TOOLS, "messages": [{"role": "user", "content": "?"}]})
            try:
                check(answer)
            except Exception as error:
                raise AssertionError(f"with {script}") from error


SCRIPT = {"text": TEXT, "deltas": 6, "tool_calls": CALLS, "fragment": 5}


@pytest.mark.parametrize("eol", ["lf", "crlf"])
def test_no_chunk_size_lets_the_call_through(weir, eol):
    sweep(weir, ({**SCRIPT, "eol": eol, "chunking": {"bytes": n}} for n in [*range(1, 130), 255, 256, 257, 511, 1000, 4000]))


@pytest.mark.parametrize("eol", ["lf", "crlf"])
def test_no_place_to_split_each_event_lets_the_call_through(weir, eol):
    sweep(weir, ({**SCRIPT, "eol": eol, "chunking": {"split_at": k}} for k in range(1, 260)))


def test_no_random_chunking_lets_the_call_through(weir):
    sweep(weir, ({**SCRIPT, "chunking": {"random": seed, "max": 1 + seed % 200}, "eol": ("lf", "crlf")[seed % 2],
                  "framing": ("chunked", "close")[seed // 2 % 2]} for seed in range(200)))


def test_no_size_or_order_of_deltas_lets_the_call_through(weir):
    sweep(weir, ({**SCRIPT, "fragment": fragment, "name_fragment": name, "order": order, "mix": mix, "done": bool(name % 2)}
                 for fragment in (1, 2, 3, 7, 0) for name in (0, 1, 4) for order in ("sequential", "interleaved")
                 for mix in (False, True)))


def test_arguments_before_the_name_do_not_let_the_call_through(weir):
    sweep(weir, ({**SCRIPT, "order": "arguments_first", "fragment": f, "chunking": c} for f in (1, 6, 0)
                 for c in (None, {"bytes": 3}, {"random": 3})))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_chunk_size_at_all_lets_the_call_through(weir):
    for eol in ("lf", "crlf"):
        whole = stream_length(weir, {**SCRIPT, "eol": eol})
        sweep(weir, ({**SCRIPT, "eol": eol, "chunking": {"bytes": n}} for n in range(1, whole + 1)))


def test_what_is_denied_is_said_in_words(weir):
    heard = check(stream(weir, SCRIPT))
    assert "delete_order" in heard.text[0]
    assert heard.done


def test_an_answer_of_denied_calls_only_becomes_text(weir):
    heard = check(stream(weir, {"tool_calls": CALLS[1:2]}), text="delete_order", allowed=[])
    assert heard.finish[0] == "stop"


def test_text_flows_on_while_a_call_is_held(weir):
    script = {"text": "word " * 20, "deltas": 20, "tool_calls": CALLS, "fragment": 2, "mix": True, "held": 20}
    came = 0
    with weir.http("app") as http, http.stream("POST", "/v1/chat/completions", headers=scripted(**script), json={
            "model": "gpt-4o", "stream": True, "tools": FOUR_TOOLS, "messages": [{"role": "user", "content": "?"}]}) as answer:
        for line in answer.iter_lines():
            if '"content":"' in line and '"content":""' not in line:
                came += 1
                if came == 7:  # the provider says no more until these are here
                    weir.provider.release()
    assert came >= 17


@pytest.mark.parametrize("n", [2, 3])
def test_each_choice_is_judged_by_itself(weir, n):
    answer = stream(weir, SCRIPT, n=n)
    heard = Heard(events(answer))
    assert "SECRET-9" not in answer.text
    for choice in range(n):
        assert heard.names(choice) == ["lookup_order", "search_kb"] and TEXT in heard.text[choice]
        assert heard.finish[choice] == "tool_calls"


def test_128_parallel_calls_with_one_denied(weir):
    calls = [{"name": "lookup_order", "arguments": {"order_id": str(i)}} for i in range(127)]
    calls.insert(77, CALLS[1])
    heard = check(stream(weir, {"text": TEXT, "tool_calls": calls, "order": "interleaved"}),
                  allowed=[("lookup_order", {"order_id": str(i)}) for i in range(127)])
    assert len({c["id"] for c in heard.calls[0]}) == 127


def test_a_legacy_function_call_is_judged(weir):
    for name, allowed in (("lookup_order", True), ("delete_order", False)):
        answer = stream(weir, {"text": TEXT, "function_call": {"name": name, "arguments": {"order_id": "SECRET-9"}}, "fragment": 3})
        heard = Heard(events(answer))
        assert heard.names() == ([name] if allowed else [])
        assert ("SECRET-9" in str(heard.calls)) == allowed
        assert heard.finish[0] == ("function_call" if allowed else "stop")


def test_custom_tools_are_judged(weir):
    call = {"name": "delete_order", "type": "custom", "arguments": "SECRET-9 as free text"}
    answer = stream(weir, {"text": TEXT, "tool_calls": [call]})
    assert "SECRET-9" not in answer.text and Heard(events(answer)).names() == []


# Whole answers

def whole(weir, script, agent="app", **body):
    answer = weir.chat(agent, script=script, tools=FOUR_TOOLS, **body)
    assert answer.status_code == 200, answer.text
    return answer, answer.json()["choices"]


def test_a_whole_answer_loses_the_denied_call(weir):
    answer, choices = whole(weir, {"text": TEXT, "tool_calls": CALLS}, n=2)
    assert "SECRET-9" not in answer.text
    for choice in choices:
        assert [c["function"]["name"] for c in choice["message"]["tool_calls"]] == ["lookup_order", "search_kb"]
        assert TEXT in choice["message"]["content"] and "delete_order" in choice["message"]["content"]
        assert choice["finish_reason"] == "tool_calls"


def test_a_whole_answer_of_denied_calls_becomes_text(weir):
    answer, (choice,) = whole(weir, {"tool_calls": CALLS[1:2]})
    assert not choice["message"].get("tool_calls") and "delete_order" in choice["message"]["content"]
    assert choice["finish_reason"] == "stop" and "SECRET-9" not in answer.text


def test_a_whole_legacy_function_call_becomes_text(weir):
    answer, (choice,) = whole(weir, {"function_call": CALLS[1]})
    assert not choice["message"].get("function_call") and "delete_order" in choice["message"]["content"]
    assert choice["finish_reason"] == "stop"


def test_when_the_answer_must_be_json_a_denied_call_is_a_refusal(weir):
    fmt = {"response_format": {"type": "json_object"}}
    _, (choice,) = whole(weir, {"tool_calls": CALLS[1:2]}, **fmt)
    assert "delete_order" in choice["message"]["refusal"] and not choice["message"]["content"]
    got = events(stream(weir, {"tool_calls": CALLS[1:2]}, **fmt))
    assert any("delete_order" in ((c["choices"] or [{"delta": {}}])[0]["delta"].get("refusal") or "") for c in got if c != "[DONE]")


# Requests

def test_a_tool_that_is_not_allowed_is_taken_out_and_named(weir, provider):
    answer = weir.chat(tools=FOUR_TOOLS)
    assert answer.headers["x-weir-tools-removed"] == "delete_order"
    assert provider.ledger()[-1].tools == ["lookup_order", "search_kb", "create_ticket"]
    line = weir.last_call()
    assert line["tools_offered"] == 4 and line["tools_removed"] in ("delete_order", ["delete_order"])


@pytest.mark.parametrize("extra", [{}, {"tool_choice": "auto", "parallel_tool_calls": True}, {"tool_choice": "none"}])
def test_when_no_tool_is_left_what_goes_with_tools_goes_too(weir, provider, extra):
    assert weir.chat("bare", tools=FOUR_TOOLS, **extra).status_code == 200
    sent = json.loads(provider.last_body())
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & set(sent)


@pytest.mark.parametrize("agent, choice", [
    ("app", {"type": "function", "function": {"name": "delete_order"}}),
    ("app", {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [
        {"type": "function", "function": {"name": "delete_order"}}]}}),
    ("bare", "required")])
def test_a_choice_that_cannot_be_made_is_refused(weir, provider, agent, choice):
    answer = weir.chat(agent, tools=FOUR_TOOLS, tool_choice=choice)
    assert answer.status_code == 403 and code_of(answer) == "tool_denied"
    assert provider.ledger() == []


def test_legacy_functions_are_taken_out(weir, provider):
    functions = [t["function"] for t in FOUR_TOOLS]
    answer = weir.chat(functions=functions, function_call="auto")
    assert answer.headers["x-weir-tools-removed"] == "delete_order"
    assert [f["name"] for f in json.loads(provider.last_body())["functions"]] == ["lookup_order", "search_kb", "create_ticket"]
    assert code_of(weir.chat(functions=functions, function_call={"name": "delete_order"})) == "tool_denied"
    weir.chat("bare", functions=functions, function_call="auto")
    assert not {"functions", "function_call"} & set(json.loads(provider.last_body()))


def test_custom_tools_are_taken_out(weir, provider):
    custom = [{"type": "custom", "custom": {"name": n}} for n in ("lookup_order", "delete_order")]
    assert weir.chat(tools=custom).headers["x-weir-tools-removed"] == "delete_order"
    assert provider.ledger()[-1].tools == ["lookup_order"]


def test_refuse_refuses_the_whole_request(start_weir, provider):
    weir = start_weir(provider, agents=("app",), defaults={"on_denied_tool": "refuse"})
    answer = weir.chat(tools=FOUR_TOOLS)
    assert answer.status_code == 403 and code_of(answer) == "tool_denied" and "delete_order" in answer.text
    assert provider.ledger() == []
    assert weir.chat(tools=FOUR_TOOLS[:3]).status_code == 200


HOSTED = [{"type": "web_search"}, {"type": "web_search_preview"}, {"type": "code_interpreter", "container": {"type": "auto"}},
          {"type": "mcp", "server_label": "x", "server_url": "https://mcp.example/"}, {"type": "mcp", "connector_id": "c"},
          {"type": "computer_use_preview"}, {"type": "file_search"}, {"type": "image_generation"}, {"type": "local_shell"},
          {"type": "shell"}, {"type": "apply_patch"}, {"type": "tool_search"}, {"type": "programmatic_tool_calling"},
          {"type": "namespace", "name": "n", "tools": [tool("drop_tables")]}, {"type": "brand_new_thing"}, {"type": ""}]


@pytest.mark.parametrize("hosted", HOSTED, ids=lambda h: h["type"] or "empty")
def test_tools_that_a_provider_runs_are_denied(weir, provider, hosted):
    answer = weir.chat("full", tools=[FOUR_TOOLS[0], hosted])
    for entry in provider.ledger():
        assert entry.tools == ["lookup_order"]
    if answer.status_code != 200:
        assert code_of(answer) in ("hosted_tool_denied", "request_invalid")


def test_a_hosted_tool_that_is_listed_may_be_switched_on(start_weir, provider):
    weir = start_weir(provider, agents=("app",), defaults={"hosted_tools": ["web_search", "mcp:https://mcp.example/"]})
    weir.hosted_allowed = {"web_search", "mcp"}
    good = [HOSTED[0], HOSTED[3]]
    assert weir.chat(tools=good).status_code == 200
    assert provider.ledger()[-1].tools == ["web_search", "mcp"]
    bad = {"type": "mcp", "server_label": "x", "server_url": "https://mcp.example.evil/"}
    weir.chat(tools=[bad])
    assert all(len(e.tools) in (0, 2) for e in provider.ledger())


KIMI_SEARCH = {"type": "builtin_function", "function": {"name": "$web_search"}}
KIMI_CALL = {"id": "s1", "type": "builtin_function", "function": {"name": "$web_search", "arguments": '{"query":"x"}'}}


def kimi_calls(stream):
    """A script: the model searches, and then calls a function of the agent's."""
    calls = [KIMI_CALL, {"id": "l1", "type": "function", "function": {"name": "lookup_order", "arguments": "{}"}}]
    head = {"id": "c1", "created": 1, "model": "gpt-4o", "usage": {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}}
    if not stream:
        message = {"role": "assistant", "content": None, "tool_calls": calls}
        choices = [{"index": 0, "message": message, "finish_reason": "tool_calls"}]
        return {"body": json.dumps({**head, "object": "chat.completion", "choices": choices})}
    deltas = [{"role": "assistant", "content": None}]
    for i, call in enumerate(calls):
        begun = {**call, "function": {**call["function"], "arguments": ""}}
        deltas += [{"tool_calls": [{"index": i, **begun}]},
                   {"tool_calls": [{"index": i, "function": {"arguments": call["function"]["arguments"]}}]}]
    chunks = [{**head, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": d, "finish_reason": None}]} for d in deltas]
    chunks.append({**head, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    return {"events": [*chunks, "[DONE]"]}


def heard_calls(answer, stream):
    if stream:
        return Heard(events(answer)).names()
    return [c["function"]["name"] for c in answer.json()["choices"][0]["message"].get("tool_calls", [])]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.unreconciled
def test_a_providers_own_function_is_denied(weir, provider, stream):
    answer = weir.chat("full", tools=[FOUR_TOOLS[0], KIMI_SEARCH], stream=stream, script=kimi_calls(stream))
    assert answer.status_code == 200 and answer.headers["x-weir-tools-removed"] == "builtin_function:$web_search"
    assert [t["type"] for t in json.loads(provider.last_body())["tools"]] == ["function"]
    assert heard_calls(answer, stream) == ["lookup_order"] and "was not let through" in answer.text
    assert "builtin_function" not in answer.text.replace("builtin_function:$web_search", "")
    for other in ({**KIMI_SEARCH, "custom": {"name": "lookup_order"}}, {**KIMI_SEARCH, "name": "lookup_order"}):
        assert code_of(weir.chat("full", tools=[other])) == "request_invalid"
    assert len(provider.ledger()) == 1


@pytest.mark.unreconciled
def test_a_providers_own_function_may_be_refused(start_weir, provider):
    weir = start_weir(provider, agents=("app",), defaults={"on_denied_tool": "refuse", "hosted_tools": [
        "builtin_function", "$web_search", "web_search", "builtin_function:$other"]})
    answer = weir.chat(tools=[FOUR_TOOLS[0], KIMI_SEARCH])
    assert answer.status_code == 403 and code_of(answer) == "hosted_tool_denied" and provider.ledger() == []


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.unreconciled
def test_a_providers_own_function_that_is_listed_may_be_switched_on(start_weir, provider, stream):
    weir = start_weir(provider, agents=("app",), defaults={"hosted_tools": ["builtin_function:$web_search"]})
    tools = [FOUR_TOOLS[0], KIMI_SEARCH]
    answer = weir.chat(tools=tools, stream=stream, script=kimi_calls(stream))
    assert answer.status_code == 200 and "x-weir-tools-removed" not in answer.headers
    assert json.loads(provider.last_body())["tools"] == tools
    assert heard_calls(answer, stream) == ["$web_search", "lookup_order"]
    echo = [{"role": "user", "content": "Search."}, {"role": "assistant", "content": None, "tool_calls": [KIMI_CALL]},
            {"role": "tool", "tool_call_id": "s1", "name": "$web_search", "content": KIMI_CALL["function"]["arguments"]}]
    assert weir.chat(tools=tools, messages=echo).status_code == 200
    assert json.loads(provider.last_body())["messages"] == echo
    other = {"type": "builtin_function", "function": {"name": "$code_runner"}}
    assert weir.chat(tools=[other]).headers["x-weir-tools-removed"] == "builtin_function:$code_runner"


def test_web_search_by_option_is_a_hosted_tool(weir, provider):
    answer = weir.chat(web_search_options={})
    if answer.status_code == 200:
        assert "web_search_options" not in json.loads(provider.last_body())
    else:
        assert code_of(answer) == "hosted_tool_denied" and provider.ledger() == []


def test_any_local_lets_unnamed_functions_pass_but_not_named_ones(start_weir, provider):
    weir = start_weir(provider, agents=("app",))
    weir.reload(agents={"app": {"tools": ["any-local", "lookup_order"]}})
    weir.chat(tools=[tool("my_own_function"), FOUR_TOOLS[0], FOUR_TOOLS[3]],
              script={"tool_calls": [{"name": "my_own_function"}, {"name": "delete_order"}]})
    assert provider.ledger()[-1].tools == ["my_own_function", "lookup_order"]


def test_a_tool_whose_scopes_the_agent_lacks_is_denied(start_weir, provider):
    weir = start_weir(provider, agents=("app",), ready=None, tools={"search_kb": {"requires_scopes": ["read:kb"]}})
    weir.write_policy(agents={"app": {"tools": ["lookup_order", "search_kb"], "data_access": ["read:kb"]}})
    weir.start()
    weir.chat(tools=FOUR_TOOLS)
    assert provider.ledger()[-1].tools == ["lookup_order", "search_kb"]


def test_shadow_mode_decides_and_records_and_does_not_act(start_weir, provider):
    weir = start_weir(provider, agents=("app", "full"), ready=None)
    weir.write_policy(agents={"app": {"mode": {"shadow": ["tools"], "until": "2099-12-31"}}})
    weir.start()
    answer = weir.chat(tools=FOUR_TOOLS, script={"tool_calls": CALLS})
    assert provider.ledger()[-1].tools[-1] == "delete_order" and "SECRET-9" in answer.text
    weir.last_call()
    assert weir.metric("weir_policy_verdicts_total", policy="tools", mode="shadow") > 0
    assert weir.metric("weir_shadow_agents") == 1


def test_calls_are_counted_by_verdict(weir):
    weir.chat(tools=FOUR_TOOLS, script={"tool_calls": CALLS})
    weir.last_call()
    assert weir.metric("agent_tool_calls_total", agent="app", tool="lookup_order") == 1
    denied = weir.metric("agent_tool_calls_total", agent="app", tool="delete_order", verdict="deny")
    assert denied == 1
