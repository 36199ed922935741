# SPDX-License-Identifier: Apache-2.0
"""The unmodified openai SDK for Python, pointed at Weir."""

import asyncio
import json

import openai
import pytest

from rig import FOUR_TOOLS, scripted

pytestmark = pytest.mark.release

ASK = [{"role": "user", "content": "Where is order A-1?"}]


def test_a_whole_answer_arrives(client, provider):
    answer = client.chat.completions.create(model="gpt-4o", messages=ASK)
    assert answer.choices[0].message.content.startswith("The order left")
    assert answer.usage.total_tokens > 0
    assert len(provider.ledger()) == 1


def test_a_streamed_answer_arrives_and_shows_no_usage_that_was_not_asked_for(client):
    chunks = list(client.chat.completions.create(model="gpt-4o", messages=ASK, stream=True))
    assert "".join(c.choices[0].delta.content or "" for c in chunks).startswith("The order left")
    assert all(c.usage is None for c in chunks)
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_usage_that_was_asked_for_is_shown(client):
    chunks = list(client.chat.completions.create(model="gpt-4o", messages=ASK, stream=True,
                                                 stream_options={"include_usage": True}))
    assert chunks[-1].choices == [] and chunks[-1].usage.total_tokens > 0


def test_the_async_client_makes_many_calls_at_once(weir, provider):
    async def go():
        client = weir.client(kind=openai.AsyncOpenAI)

        async def one(i):
            answer = await client.chat.completions.create(model="gpt-4o", messages=ASK,
                                                          extra_headers=scripted(text=f"answer {i}", delay_ms=20))
            return answer.choices[0].message.content == f"answer {i}"

        async def stream(i):
            text = ""
            async for chunk in await client.chat.completions.create(
                    model="gpt-4o", messages=ASK, stream=True,
                    extra_headers=scripted(text=f"streamed answer {i}", event_delay_ms=2)):
                text += chunk.choices[0].delta.content or ""
            return text == f"streamed answer {i}"
        return await asyncio.gather(*[one(i) for i in range(20)], *[stream(i) for i in range(20)])
    assert all(asyncio.run(go()))
    assert len(provider.ledger()) == 40


@pytest.mark.parametrize("stream", [False, True])
def test_tools_that_are_allowed_are_called(weir, stream):
    client = weir.client("full")
    script = scripted(tool_calls=[{"name": "lookup_order", "arguments": {"order_id": "A-1"}},
                                  {"name": "delete_order", "arguments": {"order_id": "B-2"}}])
    ask = dict(model="gpt-4o", messages=ASK, tools=FOUR_TOOLS, extra_headers=script)
    if stream:
        with client.chat.completions.stream(**ask) as events:
            for _ in events:
                pass
            message = events.get_final_completion().choices[0].message
    else:
        message = client.chat.completions.create(**ask).choices[0].message
    assert [(c.function.name, json.loads(c.function.arguments)) for c in message.tool_calls] == [
        ("lookup_order", {"order_id": "A-1"}), ("delete_order", {"order_id": "B-2"})]


def test_a_conversation_with_a_tool_result_goes_on(client):
    first = client.chat.completions.create(
        model="gpt-4o", messages=ASK, tools=FOUR_TOOLS[:1],
        extra_headers=scripted(tool_calls=[{"name": "lookup_order", "arguments": {"order_id": "A-1"}}])).choices[0].message
    call = first.tool_calls[0]
    second = client.chat.completions.create(model="gpt-4o", tools=FOUR_TOOLS[:1], messages=[
        *ASK, first.model_dump(exclude_none=True), {"role": "tool", "tool_call_id": call.id, "content": "on its way"}])
    assert second.choices[0].finish_reason == "stop"


def test_several_choices_arrive(client):
    answer = client.chat.completions.create(model="gpt-4o", messages=ASK, n=3)
    assert [c.index for c in answer.choices] == [0, 1, 2]


def test_embeddings_arrive_in_both_encodings(client):
    for encoding in ("float", "base64"):
        answer = client.embeddings.create(model="embed", input=["one", "two"], encoding_format=encoding)
        assert [d.index for d in answer.data] == [0, 1]
    assert client.embeddings.create(model="embed", input="one").data[0].embedding[0] == 0.0625


def test_text_completions_arrive_whole_and_streamed(client):
    whole = client.completions.create(model="gpt-4o", prompt="Once")
    streamed = client.completions.create(model="gpt-4o", prompt="Once", stream=True)
    assert whole.choices[0].text == "".join(c.choices[0].text for c in streamed if c.choices)


def test_moderations_arrive(client):
    assert client.moderations.create(model="gpt-4o", input="something").results[0].flagged is False


def test_the_list_of_models_is_the_agents_own(weir, provider):
    assert sorted(m.id for m in weir.client().models.list()) == ["embed", "gpt-4o", "gpt-4o-mini"]
    assert weir.client().models.retrieve("gpt-4o").id == "gpt-4o"
    with pytest.raises(openai.APIStatusError):
        weir.client().models.retrieve("gpt-5")
    assert provider.ledger() == []


@pytest.mark.parametrize("ask, wanted, code", [
    (dict(agent="nobody"), openai.AuthenticationError, "unauthenticated"),
    (dict(model="gpt-5"), openai.PermissionDeniedError, "model_denied"),
    (dict(tools=FOUR_TOOLS, tool_choice={"type": "function", "function": {"name": "delete_order"}}),
     openai.PermissionDeniedError, "tool_denied"),
    (dict(extra_headers=scripted(status=400)), openai.BadRequestError, None),
    (dict(extra_headers=scripted(status=429)), openai.RateLimitError, "rate_limit_exceeded"),
    (dict(extra_headers=scripted(status=500)), openai.InternalServerError, None),
])
@pytest.mark.parametrize("stream", [False, True])
def test_errors_raise_what_the_sdk_always_raises(weir, ask, wanted, code, stream):
    ask = dict(ask)
    client = weir.client(ask.pop("agent", "app"))
    with pytest.raises(wanted) as raised:
        client.chat.completions.create(**{"model": "gpt-4o", "messages": ASK, "stream": stream, **ask})
    assert raised.value.code == code
    assert raised.value.request_id


def test_an_answer_that_breaks_off_raises_too(client):
    broken = dict(model="gpt-4o", messages=ASK, extra_headers=scripted(fault={"kind": "close", "at": "mid"}))
    with pytest.raises(openai.InternalServerError) as raised:
        client.chat.completions.create(**broken)
    assert raised.value.code == "upstream_malformed"
    said = ""
    with pytest.raises(openai.APIError):
        for chunk in client.chat.completions.create(**broken, stream=True):
            said += chunk.choices[0].delta.content or ""
    assert said.startswith("The order"), "what had come is lost"


def test_the_sdks_own_retries_are_not_set_off_by_a_refusal(weir):
    client = weir.client(max_retries=2)
    with pytest.raises(openai.PermissionDeniedError):
        client.chat.completions.create(model="gpt-5", messages=ASK)
    assert len(weir.calls(1)) == 1


def test_raw_answers_carry_the_headers_that_the_sdk_reads(weir):
    raw = weir.client().chat.completions.with_raw_response.create(model="gpt-4o", messages=ASK)
    assert raw.headers["x-weir-request-id"] and raw.headers["x-weir-model"] == "gpt-4o"
    assert raw.headers["x-weir-upstream"] == "openai" and raw.headers["x-weir-attempts"] == "1"
    assert raw.headers["x-request-id"].startswith("req_")
    assert float(raw.headers["x-weir-cost-usd"]) > 0
