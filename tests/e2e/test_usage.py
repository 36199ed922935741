# SPDX-License-Identifier: Apache-2.0
"""Tokens and money, to the nano-dollar. The oracle at each test's end does most of the checking."""

import json
from decimal import Decimal

import pytest

from rig import PRICE, Heard, code_of, events

USAGE = {"prompt_tokens": 1234, "completion_tokens": 567, "total_tokens": 1801,
         "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 0},
         "completion_tokens_details": {"reasoning_tokens": 300, "audio_tokens": 0}}
# 210 x 2.5 + 1024 x 1.25 + 567 x 10, in millionths of a dollar
COST = Decimal("0.007475")


def test_a_whole_answers_usage_is_charged(weir):
    answer = weir.chat(script={"usage": USAGE})
    assert Decimal(answer.headers["x-weir-cost-usd"]) == COST
    line = weir.last_call()
    assert line["cost_usd"] == COST and not line["estimated"]
    assert (line["tokens_cached"], line["tokens_reasoning"], line["tokens_used"]) == (1024, 300, 1801)


@pytest.mark.parametrize("script", [{}, {"usage_at": "every"}, {"usage_at": "with_choices"}, {"done": False}, {"eol": "crlf"},
                                    {"usage_at": "every", "done": False}, {"chunking": {"bytes": 1}}, {"comments": True}], ids=str)
@pytest.mark.parametrize("asked", [False, True])
def test_a_streams_usage_is_charged_wherever_it_stands(weir, script, asked):
    answer = weir.chat(stream=True, script={"usage": USAGE, **script}, **({"stream_options": {"include_usage": True}} if asked else {}))
    heard = Heard(events(answer))
    assert heard.text[0].startswith("The order left") and heard.errors == []
    line = weir.last_call()
    assert line["cost_usd"] == COST and not line["estimated"], line
    if asked:
        assert heard.usage == USAGE
    elif not script.get("usage_at"):
        assert heard.usage is None and '"choices":[]' not in answer.text


def chunk(delta, finish=None, of_choice=None, **top):
    choice = {"index": 0, "delta": delta, "finish_reason": finish, **(of_choice or {})}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o", "choices": [choice], **top}


@pytest.mark.parametrize("last", [chunk({}, "stop", {"usage": USAGE}), chunk({}, "stop", x_groq={"id": "req_1", "usage": USAGE})],
                         ids=["in the choice", "x_groq"])
@pytest.mark.unreconciled
def test_a_streams_usage_is_charged_where_other_providers_put_it(weir, last):
    said = [chunk({"role": "assistant", "content": ""}), *(chunk({"content": w}) for w in ("Hello", " there", ".")), last]
    answer = weir.chat(stream=True, script={"events": [*said, "[DONE]"]})
    assert events(answer) == [*said, "[DONE]"]
    line = weir.last_call()
    assert line["cost_usd"] == COST and not line["estimated"], line
    assert (line["tokens_cached"], line["tokens_reasoning"], line["tokens_used"]) == (1024, 300, 1801)
    answer = weir.chat(stream=True, script={"events": [*said, "[DONE]"]}, headers={"x-weir-include": "cost"})
    assert Decimal(str(events(answer)[-2]["weir"]["cost_usd"])) == COST


def test_a_stream_without_usage_is_estimated_and_says_so(weir):
    assert weir.chat(stream=True, script={"usage": "none"}).status_code == 200
    line = weir.last_call()
    assert line["estimated"] and line["cost_usd"] > 0


def test_a_whole_answer_without_usage_is_estimated_and_says_so(weir):
    assert weir.chat(script={"usage": "none"}).status_code == 200
    assert weir.last_call()["estimated"]


@pytest.mark.parametrize("usage", [{"prompt_tokens": -1, "completion_tokens": 5, "total_tokens": 4},
                                   {"prompt_tokens": "12", "completion_tokens": 5, "total_tokens": 17},
                                   {"prompt_tokens": 10**30, "completion_tokens": 5, "total_tokens": 5}, {}], ids=str)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.unreconciled
def test_usage_that_cannot_be_true_is_never_taken_for_nothing(weir, usage, stream):
    weir.chat(stream=stream, script={"usage": usage})
    line = weir.last_call()
    assert line["estimated"] or line["code"] == "upstream_malformed", line


def test_a_caller_may_ask_for_the_cost_in_the_stream(weir):
    answer = weir.chat(stream=True, script={"usage": USAGE}, headers={"x-weir-include": "cost"},
                       stream_options={"include_usage": True})
    (last,) = [e for e in events(answer) if e != "[DONE]" and e.get("usage")]
    assert Decimal(str(last["weir"]["cost_usd"])) == COST


def test_embeddings_and_the_rest_are_charged(weir):
    with weir.http() as http:
        http.post("/v1/embeddings", json={"model": "embed", "input": ["a", "b"]})
        http.post("/v1/completions", json={"model": "gpt-4o", "prompt": "x"})
        http.post("/v1/completions", json={"model": "gpt-4o", "prompt": "x", "stream": True})
        http.post("/v1/moderations", json={"model": "gpt-4o", "input": "x"})
    weir.last_call(4)


def test_a_price_a_request_is_added(start_weir, provider):
    weir = start_weir(provider, models={"gpt-4o": {"price": {**PRICE, "request": 0.01}}})
    answer = weir.chat(script={"usage": USAGE})
    assert Decimal(answer.headers["x-weir-cost-usd"]) == COST + Decimal("0.01")


def test_amounts_are_rounded_up_once_a_call(start_weir, provider):
    weir = start_weir(provider, models={"gpt-4o": {"price": {"input": 0.000001, "output": 0.000333, "cached_input": 0.000002}}})
    for n in range(1, 40):
        usage = {"prompt_tokens": n, "completion_tokens": n + 1, "total_tokens": 2 * n + 1, "prompt_tokens_details": {"cached_tokens": n // 2}}
        weir.chat(script={"usage": usage})
        pico = (n - n // 2) + n // 2 * 2 + (n + 1) * 333
        assert weir.last_call(n)["cost_usd"] == Decimal(-(-pico // 1000)) / 10**9


def test_built_in_prices_are_used_where_the_policy_has_none(start_weir, provider):
    weir = start_weir(provider, models={"gpt-4o": {"price": None}})
    weir.in_force["models"]["gpt-4o"]["price"] = PRICE  # what the table says of it, too
    weir.chat(script={"usage": USAGE})
    assert weir.last_call()["cost_usd"] == COST


def test_a_model_without_a_price_is_counted_and_raises_an_alarm(start_weir, provider):
    weir = start_weir(provider, models={"mystery-1": {"upstream": "openai"}})
    weir.in_force["models"]["mystery-1"]["price"] = {"input": 0, "output": 0}
    answer = weir.chat(model="mystery-1")
    assert answer.status_code == 200
    weir.last_call()
    assert weir.metric("weir_unknown_price_total", model="mystery-1") == 1


def test_a_model_without_a_price_may_be_refused(start_weir, provider):
    weir = start_weir(provider, models={"mystery-1": {"upstream": "openai"}}, unknown_price="deny")
    answer = weir.chat(model="mystery-1")
    assert answer.status_code == 403 and code_of(answer) == "price_unknown"
    assert provider.ledger() == []
    assert weir.chat().status_code == 200


def test_tokens_are_counted_by_kind(weir):
    weir.chat(script={"usage": USAGE})
    weir.last_call()
    page = weir.metrics()
    kinds = {dict(ls)["kind"]: v for (n, ls), v in page.items() if n == "weir_tokens_total" and dict(ls)["agent"] == "app"}
    assert kinds and 1024 in kinds.values(), kinds


def test_where_usage_may_not_be_asked_for_it_is_not(start_weir, provider):
    weir = start_weir(provider, upstreams={"openai": {"stream_usage": "never"}})
    body = {"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": "?"}]}
    with weir.http() as http:
        assert http.post("/v1/chat/completions", json=body).status_code == 200
    assert "stream_options" not in json.loads(provider.last_body())
    assert weir.last_call()["estimated"]
