# SPDX-License-Identifier: Apache-2.0
"""Ways around the tool and model lists that have been tried elsewhere. The provider must never see what was denied."""

import json

import pytest

from rig import FOUR_TOOLS, Heard, code_of, events, scripted, tool

ASK = '"messages":[{"role":"user","content":"?"}]'


def post(weir, body, path="/v1/chat/completions", agent="app", **headers):
    with weir.http(agent) as http:
        return http.post(path, content=body.encode() if isinstance(body, str) else body,
                         headers={"content-type": "application/json", **headers})


# P01, P02: names

@pytest.mark.parametrize("name", [
    "Lookup_order", "LOOKUP_ORDER", "lookup_order ", " lookup_order", "lookup_order\u0000", "lookup-order", "lookup_order\n",
    "ｌookup_order", "lookup_оrder", "lookup\u200d_order", "\u202elookup_order", "loo\u212aup_order", "lookup_order\u0301", ""])
def test_only_the_very_name_is_the_tool(weir, provider, name):
    answer = weir.chat(tools=[tool(name)], tool_choice="auto")
    if answer.status_code == 200:
        assert provider.ledger()[-1].tools == []
    else:
        assert code_of(answer) in ("request_invalid", "tool_denied")
        assert provider.ledger() == []


def test_an_escaped_name_is_the_same_name(weir, provider):
    body = '{"model":"gpt-4o",%s,"tools":[{"type":"function","function":{"name":"delete\\u005forder"}},' \
           '{"type":"function","function":{"name":"lookup\\u005forder"}}]}' % ASK
    assert post(weir, body).headers["x-weir-tools-removed"] == "delete_order"
    assert provider.ledger()[-1].tools == ["lookup_order"]


@pytest.mark.parametrize("name", ["Delete_order", "delete_order ", "delete\u200d_order", "dеlete_order", "delete_order\u0000"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_call_by_almost_an_allowed_name_does_not_come_through(weir, name, stream):
    answer = weir.chat("full", tools=FOUR_TOOLS, stream=stream,
                       script={"tool_calls": [{"name": name, "arguments": {"x": "SECRET-9"}}]})
    assert "SECRET-9" not in answer.text


# P03: one document, two readings

@pytest.mark.parametrize("body", [
    '{"model":"gpt-4o","model":"gpt-5",%s}', '{"model":"gpt-4o",%s,"tools":[],"tools":[{"type":"function","function":{"name":"x"}}]}',
    '{"model":"gpt-4o",%s,"tools":[{"type":"function","function":{"name":"lookup_order","name":"delete_order"}}]}',
    '{"model":"gpt-4o",%s,"tools":[{"type":"function","function":{"name":"lookup_order","n\\u0061me":"delete_order"}}]}',
    '{"model":"gpt-4o",%s} trailing', '{"model":"gpt-4o",%s}{"model":"gpt-5"}', '\ufeff{"model":"gpt-4o",%s}',
    '{"model":"gpt-4o",%s,"x":"\\ud800"}', '{"model":"gpt-4o",%s,"x":NaN}', "{'model':'gpt-4o'}", '{"model":"gpt-4o",%s,}',
    '{"model":"gpt-4o",/**/%s}', '["model"]', '"gpt-4o"', 'null', '', '   ', '{"model":"gpt-4o",%s', '{"model":"gpt-4o",%s,"x":01}',
    '{"model":"gpt-4o",%s,"x":"\t"}', '{"model":"gpt-4o\\u0000",%s}', '{"model":["gpt-4o"],%s}', '{"model":null,%s}', '{%s}',
    '{"model":"gpt-4o",%s,"x":' + "[" * 65 + "]" * 65 + "}", '{"model":"gpt-4o",%s,"x":' + "[" * 100_000 + "}",
    '{"model":"gpt-4o",%s,"tools":{"type":"function"}}', '{"model":"gpt-4o",%s,"tools":[1]}', '{"model":"gpt-4o",%s,"tools":"x"}',
    '{"model":"gpt-4o",%s,"stream":"true"}', '{"model":"gpt-4o",%s,"stream":1}', '{"model":"gpt-4o",%s,"stream_options":[1]}',
    '{"model":"gpt-4o",%s,"max_tokens":"4096"}', '{"model":"gpt-4o",%s,"max_tokens":-1}', '{"model":"gpt-4o",%s,"max_tokens":1e400}',
    '{"model":"gpt-4o",%s,"max_tokens":4096.5}', '{"model":"gpt-4o",%s,"n":0}', '{"model":"gpt-4o",%s,"n":"2"}',
    '{"model":"gpt-4o",%s,"n":99999999999999999999}', '{"model":"gpt-4o","messages":"x"}',
], ids=lambda b: b[:60])
def test_a_document_with_two_readings_is_refused(weir, provider, body):
    answer = post(weir, body.replace("%s", ASK))
    assert answer.status_code == 400 and code_of(answer) == "request_invalid", answer.text
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert provider.ledger() == []


@pytest.mark.parametrize("bad", [b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82", b"\xff"])
def test_text_that_is_not_utf8_is_refused(weir, provider, bad):
    body = b'{"model":"gpt-4o","messages":[{"role":"user","content":"' + bad + b'"}]}'
    assert code_of(post(weir, body)) == "request_invalid"
    assert code_of(post(weir, '{"model":"gpt-4o"}'.encode("utf-16"))) == "request_invalid"
    assert provider.ledger() == []


def test_odd_but_plain_keys_are_plain_data(weir, provider):
    body = '{"model":"gpt-4o",%s,"__proto__":{"tools":1},"constructor":"x","toString":[1],"content":"\\u0000"}' % ASK
    assert post(weir, body).status_code == 200 and provider.last_body() == body.encode()


# P05: paths

@pytest.mark.parametrize("path", [
    "//v1/chat/completions", "/v1//chat/completions", "/v1/./chat/completions", "/v1/../v1/chat/completions",
    "/v1/%2e%2e/v1/chat/completions", "/v1%2Fchat/completions", "/v1/chat%5Ccompletions", "/v1/chat;a=b/completions",
    "/v1/chat/completions;x", "/v1/chat/completions%00", "/v1/chat/completions%20", "/v1/chat/completions/", "/V1/chat/completions",
    "/v1/Chat/completions", "/v1/chat/completions%2525", "/v1/chat/%c0%afcompletions", "/v1/ch%61t/completions",
    "/v1/assistants", "/v1/threads", "/v1/batches", "/v1/files", "/v1/fine_tuning/jobs", "/v1/realtime", "/v1/images/generations",
    "/chat/completions", "/openai/deployments/gpt-4o/chat/completions", "/v1/audio/speech", "/"])
def test_only_the_very_path_is_served(weir, provider, path):
    s = weir.connect()
    body = ('{"model":"gpt-4o",%s}' % ASK).encode()
    s.sendall(f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{weir.port}\r\nauthorization: Bearer {weir.keys['app']}\r\n"
              f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body)
    first = s.recv(65536)
    assert first.split(b" ")[1] in (b"400", b"404"), first
    assert provider.ledger() == []


# P06: headers

@pytest.mark.parametrize("extra", [
    "authorization: Bearer {full}", "x-weir-key: {full}", "x-api-key: {full}", "x-http-method-override: DELETE\r\nx-original-url: /x"])
def test_headers_do_not_make_another_caller(weir, provider, extra):
    body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "?"}], "tools": FOUR_TOOLS}).encode()
    s = weir.connect()
    s.sendall(f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{weir.port}\r\nauthorization: Bearer {weir.keys['app']}\r\n"
              f"{extra.format(**weir.keys)}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
              f"connection: close\r\n\r\n".encode() + body)
    first = s.recv(65536)
    assert first.split(b" ")[1] in (b"401", b"400") or "x-http" in extra, first
    for entry in provider.ledger():
        assert entry.tools == ["lookup_order", "search_kb", "create_ticket"]


# P09: streams that try to rename what was judged

def deltas(*parts):
    out = [{"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o", "choices": [
        {"index": 0, "delta": d, "finish_reason": None}]} for d in parts]
    out.append({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o", "choices": [
        {"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    return {"events": out}


def call(index, **more):
    return {"tool_calls": [{"index": index, **more}]}


def part(index, name=None, arguments=None, **more):
    function = {k: v for k, v in (("name", name), ("arguments", arguments)) if v is not None}
    return call(index, function=function, **more)


RENAMES = {
    "renamed later": [part(0, "lookup_order", "", id="a", type="function"), part(0, None, '{"x":'), part(0, "delete_order", '"SECRET-9"}')],
    "renamed at the end": [part(0, "lookup_order", '{"x":"SECRET-9"}', id="a", type="function"), part(0, "delete_order")],
    "named in letters": [part(0, c, None, **({"id": "a", "type": "function"} if not i else {})) for i, c in enumerate("delete_order")]
    + [part(0, None, '{"x":"SECRET-9"}')],
    "allowed name then more": [part(0, "lookup_order", "", id="a", type="function"), part(0, "_delete", '{"x":"SECRET-9"}')],
    "arguments first": [part(0, None, '{"x":"SECRET-9"}', id="a", type="function"), part(0, "delete_order")],
    "no name": [part(0, None, '{"x":"SECRET-9"}', id="a", type="function")],
    "another id": [part(0, "delete_order", "", id="a", type="function"), part(0, None, '{"x":"SECRET-9"}', id="b")],
    "no index": [{"tool_calls": [{"id": "a", "type": "function", "function": {"name": "delete_order", "arguments": '"SECRET-9"'}}]}],
    "index from seven": [part(7, "delete_order", '{"x":"SECRET-9"}', id="a", type="function")],
    "both in one delta": [{"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "lookup_order", "arguments": "{}"}},
                                          {"index": 1, "id": "b", "type": "function", "function": {"name": "delete_order", "arguments": '{"x":"SECRET-9"}'}}]}],
    "the same index twice in one delta": [{"tool_calls": [
        {"index": 0, "id": "a", "type": "function", "function": {"name": "delete_order", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"x":"SECRET-9"}'}}]}],
    "legacy beside new": [{"function_call": {"name": "delete_order", "arguments": '{"x":"SECRET-9"}'}, "tool_calls": []}],
    "type changes": [part(0, "delete_order", "", id="a", type="function"), call(0, type="custom", custom={"name": "lookup_order", "input": "SECRET-9"})],
    "escaped": [{"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "delete_order", "arguments": "SECRET-9"}}]}],
    "index is a string": [call("0", id="a", type="function", function={"name": "delete_order", "arguments": "SECRET-9"})],
    "in message instead of delta": [],
}


@pytest.mark.parametrize("name", RENAMES)
@pytest.mark.parametrize("chunking", [None, {"bytes": 1}])
def test_no_order_of_deltas_lets_a_denied_call_through(weir, name, chunking):
    script = deltas(*RENAMES[name])
    if name == "in message instead of delta":
        script["events"][0]["choices"][0] = {"index": 0, "finish_reason": "tool_calls", "delta": {}, "message": {"tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "delete_order", "arguments": "SECRET-9"}}]}}
    answer = weir.chat(tools=FOUR_TOOLS, stream=True, script={**script, "chunking": chunking})
    if name != "in message instead of delta":
        assert "SECRET-9" not in answer.text, answer.text


def test_a_stream_that_never_finishes_a_call_releases_nothing_of_it(weir):
    script = deltas(part(0, "delete_order", '{"x":"SECRET-9"', id="a", type="function"))
    script["events"].pop()
    for done in (True, False):
        answer = weir.chat(tools=FOUR_TOOLS, stream=True, script={**script, "done": done})
        assert "SECRET-9" not in answer.text


def test_events_after_done_are_not_passed(weir):
    late = 'data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","type":"function","function":' \
           '{"name":"delete_order","arguments":"SECRET-9"}}]},"finish_reason":null}]}\n\n'
    answer = weir.chat(tools=FOUR_TOOLS, stream=True,
                       script={"body": "data: [DONE]\n\n" + late, "content_type": "text/event-stream"})
    assert "SECRET-9" not in answer.text


def test_data_over_several_lines_is_one_event(weir):
    event = 'data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","type":"function","function":\n' \
            'data: {"name":"delete_order",\ndata: "arguments":"SECRET-9"}}]},"finish_reason":"tool_calls"}]}\n\n'
    answer = weir.chat(tools=FOUR_TOOLS, stream=True, script={"body": event + "data: [DONE]\n\n", "content_type": "text/event-stream"})
    assert "SECRET-9" not in answer.text


@pytest.mark.parametrize("body", [
    '{"choices":[{"index":0,"message":{"tool_calls":[{"id":"a","type":"function","function":{"name":"lookup_order","name":"delete_order","arguments":"SECRET-9"}}]}}]}',
    '{"choices":[{"index":0,"message":{"tool_calls":[]},"message":{"tool_calls":[{"id":"a","type":"function","function":{"name":"delete_order","arguments":"SECRET-9"}}]}}]}',
    '{"choices":[{"index":0,"message":{"tool_calls":[{"id":"a","type":"function","function":{"name":"delete\\u005forder","arguments":"SECRET-9"}}]},"finish_reason":"tool_calls"}]}',
    '{"choices":[{"index":0,"message":{"tool_calls":[{"id":"a","type":"function","function":{"name":["delete_order"],"arguments":"SECRET-9"}}]}}]}',
    '{"choices":[{"index":0,"message":{"function_call":{"name":"delete_order","arguments":"SECRET-9"}}}]}',
    '{"choices":[{"index":0,"message":{"tool_calls":[{"id":"a","function":{"name":"delete_order","arguments":"SECRET-9"}}]}}]}',
    '{"choices":[{"index":0,"message":{"tool_calls":[{"id":"a","type":"mystery","mystery":{"name":"delete_order","arguments":"SECRET-9"}}]}}]}',
    '{"choices":[{"index":0,"message":{"tool_calls":{"id":"a","function":{"name":"delete_order","arguments":"SECRET-9"}}}}]}',
])
def test_no_whole_answer_lets_a_denied_call_through(weir, body):
    answer = weir.chat(tools=FOUR_TOOLS, script={"body": body})
    assert "SECRET-9" not in answer.text, answer.text


# N11: the answer is of another kind than was asked for

def test_a_stream_where_json_was_asked_for_lets_nothing_through(weir):
    script = {"as_": "sse", "tool_calls": [{"name": "delete_order", "arguments": "SECRET-9"}]}
    answer = weir.chat(tools=FOUR_TOOLS, script=script)
    assert "SECRET-9" not in answer.text


def test_json_where_a_stream_was_asked_for_lets_nothing_through(weir):
    script = {"as_": "json", "tool_calls": [{"name": "delete_order", "arguments": "SECRET-9"}]}
    answer = weir.chat(tools=FOUR_TOOLS, stream=True, script=script)
    assert "SECRET-9" not in answer.text


def test_a_coded_answer_is_malformed(weir):
    for stream in (False, True):
        answer = weir.chat(stream=stream, script={"gzip": True})
        assert answer.status_code == 502 and code_of(answer) == "upstream_malformed"


# P11: choices

def test_a_choice_of_a_tool_that_is_not_declared_is_refused(weir, provider):
    for choice in ({"type": "function", "function": {"name": "delete_order"}}, {"type": "custom", "custom": {"name": "delete_order"}}):
        assert code_of(weir.chat(tools=FOUR_TOOLS[:1], tool_choice=choice)) in ("tool_denied", "request_invalid")
        assert code_of(weir.chat(tool_choice=choice)) in ("tool_denied", "request_invalid")
    assert provider.ledger() == []


def test_allowed_tools_lose_the_denied_one(weir, provider):
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [
        {"type": "function", "function": {"name": n}} for n in ("lookup_order", "delete_order")]}}
    answer = weir.chat(tools=FOUR_TOOLS, tool_choice=choice)
    for entry in provider.ledger():
        assert "delete_order" not in provider.last_body().decode()
    if answer.status_code != 200:
        assert code_of(answer) == "tool_denied"


# P16: model names

@pytest.mark.parametrize("model", ["GPT-4o", "gpt-4o ", " gpt-4o", "gpt-4o\u0000", "gpt-4о", "ft:gpt-4o:x", "gpt-4o-2024-08-06", "", "gpt",
                                   "../gpt-4o", "openai/gpt-4o", "gpt-4o\n", "*"])
def test_only_the_very_model_is_the_model(weir, provider, model):
    answer = weir.chat(model=model)
    assert code_of(answer) in ("model_denied", "request_invalid") and answer.status_code in (400, 403)
    assert provider.ledger() == []


def test_a_list_of_fallback_models_does_not_choose_for_us(weir, provider):
    answer = weir.chat(models=["gpt-5"], route="fallback")
    if answer.status_code == 200:
        assert "gpt-5" not in json.loads(provider.last_body()).get("models", [])


# P17, P18: bounds and usage

def test_two_bounds_that_disagree_are_refused(weir, provider):
    answer = weir.chat(max_tokens=10, max_completion_tokens=20)
    assert answer.status_code == 400 and provider.ledger() == []


@pytest.mark.parametrize("options", [None, {}, {"include_usage": False}])
def test_usage_cannot_be_switched_off(weir, provider, options):
    answer = weir.chat(stream=True, **({} if options is None else {"stream_options": options}))
    assert provider.ledger()[-1].include_usage and all("usage" not in e or e["usage"] is None for e in events(answer) if e != "[DONE]")
    assert weir.last_call()["tokens_used"] == provider.last().usage["total_tokens"]


# P08, media types

@pytest.mark.parametrize("headers, code", [
    ({"content-encoding": "gzip"}, 415), ({"content-encoding": "identity, gzip"}, 415), ({"content-type": "text/plain"}, 415),
    ({"content-type": "application/json; charset=utf-16"}, 415), ({"content-type": "multipart/form-data; boundary=x"}, 415),
    ({"content-type": "application/x-www-form-urlencoded"}, 415)])
def test_bodies_that_are_not_plain_json_are_not_read(weir, provider, headers, code):
    assert post(weir, '{"model":"gpt-4o",%s}' % ASK, **headers).status_code in (code, 400)
    assert provider.ledger() == []


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"])
def test_json_may_be_called_json_in_several_ways(weir, kind):
    assert post(weir, '{"model":"gpt-4o",%s}' % ASK, **{"content-type": kind}).status_code == 200


def test_websockets_are_told_to_use_something_else(weir, provider):
    with weir.http() as http:
        answer = http.get("/v1/responses", headers={"connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "13",
                                                    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="})
    assert answer.status_code == 426 and provider.ledger() == []


def test_the_wrong_method_is_named(weir, provider):
    with weir.http() as http:
        answer = http.get("/v1/chat/completions")
        assert answer.status_code == 405 and code_of(answer) == "method_not_allowed" and "POST" in answer.headers["allow"]
        assert http.request("TRACE", "/v1/models").status_code in (400, 405)
    assert provider.ledger() == []
