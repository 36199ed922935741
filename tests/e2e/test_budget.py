# SPDX-License-Identifier: Apache-2.0
"""What an agent may spend: reserved before a call goes on, settled when it is over."""

import concurrent.futures
import json
from decimal import Decimal

import pytest

from rig import Heard, code_of, eventually, events, scripted
from test_shared_calls import HELD, Asked

pytestmark = pytest.mark.release

# Prices of the rig's gpt-4o: 2.5 and 10 USD a million tokens.
USAGE = {"prompt_tokens": 30, "completion_tokens": 100, "total_tokens": 130}
COST = Decimal("0.001075")


def good_for(calls):
    """Money for so many calls of this usage with max_tokens=100, and not for one more."""
    return str(COST * calls + COST / 2)


def sent(provider):
    """What the provider was asked last."""
    return json.loads(provider.last_body())


def with_agent(start_weir, provider, **entry):
    weir = start_weir(provider, ready=None)
    weir.write_policy(agents={"app": entry})
    weir.start()
    return weir


def test_a_budget_for_so_many_calls_is_good_for_so_many_and_no_more(start_weir, provider):
    provider.script(usage=USAGE)
    weir = with_agent(start_weir, provider, budget={"agent": {"cost": good_for(3), "per": "day"}}, min_output=100)
    codes = []
    for n in range(6):
        codes.append(weir.chat(max_tokens=100).status_code)
        weir.last_call(n + 1)
    refused = weir.chat(max_tokens=100)
    assert codes.count(200) == 3 and codes[:3] == [200] * 3
    assert refused.status_code == 429 and code_of(refused) == "budget_exceeded"
    assert refused.json()["error"]["type"] == refused.json()["error"]["code"] == "insufficient_quota"
    assert refused.headers["x-should-retry"] == "false" and "retry-after" not in refused.headers
    assert "begins anew at 20" in refused.json()["error"]["message"]
    assert weir.chat("full").status_code == 200


def test_many_callers_at_once_do_not_overshoot(start_weir, provider):
    provider.script(usage=USAGE, delay_ms=50)
    limit = good_for(20)
    weir = with_agent(start_weir, provider, budget={"agent": {"cost": limit, "per": "month"}}, min_output=100)
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        codes = [f.result().status_code for f in [pool.submit(weir.chat, max_tokens=100) for _ in range(120)]]
    spent = sum(Decimal(str(c["cost_usd"])) for c in weir.calls(120))
    assert 0 < codes.count(200) <= 20 and spent <= Decimal(limit) and len(provider.ledger()) == codes.count(200)


def test_what_others_hold_in_reserve_is_told_apart_from_what_is_spent(start_weir, provider):
    provider.script(usage=USAGE)
    weir = with_agent(start_weir, provider, budget={"agent": {"cost": "0.012", "per": "day"}}, min_output=1000)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        held = pool.submit(weir.chat, max_tokens=1000, script={"held": True, "usage": USAGE})
        eventually(provider.ledger)
        refused = weir.chat(max_tokens=1000)
        assert code_of(refused) == "budget_reserved" and refused.json()["error"]["type"] == "rate_limit_error"
        provider.release()
        assert held.result().status_code == 200
    eventually(lambda: weir.chat(max_tokens=1000).status_code == 200)


def test_the_output_is_lowered_to_what_the_budget_holds_in_the_callers_own_field(start_weir, provider):
    provider.script(usage=USAGE)
    weir = with_agent(start_weir, provider, budget={"agent": {"cost": "0.02", "per": "day"}})
    answer = weir.chat(max_tokens=50000)
    body = sent(provider)
    assert answer.status_code == 200 and 256 <= body["max_tokens"] < 2000 and "max_completion_tokens" not in body
    assert int(answer.headers["x-weir-max-tokens"]) == body["max_tokens"]
    assert weir.chat(max_completion_tokens=400).status_code == 200
    assert sent(provider)["max_completion_tokens"] == 400


def test_a_caller_without_a_bound_gets_the_expected_output(start_weir, provider):
    provider.script(usage=USAGE)
    weir = with_agent(start_weir, provider, budget={"agent": {"cost": 5, "per": "day"}})
    assert weir.chat().status_code == 200
    assert sent(provider)["max_completion_tokens"] == 4096


def test_without_a_budget_nothing_is_added(weir, provider):
    weir.chat()
    assert not [k for k in sent(provider) if k.startswith("max")]


def test_a_request_has_a_limit_of_its_own(start_weir, provider):
    provider.script(usage=USAGE)
    weir = with_agent(start_weir, provider, budget={"request": {"cost": "0.005", "tokens": 2000}})
    assert weir.chat(max_tokens=300).status_code == 200
    assert sent(provider)["max_tokens"] == 300
    assert weir.chat(max_tokens=4000).status_code == 200
    assert sent(provider)["max_tokens"] < 500
    refused = weir.chat(messages=[{"role": "user", "content": "word " * 4000}])
    assert code_of(refused) == "budget_exceeded"
    assert weir.chat(max_tokens=300).status_code == 200


def test_a_caller_may_lower_its_own_limit(start_weir, provider):
    provider.script(usage=USAGE)
    weir = start_weir(provider)
    assert weir.chat(max_tokens=3000, headers={"x-weir-max-cost": "0.01"}).status_code == 200
    assert sent(provider)["max_tokens"] < 1000
    assert weir.chat(max_tokens=3000, headers={"x-weir-max-tokens": "800"}).status_code == 200
    assert sent(provider)["max_tokens"] < 800
    assert code_of(weir.chat(headers={"x-weir-max-cost": "0.0000001"})) == "budget_exceeded"
    for name, value in (("x-weir-max-cost", "much"), ("x-weir-max-cost", "-1"), ("x-weir-max-tokens", "0"), ("x-weir-max-tokens", "1e3")):
        assert code_of(weir.chat(headers={name: value})) == "request_invalid"


def test_a_user_of_a_team_has_one_sum_over_its_agents(start_weir, provider):
    provider.script(usage=USAGE)
    user = {"cost": good_for(1), "per": "day"}
    weir = start_weir(provider, ready=None, teams={"crew": {
        "trust_claimed": ["user"], "min_output": 100, "budget": {"team": {"cost": 1, "per": "day"}, "user": user}}})
    weir.write_policy(agents={"app": {"team": "crew"}, "full": {"team": "crew"}})
    weir.start()
    ann = {"x-weir-user": "ann@example.com"}
    assert weir.chat("app", max_tokens=100, headers=ann).status_code == 200
    weir.last_call()
    assert code_of(weir.chat("full", max_tokens=100, headers=ann)) == "budget_exceeded"
    assert weir.chat("full", max_tokens=100, headers={"x-weir-user": "bob"}).status_code == 200
    assert code_of(weir.chat("app", max_tokens=100)) == "attribution_required"


def test_a_workflow_has_a_budget_and_a_call_without_one_is_its_own(start_weir, provider):
    provider.script(usage=USAGE)
    weir = with_agent(start_weir, provider, trust_claimed=["workflow"], min_output=100,
                      budget={"workflow": {"cost": good_for(1)}, "agent": {"cost": 1, "per": "day"}})
    asked = 0
    for flow, codes in (("one", [200, 429]), ("two", [200, 429]), (None, [200, 200, 200])):
        headers = {"x-weir-workflow": flow} if flow else {}
        for code in codes:
            assert weir.chat(max_tokens=100, headers=headers).status_code == code
            asked += 1
            weir.last_call(asked)


def test_the_whole_gateway_has_a_budget(start_weir, provider):
    provider.script(usage=USAGE)
    weir = start_weir(provider, budget={"cost": good_for(1), "per": "month"}, ready=None)
    weir.write_policy(agents={"app": {"min_output": 100}, "full": {"min_output": 100}})
    weir.start()
    assert weir.chat("app", max_tokens=100).status_code == 200
    weir.last_call()
    assert code_of(weir.chat("full", max_tokens=100)) == "budget_exceeded"


def test_tokens_can_be_limited_like_money(start_weir, provider):
    provider.script(usage=USAGE)
    weir = with_agent(start_weir, provider, budget={"agent": {"tokens": 430, "per": "day"}}, min_output=100)
    codes = []
    for n in range(5):
        codes.append(weir.chat(max_tokens=100).status_code)
        weir.last_call(n + 1)
    assert codes[0] == 200 and codes[-1] == 429 and codes.count(200) == 3


def test_a_call_that_left_no_usage_is_charged_what_was_reserved(start_weir, provider):
    provider.script(usage="none")
    weir = with_agent(start_weir, provider, budget={"agent": {"cost": 1, "per": "day"}})
    assert weir.chat(max_tokens=1000).status_code == 200
    line = weir.last_call()
    assert line["estimated"] and Decimal(str(line["cost_usd"])) >= Decimal("0.01")


def test_an_estimate_is_charged_where_the_policy_says_so(start_weir, provider):
    provider.script(usage="none")
    weir = with_agent(start_weir, provider, budget={"agent": {"cost": 1, "per": "day"}, "on_unknown_usage": "estimate"})
    assert weir.chat(max_tokens=1000).status_code == 200
    line = weir.last_call()
    assert line["estimated"] and 0 < Decimal(str(line["cost_usd"])) < Decimal("0.01")


def test_a_call_that_did_not_go_upstream_costs_nothing(start_weir, start_provider):
    provider = start_provider()
    weir = with_agent(start_weir, provider, budget={"agent": {"cost": "0.0112", "per": "day"}}, min_output=1000)
    provider.stop()
    for _ in range(3):
        assert weir.chat(max_tokens=1000).status_code == 503
    assert code_of(weir.chat(max_tokens=1000)) == "upstream_unreachable"
    weir.provider = None


@pytest.mark.unreconciled
def test_a_model_without_a_price_is_refused_where_money_is_limited(start_weir, provider):
    weir = start_weir(provider, ready=None, models={"mystery-1": {"upstream": "openai"}})
    weir.write_policy(agents={"app": {"budget": {"agent": {"cost": 1, "per": "day"}}}})
    weir.start()
    assert code_of(weir.chat(model="mystery-1")) == "price_unknown"
    assert weir.chat("full", model="mystery-1").status_code == 200


def test_a_budget_in_shadow_is_recorded_and_stops_nobody(start_weir, provider):
    provider.script(usage=USAGE)
    weir = with_agent(start_weir, provider, budget={"agent": {"cost": "0.0001", "per": "day"}, "request": {"tokens": 1}},
                      mode={"shadow": ["budget"]})
    assert weir.chat(max_tokens=100).status_code == 200
    weir.last_call()
    assert sent(provider)["max_tokens"] == 100
    assert weir.metric("weir_policy_verdicts_total", policy="budget", mode="shadow", verdict="deny") == 1


def test_what_is_left_is_told_where_it_is_the_agents_alone(start_weir, provider):
    provider.script(usage=USAGE)
    weir = with_agent(start_weir, provider, budget={"agent": {"cost": 1, "per": "day"}})
    assert weir.chat(max_tokens=100).headers["x-weir-budget-remaining-usd"] == "0.998925"
    weir.last_call()
    assert weir.chat(max_tokens=100).headers["x-weir-budget-remaining-usd"] == "0.99785"


def test_a_stream_that_goes_beyond_its_bound_ends_well_formed_and_upstream_is_left_at_once(start_weir, provider):
    weir = with_agent(start_weir, provider, budget={"agent": {"cost": 1, "per": "day"}})
    with weir.client() as client:
        with client.chat.completions.create(
                model="gpt-4o", messages=[{"role": "user", "content": "tell me all"}], max_tokens=300, stream=True,
                extra_headers=scripted(length=40_000, deltas=2000, event_delay_us=500)) as stream:
            chunks = list(stream)
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert 800 < len(text) < 4000 and chunks[-1].choices[0].finish_reason == "length"
    assert chunks[-1].model_extra["weir"]["status"] == "budget_exceeded"
    entry = eventually(lambda: provider.ledger()[0].over and provider.ledger()[0])
    assert entry.ended == "client_gone"
    line = weir.last_call()
    assert line["code"] == "budget_exceeded" and line["estimated"] and line["ended_by"] == "gateway"
    assert Decimal(str(line["cost_usd"])) >= Decimal("0.003")


def test_a_stream_that_keeps_to_its_bound_is_not_touched(start_weir, provider):
    weir = with_agent(start_weir, provider, budget={"agent": {"cost": 1, "per": "day"}})
    answer = weir.chat(stream=True, max_tokens=400, script={"length": 900, "deltas": 200})
    heard = Heard(events(answer))
    assert len(heard.text[0]) >= 900 and heard.errors == [] and not weir.last_call()["estimated"]


def test_an_aborted_stream_is_charged_what_was_reserved(start_weir, provider):
    weir = with_agent(start_weir, provider, budget={"agent": {"cost": "0.0065", "per": "day"}}, min_output=500)
    with weir.http() as http:
        with http.stream("POST", "/v1/chat/completions", headers=scripted(length=9000, deltas=500, event_delay_ms=20),
                         json={"model": "gpt-4o", "stream": True, "max_tokens": 500,
                               "messages": [{"role": "user", "content": "tell me"}]}) as answer:
            next(answer.iter_bytes())
    line = weir.last_call()
    assert line["estimated"] and line["code"] == "client_gone" and Decimal(str(line["cost_usd"])) >= Decimal("0.005")
    assert code_of(weir.chat(max_tokens=500)) == "budget_exceeded"


def test_an_agent_hears_what_is_left_to_it_and_nothing_of_what_others_spend(start_weir, provider):
    provider.script(usage=USAGE)
    weir = start_weir(provider, budget={"cost": 9, "per": "month"}, ready=None)
    weir.write_policy(agents={"app": {"rate_limit": "5/hour", "budget": {"agent": {"cost": 1, "per": "day"}}}})
    weir.start()
    assert weir.chat("full", max_tokens=100).status_code == weir.chat("app", max_tokens=100).status_code == 200
    weir.last_call(2)
    with weir.http("app") as http:
        told = http.get("/weir/v1/budget").json()
    own, shared = told["budgets"]
    assert told["agent"] == "app" and told["rates"][0]["remaining"] == 4
    assert own["scope"] == "agent" and Decimal(str(own["usd"]["spent"])) == COST and own["usd"]["reserved"] == 0
    assert shared["scope"] == "gateway" and shared["usd"] == {"limit": 9} and shared["has_room"]


def test_budgets_are_on_the_page_of_metrics_and_warn_once(start_weir, provider):
    provider.script(usage=USAGE)
    limit = {"cost": good_for(5), "per": "day"}
    weir = with_agent(start_weir, provider, budget={"agent": limit, "warn_at": "50%"}, min_output=100)
    who = {"scope": "agent", "name": "app", "window": "day"}
    for calls in range(1, 6):
        assert weir.chat(max_tokens=100).status_code == 200
        weir.last_call(calls)
        assert Decimal(str(weir.metric("weir_budget_spent_usd", **who))).quantize(Decimal("1e-9")) == COST * calls
        assert weir.metric("weir_budget_reserved_usd", **who) == 0
        assert (weir.metric("weir_budget_warnings_total", **who) or 0) == (calls >= 3)
    assert Decimal(str(weir.metric("weir_budget_limit_usd", **who))) == Decimal(limit["cost"])


def test_an_agent_in_shadow_cannot_empty_a_budget_that_others_share(start_weir, provider):
    weir = start_weir(provider, ready=None, budget={"cost": 5, "per": "month"})
    weir.write_policy(agents={"app": {"mode": {"shadow": ["budget"]}}})
    weir.start()
    call = Asked(weir, HELD, n=100, max_tokens=2**31 - 1)
    eventually(provider.ledger)
    call.leave()
    line = weir.last_call()
    assert line["estimated"] and Decimal(str(line["cost_usd"])) < 1
    assert weir.chat("full").status_code == 200


def budget_of(weir, agent="app"):
    with weir.http(agent) as http:
        return http.get("/weir/v1/budget").json()["budgets"][0]["usd"]


@pytest.mark.unreconciled  # the ledger knows the model that was asked for
def test_a_dearer_model_that_answers_is_charged_and_not_asked_again_under_a_budget(start_weir, provider):
    weir = start_weir(provider, ready=None, models={"gpt-4o": {"price": None}})
    weir.write_policy(agents={"app": {"budget": {"agent": {"cost": 1, "per": "day"}}}})
    weir.start()
    dearer = {"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-4o-2024-05-13", "usage": USAGE, "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}]}
    assert weir.chat(max_tokens=100, script={"body": json.dumps(dearer), "content_type": "application/json"}).status_code == 200
    line = weir.last_call()
    assert line["cost_usd"] == Decimal("0.00165")  # 30 x 5 + 100 x 15, in millionths of a dollar
    assert Decimal(str(budget_of(weir)["spent"])) == Decimal("0.00165") and budget_of(weir)["reserved"] == 0
    assert weir.metric("weir_reservation_exceeded_total", model="gpt-4o") == 1
    assert weir.said("which gpt-4o-2024-05-13 answered, cost 0.00165 USD")
    asked = len(provider.ledger())
    assert [code_of(weir.chat(max_tokens=100)) for _ in range(3)] == ["price_unknown"] * 3
    assert len(provider.ledger()) == asked
    assert weir.chat(model="gpt-4o-mini", max_tokens=100).status_code == 200
    assert weir.chat("full", max_tokens=100).status_code == 200
    weir.reload(models={"gpt-4o": {"price": {"input": 5, "output": 15}}}, agents={"app": {"budget": {"agent": {"cost": 1, "per": "day"}}}})
    assert weir.chat(max_tokens=100, script={"body": json.dumps(dearer), "content_type": "application/json"}).status_code == 200
    assert weir.last_call(9)["cost_usd"] == Decimal("0.00165")
    assert weir.metric("weir_reservation_exceeded_total", model="gpt-4o") == 1


def test_a_dearer_tier_is_reserved_and_charged_as_what_it_costs_at_most(start_weir, provider):
    weir = start_weir(provider, ready=None, models={"gpt-4o": {"price": None}})
    weir.write_policy(agents={"app": {"budget": {"agent": {"cost": "0.01", "per": "day"}}, "min_output": 100}})
    weir.start()
    weir.in_force["models"]["gpt-4o"]["price"] = {"input": 2.5, "output": 10, "cached_input": 1.25}
    said = {"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-4o", "service_tier": "priority", "usage": USAGE, "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}]}
    assert weir.chat(max_tokens=100, service_tier="priority",
                     script={"body": json.dumps(said), "content_type": "application/json"}).status_code == 200
    line = weir.last_call()
    assert line["cost_usd"] == COST * Decimal("2.5") and line["estimated"]
    assert Decimal(str(budget_of(weir)["spent"])) == COST * Decimal("2.5") and budget_of(weir)["reserved"] == 0
    # 7.3 thousandths are left: enough for 600 tokens at the usual price
    assert code_of(weir.chat(max_tokens=600, min_output=600, service_tier="priority", n=3)) == "budget_exceeded"
    assert weir.chat(max_tokens=600).status_code == 200


def test_a_search_costs_its_fee_and_many_are_reserved(start_weir, provider):
    weir = start_weir(provider, ready=None, models={"gpt-4o": {"price": None}})
    weir.hosted_allowed = {"web_search"}
    weir.write_policy(agents={"app": {"budget": {"agent": {"cost": 5, "per": "day"}}, "hosted_tools": ["web_search"]}})
    weir.start()
    weir.in_force["models"]["gpt-4o"]["price"] = {"input": 2.5, "output": 10, "cached_input": 1.25}
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        held = pool.submit(weir.chat, max_tokens=100, web_search_options={}, script={"held": True, "usage": USAGE})
        eventually(provider.ledger)
        # a window of 2^20 tokens and ten searches
        assert Decimal("2.7") < Decimal(str(budget_of(weir)["reserved"])) < Decimal("2.8")
        provider.release()
        assert held.result().status_code == 200
    line = weir.calls(2)[0]  # what is left was asked for while it ran
    assert line["cost_usd"] == COST + Decimal("0.01") and line["estimated"]
    assert Decimal(str(budget_of(weir)["spent"])) == COST + Decimal("0.01")


def test_what_may_have_run_is_sent_again_only_where_nothing_bounds_it_and_counts_twice(start_weir, provider):
    weir = start_weir(provider, ready=None, workers=1)
    weir.write_policy(agents={"app": {"budget": {"agent": {"cost": 1, "per": "day"}}}})
    weir.start()
    stale = {"usage": USAGE, "fail_first": 1, "fail": {"fault": {"kind": "close", "at": "head"}}}
    assert weir.chat("app", max_tokens=100, script={"usage": USAGE}).status_code == 200
    answer = weir.chat("app", max_tokens=100, script={**stale, "fail_key": "app"})
    assert answer.status_code == 502 and code_of(answer) == "outcome_unknown"
    line = weir.last_call(2)
    assert line["attempts"] == 1 and line["estimated"] and Decimal(str(line["cost_usd"])) >= Decimal("0.001")  # what was reserved
    assert Decimal(str(budget_of(weir)["spent"])) == COST + Decimal(str(line["cost_usd"]))
    assert weir.chat("full", script={"usage": USAGE}).status_code == 200
    assert weir.chat("full", script={**stale, "fail_key": "full"}).status_code == 200
    line = weir.last_call(5)  # what is left was asked, too
    assert line["attempts"] == 2 and line["estimated"] and line["cost_usd"] == 2 * COST
