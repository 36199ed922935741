# SPDX-License-Identifier: Apache-2.0
"""What was judged is what is sent: not a byte of a request changes that no policy changes."""

import json

import pytest

from rig import FOUR_TOOLS, scripted

ODD = ('{ "model" :"gpt-4o",\n\t"messages":[ {"role":"user","content":"caf\\u00e9 \\/ \\ud83d\\ude00 é\\n"} ] ,\r\n'
       '"temperature": 1.0E0, "unknown_field":{"a":[1,2.50,-0,1e5,null,true]}, "seed":  7,"n":1 }\n')


def send(weir, text, agent="app", **headers):
    with weir.http(agent) as http:
        return http.post("/v1/chat/completions", content=text if isinstance(text, bytes) else text.encode(),
                         headers={"content-type": "application/json", **headers})


def test_a_request_that_needs_no_change_leaves_byte_for_byte(weir, provider):
    assert send(weir, ODD).status_code == 200
    assert provider.last_body() == ODD.encode()


def test_a_stream_that_asks_for_usage_leaves_byte_for_byte(weir, provider):
    text = ODD.rstrip()[:-1] + ', "stream" : true, "stream_options":{ "include_usage":true} }'
    assert send(weir, text).status_code == 200
    assert provider.last_body() == text.encode()


@pytest.mark.parametrize("options", ["", ',"stream_options":{}', ',"stream_options":{"include_usage":false}',
                                     ',"stream_options": {"include_obfuscation" : true}', ',"stream_options":null'])
def test_include_usage_is_all_that_is_spliced_in(weir, provider, options):
    text = ODD.rstrip()[:-1] + ', "stream":true' + options + "}"
    assert send(weir, text).status_code == 200
    got, want = json.loads(provider.last_body()), json.loads(text)
    want["stream_options"] = {**(want.get("stream_options") or {}), "include_usage": True}
    assert got == want
    untouched = text[1:text.index(', "stream":true')].encode()
    assert untouched in provider.last_body(), "what stands around the splice was touched"


def test_a_tool_is_cut_out_and_the_rest_stays_byte_for_byte(weir, provider):
    tools = [json.dumps(t, indent=3) for t in FOUR_TOOLS]
    head = ODD.rstrip()[:-1] + ', "tools": [ '
    assert send(weir, head + " ,\n".join(tools) + " ] }").status_code == 200
    got = provider.last_body().decode()
    assert got.startswith(head) and all(t in got for t in tools[:3]) and tools[3] not in got
    assert [t["function"]["name"] for t in json.loads(got)["tools"]] == ["lookup_order", "search_kb", "create_ticket"]


def test_an_upstream_name_is_all_that_changes(start_weir, provider):
    weir = start_weir(provider, models={"gpt-4o": {"upstream_name": "gpt-4o-2024-08-06"}})
    assert send(weir, ODD).status_code == 200
    assert provider.last_body() == ODD.replace('"gpt-4o"', '"gpt-4o-2024-08-06"').encode()


def test_a_megabyte_passes_unchanged(weir, provider):
    text = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "\u00fc\u20ac\U0001f600" * 100_000}]},
                      ensure_ascii=False)
    assert send(weir, text).status_code == 200
    assert provider.last_body() == text.encode()


def test_the_answers_bytes_are_the_providers_bytes(weir):
    body = '{ "id":"x", "object": "chat.completion","model":"gpt-4o","choices":[ ],\n "usage":null, "odd":1.0 }\n'
    assert send(weir, ODD, **scripted(body=body)).text == body


def test_a_streams_bytes_are_the_providers_bytes(weir, provider):
    raw = (': hello\n\ndata:  {"id":"1", "choices":[{"index":0,"delta":{"content":"a\\u0062"},"finish_reason":null}],"usage":null}\n\n'
           'event: message\ndata: {"id":"1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"new":[1]}\n\ndata: [DONE]\n\n')
    text = ODD.rstrip()[:-1] + ', "stream":true,"stream_options":{"include_usage":true}}'
    assert send(weir, text, **scripted(body=raw, content_type="text/event-stream")).text == raw


def test_unknown_headers_pass_and_weirs_own_do_not(weir, provider):
    answer = send(weir, ODD, **{"openai-organization": "org-1", "x-anything": "at all", "x-weir-workflow": "w-1", "te": "trailers",
                                "x-weir-include": "cost", "accept-encoding": "gzip, br", "x-forwarded-for": "1.2.3.4"},
                  **scripted(headers={"openai-version": "2020-10-01", "connection": "x-hop", "x-hop": "1"}))
    entry = provider.ledger()[-1]
    assert entry.header("openai-organization") == "org-1" and entry.header("x-anything") == "at all"
    assert entry.header("accept-encoding") in (None, "identity")
    assert entry.header("host") == provider.origin.split("//")[1]
    assert entry.header("te") is None
    assert answer.headers["openai-version"] == "2020-10-01" and "x-hop" not in answer.headers


def test_the_query_string_passes(weir, provider):
    with weir.http() as http:
        assert http.post("/v1/chat/completions?beta=true&x=a%20b", content=ODD.encode(),
                         headers={"content-type": "application/json"}).status_code == 200
    assert provider.ledger()[-1].target == "/v1/chat/completions?beta=true&x=a%20b"


def test_a_key_in_the_query_string_is_refused(weir, provider):
    with weir.http() as http:
        for name in ("key", "api_key", "api-key", "access_token"):
            assert http.post(f"/v1/chat/completions?{name}={weir.keys['app']}", content=ODD.encode()).status_code == 400
    assert provider.ledger() == []
