# SPDX-License-Identifier: Apache-2.0
"""What is written down, counted and told: the log, the metrics page, health, and what an agent may ask about itself."""

import re
from decimal import Decimal

import httpx
import pytest

from rig import FOUR_TOOLS, code_of, scripted

ALWAYS = {"time", "level", "msg", "request_id", "agent", "listener", "dialect", "action", "model", "upstream_model", "upstream",
          "tools_offered", "status", "code", "verdict", "policy_version", "attempts", "latency_ms", "gateway_ms", "bytes_in",
          "bytes_out", "tokens_input", "tokens_cached", "tokens_output", "tokens_reasoning", "tokens_used", "cost_usd", "estimated",
          "stream", "ended_by"}
METRICS = ["agent_requests_total", "agent_latency_ms", "agent_cost_usd_total", "weir_calls_total", "weir_call_duration_seconds",
           "weir_gateway_duration_seconds", "weir_time_to_first_token_seconds", "weir_tokens_total", "weir_cost_usd_total",
           "weir_policy_verdicts_total", "weir_attempts_total", "weir_config_last_reload_successful",
           "weir_config_last_reload_timestamp_seconds", "weir_shadow_agents", "weir_reservations_unbounded",
           "weir_book_lag_seconds", "weir_build_info", "process_resident_memory_bytes", "process_open_fds", "process_cpu_seconds_total", "process_start_time_seconds"]


def test_one_line_a_call_with_every_field(weir):
    weir.chat(stream=True)
    line = weir.last_call()
    assert ALWAYS <= set(line), ALWAYS - set(line)
    assert line["level"] == "info" and line["agent"] == "app" and line["action"] == "chat" and line["dialect"] == "openai"
    assert line["stream"] is True and line["ttft_ms"] >= 0 and line["latency_ms"] >= line["gateway_ms"] > 0
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$", line["time"])
    assert line["ended_by"] == "upstream" and line["code"] == "ok" and line["verdict"] == "allow"


def test_refusals_have_a_line_too(weir):
    weir.chat(model="gpt-5")
    weir.chat(agent=None)
    lines = weir.calls(2)
    assert [(c["code"], c["verdict"], c["attempts"], c["status"]) for c in lines] == [
        ("model_denied", "deny", 0, 403), ("unauthenticated", "deny", 0, 401)]


def test_the_request_id_is_one_everywhere(weir):
    answer = weir.chat()
    number = answer.headers["x-weir-request-id"]
    assert weir.last_call()["request_id"] == number
    refused = weir.chat(model="gpt-5")
    assert refused.headers["x-request-id"] == refused.headers["x-weir-request-id"] != number


def test_a_trace_id_that_comes_is_kept(weir, provider):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    weir.chat(headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    assert weir.last_call()["trace_id"] == trace
    assert trace in provider.ledger()[-1].header("traceparent")


def test_what_a_caller_writes_cannot_forge_a_line(weir):
    weir.chat(model='x","level":"error"}\n{"msg":"call"\u202e')
    weir.chat(model="a\x7fb\u0085c")
    lines = weir.calls(2)
    assert all(line["agent"] == "app" for line in lines)
    assert "\u202e" not in weir.log_path.read_text()


def test_health_listener_serves_three_pages_and_no_more(weir):
    assert weir.health("/healthz").status_code == 200 and weir.health("/readyz").status_code == 200
    assert weir.health("/metrics").status_code == 200
    for path in ("/", "/v1/models", "/api", "/metrics/", "/weir/v1/me"):
        assert weir.health(path).status_code == 404, path
    assert httpx.post(f"http://127.0.0.1:{weir.health_port}/metrics", trust_env=False).status_code == 405
    with weir.http() as http:
        assert http.get("/metrics").status_code == 404 and http.get("/healthz").status_code == 404


def test_every_metric_is_there_under_its_name(weir):
    weir.chat(stream=True, tools=FOUR_TOOLS, script={"tool_calls": [{"name": "lookup_order"}]})
    weir.last_call()
    text = weir.health("/metrics").text
    missing = [m for m in [*METRICS, "agent_tool_calls_total"] if f"# TYPE {m} " not in text]
    assert not missing, missing
    assert weir.metric("agent_tool_calls_total", agent="app", tool="lookup_order") == 1
    assert weir.metric("weir_time_to_first_token_seconds_count") == 1
    assert weir.metric("weir_calls_total", agent="app", dialect="openai", upstream="openai", code="ok") == 1


def test_the_page_is_well_formed(weir):
    weir.chat()
    plain = weir.health("/metrics")
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    open_ = weir.health("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert open_.headers["content-type"].startswith("application/openmetrics-text") and open_.text.endswith("# EOF\n")
    seen, typed = set(), {}
    for line in plain.text.splitlines():
        if line.startswith("# TYPE "):
            name, kind = line.split()[2:]
            assert name not in typed, f"{name} has two types"
            typed[name] = kind
        elif line and not line.startswith("#"):
            series = line.rsplit(" ", 1)[0]
            assert series not in seen, f"{series} stands twice"
            seen.add(series)
    for (name, labels), value in weir.metrics().items():
        if name.endswith("_bucket"):
            base = name.removesuffix("_bucket")
            rest = {k: v for k, v in labels if k != "le"}
            assert value <= weir.metric(base + "_count", **rest)


def test_an_agent_may_ask_who_it_is(weir):
    with weir.http("app") as http:
        me = http.get("/weir/v1/me").json()
    text = str(me)
    assert "app" in text and "gpt-4o" in text and "lookup_order" in text
    assert "delete_order" not in text and "full" not in text, "another agent's policy"
    assert weir.provider.origin.split("//")[1] not in text, "an upstream's address"
    assert httpx.get(weir.url + "/weir/v1/me", trust_env=False).status_code == 401


def test_an_agent_may_ask_what_became_of_its_call_and_of_no_other(weir):
    answer = weir.chat(stream=True, script={"usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}})
    number = answer.headers["x-weir-request-id"]
    weir.last_call()
    with weir.http("app") as http:
        told = http.get(f"/weir/v1/calls/{number}").json()
        assert Decimal(str(told["cost_usd"])) == Decimal("0.00035") and told["code"] == "ok"
        assert http.get("/weir/v1/calls/00000000000000000000000000").status_code == 404
        assert http.get("/weir/v1/calls/..%2f..%2fx").status_code in (400, 404)
    with weir.http("full") as http:
        assert http.get(f"/weir/v1/calls/{number}").status_code == 404


def test_an_agent_may_ask_why_it_was_refused(weir):
    number = weir.chat(model="gpt-5").headers["x-weir-request-id"]
    weir.last_call()
    with weir.http("app") as http:
        assert http.get(f"/weir/v1/calls/{number}").json()["code"] == "model_denied"


def test_refusals_have_one_shape(weir):
    with weir.http() as http:
        refused = [http.get("/nowhere"), http.get("/v1/chat/completions"), weir.chat(model="x"), weir.chat(agent=None),
                   http.post("/v1/chat/completions", content=b"{", headers={"content-type": "application/json"})]
    for answer in refused:
        error = answer.json()["error"]
        assert set(error) >= {"message", "type", "param", "code", "weir"} and error["message"].endswith(".")
        assert error["code"] == code_of(answer) and answer.headers["content-type"].startswith("application/json")
        assert answer.headers["x-request-id"] == answer.headers["x-weir-request-id"]


def test_no_secret_leaves(weir, provider):
    """Canaries: every byte that an agent, a log or a page shows is searched for them. Logs are searched after every test."""
    shown = []
    for script in ({"status": 401}, {"status": 500}, {"fault": {"kind": "close", "at": "mid"}}, {"fault": {"kind": "garbage", "at": "head"}}, {}):
        for stream in (False, True):
            answer = weir.chat(stream=stream, script=script)
            shown.append(str(answer.headers) + answer.text)
    with weir.http() as http:
        shown += [http.get(p).text for p in ("/weir/v1/me", "/v1/models", "/nowhere")]
    shown += [weir.health(p).text for p in ("/metrics", "/healthz", "/readyz")]
    for text in shown:
        for canary in (provider.key, *weir.keys.values()):
            assert canary not in text and canary[:16] not in text
        assert f":{provider.port}" not in text, "an upstream's address"


def test_the_log_keeps_no_bodies(weir):
    weir.chat(messages=[{"role": "user", "content": "PRIVATE-WORDS"}], script={"text": "PRIVATE-ANSWER"})
    weir.last_call()
    assert "PRIVATE" not in weir.log_path.read_text()
