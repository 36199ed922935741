# SPDX-License-Identifier: Apache-2.0
"""Plain HTTP tools: POST /tools/NAME, judged, placed as the tool wants it, and its answer passed on as it comes."""

import concurrent.futures
import json
import subprocess

import pytest

from fleet import Fleet
from redis_rig import Server
from rig import eventually, receive, scripted

OK = {"body": '{"ok": true}', "usage": "none"}
ALL = ["lookup", "pay", "search", "cancel", "plain", "scoped", "mine"]


@pytest.fixture
def shop(start_provider):
    return start_provider(script=OK)


@pytest.fixture
def weir(start_weir, provider, shop):
    return start(start_weir, provider, shop)


def start(start_weir, provider, shop, tools=None, upstream=None, agents=None):
    orders = {"api": "http", "url": shop.origin + "/base", "credential": {"api_key": "${env:SHOP_KEY}"}, **(upstream or {})}
    weir = start_weir(provider, ready=None, env={"SHOP_KEY": shop.key}, upstreams={"orders": orders}, tools={
        "lookup": {"upstream": "orders", "path": "/orders/{order_id}", "idempotent": True},
        "pay": {"upstream": "orders", "cost": 0.005},
        "search": {"upstream": "orders", "method": "GET", "path": "/kb/{area}/search"},
        "cancel": {"upstream": "orders", "method": "DELETE", "path": "/orders/{order_id}.json"},
        "plain": {"upstream": "orders", "upstream_name": "v2.plain"},
        "scoped": {"upstream": "orders", "requires_scopes": ["read:orders"]},
        "secret": {"upstream": "orders"}, "mine": {}, **(tools or {})})
    app = {"tools": ALL, "data_access": ["read:orders"], **(agents or {}).pop("app", {})}
    weir.change = {**weir.change, "agents": {"app": app, **(agents or {})}}
    weir.tool_servers = [shop]
    weir.canaries.append(shop.key)
    weir.write_policy()
    return weir.start()


def call(weir, name, arguments=None, agent="app", headers=None, script=None, **how):
    if arguments is not None:
        how["content"] = arguments if isinstance(arguments, (bytes, str)) else json.dumps(arguments)
    how.setdefault("content", "{}")
    headers = {"content-type": "application/json", **(scripted(**script) if script else {}), **(headers or {})}
    with weir.http(agent) as http:
        return http.post("/tools/" + name, headers=headers, **how)


def call_in_time(*words, **how):
    """The same where instances share a store, which a loaded machine may make late: then nothing has run, and it is asked again."""
    return eventually(lambda: (a := call(*words, **how)).status_code != 503 and a)


def refusal(answer):
    """What a problem says, whose code stands in two places."""
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == answer.headers["x-weir-code"] and problem["status"] == answer.status_code
    assert problem["type"] == "about:blank" and problem["title"] and problem["detail"]
    assert problem["request_id"] == answer.headers["x-weir-request-id"]
    return problem


class TestAsking:
    def test_the_arguments_go_byte_for_byte(self, weir, shop):
        body = b' {"amount" : 12.50,\n "note":"caf\xc3\xa9 \\u00e9 \\/", "list":[1,2 ,3], "big": 1e400}\t'
        answer = call(weir, "pay", body)
        assert answer.status_code == 200 and answer.content == b'{"ok": true}'
        entry = shop.last()
        assert (entry.method, entry.target) == ("POST", "/base/pay") and shop.last_body() == body

    def test_its_name_there_is_another(self, weir, shop):
        call(weir, "plain", {"a": 1})
        assert shop.last().target == "/base/v2.plain"

    def test_what_the_path_takes_leaves_the_body(self, weir, shop):
        call(weir, "lookup", b'{"x": 1, "order_id": "A-17", "y":[{"order_id":2}]}')
        assert shop.last().target == "/base/orders/A-17" and shop.last_body() == b'{"x": 1, "y":[{"order_id":2}]}'
        call(weir, "lookup", b'{"order_id":"A"}')
        assert shop.last_body() == b"{}"
        call(weir, "lookup", b'{"order_id":17, "x":1}')
        assert shop.last().target == "/base/orders/17" and shop.last_body() == b'{"x":1}'

    @pytest.mark.parametrize("value, there", [
        ("A 1", "A%201"), ("caf\u00e9", "caf%C3%A9"), ("a%2fb", "a%252fb"), ("%2e%2e", "%252e%252e"), ("a;b=c", "a%3Bb%3Dc"),
        ("a?b#c&d", "a%3Fb%23c%26d"), ("...", "..."), ("~_-.x", "~_-.x"), ("\uff0f", "%EF%BC%8F"), (True, "true"), (-0.5, "-0.5"),
    ])
    def test_what_stands_in_the_path_is_escaped(self, weir, shop, value, there):
        assert call(weir, "lookup", {"order_id": value}).status_code == 200
        assert shop.last().target == "/base/orders/" + there

    @pytest.mark.parametrize("value", ["", ".", "..", "a/b", "/", "../x", "a\\b", "..\\..", "a\nb", "a\rb", "\u0000", "\t", "\u007f",
                                       "\u0085", None, {"a": 1}, ["a"]])
    def test_what_could_climb_or_split_a_path_is_refused(self, weir, shop, value):
        for name in ("lookup", "cancel"):
            problem = refusal(call(weir, name, {"order_id": value}))
            assert (problem["code"], problem["status"], problem["param"]) == ("arguments_invalid", 400, "/order_id")
            assert "/order_id" in problem["detail"]
        assert not shop.ledger()

    def test_an_argument_of_the_path_is_missing(self, weir, shop):
        problem = refusal(call(weir, "lookup", {"Order_id": "A", "order_id ": "B"}))
        assert problem["code"] == "arguments_invalid" and "missing" in problem["detail"] and not shop.ledger()

    def test_a_method_without_content_takes_the_rest_into_the_query(self, weir, shop):
        call(weir, "search", {"area": "faq", "q": "a b&c=d", "n": 10, "deep": False, "tags": ["x", "y/z"], "none": None, "": "e"})
        entry = shop.last()
        assert (entry.method, entry.body_length) == ("GET", 0)
        assert entry.target == "/base/kb/faq/search?q=a%20b%26c%3Dd&n=10&deep=false&tags=x&tags=y%2Fz&=e"
        assert entry.header("content-type") is None and entry.header("content-length") is None
        call(weir, "cancel", {"order_id": "A"})
        assert (shop.last().method, shop.last().target) == ("DELETE", "/base/orders/A.json")
        assert refusal(call(weir, "search", {"area": "a", "filter": {"a": 1}}))["param"] == "/filter"
        assert refusal(call(weir, "search", {"area": "a", "q": "x" * 9000}))["code"] == "arguments_invalid"
        assert len(shop.ledger()) == 2

    def test_only_what_belongs_there_goes_with_it(self, weir, shop):
        call(weir, "pay", {}, headers={
            "x-request-id": "r-1", "x-weir-user": "u", "cookie": "a=b", "x-original-url": "/admin", "x-rewrite-url": "/admin",
            "x-http-method-override": "DELETE", "x-http-method": "DELETE", "x-method-override": "PUT", "forwarded": "for=1.2.3.4",
            "x-forwarded-for": "1.2.3.4", "x-forwarded-host": "other", "x-real-ip": "1.2.3.4", "x-api-key": "mine"})
        names = {n.lower() for n, _ in shop.last().headers}
        assert names == {"host", "accept", "user-agent", "content-type", "content-length", "x-request-id", "accept-encoding", "via",
                         "authorization"}

    def test_curl_does(self, weir, shop):
        done = subprocess.run(["curl", "-sS", "-m", "30", "-H", "Authorization: Bearer " + weir.keys["app"], "--json",
                               '{"order_id":"A-1"}', weir.url + "/tools/lookup"], capture_output=True, text=True, check=True)
        assert done.stdout == '{"ok": true}' and shop.last().target == "/base/orders/A-1"


class TestRefusing:
    def test_unknown_and_forbidden_look_the_same(self, weir, shop):
        told = set()
        for name in ("secret", "nothing", "mine", "Pay", "pay.", "any-local"):
            problem = refusal(call(weir, name, {"order_id": ".."}))
            assert (problem["code"], problem["status"]) == ("tool_denied", 403)
            told.add(problem["detail"])
        assert len(told) == 1 and not shop.ledger()
        lines = weir.calls(6)
        assert all(c["verdict"] == "deny" and c["attempts"] == 0 and c["action"] == "tool" for c in lines)
        assert [c["tool"] for c in lines] == ["secret", "nothing", "mine", "Pay", "pay.", "any-local"]

    def test_who_calls_is_asked_first(self, weir, shop):
        for agent in (None, "weir_" + "x" * 49):
            headers = {"authorization": "Bearer " + agent} if agent else {}
            assert refusal(call(weir, "pay", {}, agent=None, headers=headers))["code"] == "unauthenticated"
        assert not shop.ledger()

    def test_a_scope_that_is_not_held(self, start_weir, provider, shop):
        weir = start(start_weir, provider, shop, agents={"app": {"tools": ["scop*"], "data_access": []}})
        assert refusal(call(weir, "scoped", {}))["code"] == "data_access_denied" and not shop.ledger()

    def test_only_a_post_of_json_to_one_name(self, weir, shop):
        with weir.http() as http:
            answer = http.get("/tools/pay")
            assert refusal(answer)["code"] == "method_not_allowed" and answer.headers["allow"] == "POST"
            assert refusal(http.put("/tools/pay", json={}))["status"] == 405
            assert http.post("/tools", json={}).status_code == 404
            assert http.post("/tools/", json={}).status_code == 404
            assert refusal(http.post("/tools/pay/x", json={}))["code"] == "not_found"
            assert refusal(http.post("/tools/pay", content=b"a=b"))["code"] == "unsupported_media_type"
            assert refusal(http.post("/tools/pay?amount=5", json={}))["code"] == "request_invalid"
            assert refusal(http.post("/tools/pay?", json={}))["code"] == "request_invalid"
        assert not shop.ledger()

    @pytest.mark.parametrize("path", ["//pay", "/tools//pay", "/tools/./pay", "/tools/../tools/pay", "/tools/%70ay", "/tools/pay%2f",
                                      "/tools/a%2fb", "/tools/pay;a=b", "/tools/pay%00", "/tools/%2e%2e/x", "/tools/pa\\y"])
    def test_a_path_that_is_not_canonical(self, weir, shop, path):
        with weir.connect() as s:
            s.sendall((f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {weir.keys['app']}\r\n"
                       "content-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}").encode())
            assert receive(s).split(b" ")[1] in (b"400", b"404")
        assert not shop.ledger()

    @pytest.mark.parametrize("body", [b"", b"[]", b"1", b"null", b'"a"', b"{", b"{}{}", b"\xef\xbb\xbf{}", b'{"a":1,"a":2}',
                                      b'{"a":1,"\\u0061":2}', b'{"a":"\\ud800"}', b'{"a":"\xff"}', b'{"a\\u0000":1}', b"{'a':1}",
                                      b'{"a":NaN}', b'{"a":01}', b'{"a":' * 70 + b"1" + b"}" * 70])
    def test_what_two_readers_could_read_differently(self, weir, shop, body):
        assert refusal(call(weir, "pay", body))["code"] == "request_invalid" and not shop.ledger()

    @pytest.mark.parametrize("headers", [{"x-weir-approval": "a"}, {"idempotency-key": "k" * 256}, {"idempotency-key": "a b"},
                                         {"idempotency-key": ""}])
    def test_headers_that_mean_nothing(self, weir, shop, headers):
        with weir.http() as http:
            assert refusal(http.post("/tools/pay", json={}, headers=headers))["code"] == "request_invalid"
        assert not shop.ledger()

    def test_shadow_lets_a_denied_tool_pass_but_not_one_that_is_nowhere(self, start_weir, provider, shop):
        weir = start(start_weir, provider, shop, agents={"app": {"tools": ["lookup"], "mode": {"shadow": ["tools"]}}})
        weir.hosted_allowed = {"secret"}
        assert call(weir, "secret", {}).status_code == 200 and shop.last().target == "/base/secret"
        assert refusal(call(weir, "nothing", {}))["code"] == "tool_denied"
        assert refusal(call(weir, "lookup", {"order_id": ".."}))["code"] == "arguments_invalid"


class TestAnswering:
    @pytest.mark.parametrize("script", [
        {"body": "plain text", "content_type": "text/plain; charset=latin-1"}, {"body": "a,b\n1,2\n", "content_type": "text/csv"},
        {"body": '{"e": 1}', "content_type": "application/vnd.api+json"}, {"body": "{not json", "content_type": "application/json"},
        {"status": 404, "body": '{"error":"no such order"}'}, {"status": 500, "body": "oops", "content_type": "text/html"},
        {"status": 201, "body": "", "content_type": "application/json"}, {"status": 429, "body": "{}", "headers": {"retry-after": "7"}},
        {"body": "data: 1\n\ndata: 2\n\n", "content_type": "text/event-stream", "framing": "chunked", "chunking": {"bytes": 3}},
        {"body": "x" * 3000, "content_type": "application/octet-stream", "framing": "close"},
    ])
    def test_a_result_is_passed_on_as_it_is(self, weir, shop, script):
        answer = call(weir, "pay", {}, script={"usage": "none", **script})
        assert answer.status_code == script.get("status", 200) and answer.text == script["body"]
        assert answer.headers["content-type"] == script.get("content_type", "application/json")
        assert answer.headers["x-weir-upstream"] == "orders" and "x-weir-model" not in answer.headers
        assert answer.headers.get("retry-after") == (script.get("headers") or {}).get("retry-after")

    @pytest.mark.parametrize("kind", ["application/json", "application/octet-stream"])
    def test_a_long_one_arrives_whole(self, weir, shop, kind):
        shop.script(body="0123456789" * 300_000, content_type=kind, usage="none")
        assert call(weir, "pay", {}).content == b"0123456789" * 300_000

    def test_a_stream_comes_as_it_is_sent(self, weir, shop):
        script = {"body": "one\ntwo\n", "content_type": "text/plain", "framing": "chunked", "usage": "none",
                  "chunking": {"bytes": 4, "gap_us": 50000}}
        with weir.http() as http, http.stream("POST", "/tools/pay", json={}, headers=scripted(**script)) as answer:
            assert "transfer-encoding" in answer.headers and b"".join(answer.iter_raw()) == b"one\ntwo\n"

    def test_redirects_are_not_followed(self, weir, shop):
        answer = call(weir, "pay", {}, script={"status": 302, "body": "{}", "usage": "none",
                                               "headers": {"location": shop.origin + "/base/secret"}})
        assert refusal(answer)["code"] == "upstream_malformed" and "location" not in answer.headers
        assert len(shop.ledger()) == 1

    def test_a_no_to_our_key_is_not_passed_on_and_one_to_the_agents_wish_is(self, start_weir, provider, shop):
        answer = call(start(start_weir, provider, shop), "pay", {}, script={"status": 403, "body": "no"})
        assert refusal(answer)["code"] == "upstream_auth_failed"
        weir = start(start_weir, provider, shop, upstream={"credential": "none"})
        answer = call(weir, "pay", {}, script={"status": 403, "body": '{"why":"closed"}', "usage": "none"})
        assert answer.status_code == 403 and answer.json() == {"why": "closed"} and "x-weir-code" not in answer.headers
        shop.ledger_path.write_text("")

    def test_our_key_is_not_repeated(self, weir, shop):
        answer = call(weir, "pay", {}, script={"body": json.dumps({"k": shop.key}), "usage": "none"})
        assert refusal(answer)["code"] == "upstream_malformed" and shop.key not in answer.text

    @pytest.mark.parametrize("name, code", [("pay", "outcome_unknown"), ("lookup", "upstream_timeout")])
    def test_a_tool_that_says_nothing_in_time(self, start_weir, provider, shop, name, code):
        weir = start(start_weir, provider, shop, tools={"pay": {"upstream": "orders", "timeout": "300ms", "cost": 0.005},
                                                        "lookup": {"upstream": "orders", "timeout": "300ms", "idempotent": True}})
        answer = call(weir, name, {}, script={"fault": {"kind": "stall", "at": "head"}})
        assert refusal(answer)["code"] == code and answer.headers["x-should-retry"] == "false"
        assert weir.last_call()["latency_ms"] >= 300

    @pytest.mark.parametrize("name, code", [("pay", "outcome_unknown"), ("lookup", "outcome_unknown")])
    def test_a_connection_that_breaks_off(self, weir, shop, name, code):
        assert refusal(call(weir, name, {"order_id": "A"}, script={"fault": {"kind": "reset", "at": "head"}}))["code"] == code
        assert len(shop.ledger()) == 1  # it was not sent again

    def test_a_document_that_is_cut_does_not_arrive_in_part(self, weir, shop):
        answer = call(weir, "pay", {}, script={**OK, "fault": {"kind": "reset", "at": 4}})
        assert refusal(answer)["code"] == "upstream_malformed"

    def test_a_stream_that_is_cut_is_broken_off(self, weir, shop):
        script = {"body": "one two three", "content_type": "text/plain", "framing": "chunked", "fault": {"kind": "reset", "at": 4}}
        with weir.connect() as s:
            s.sendall((f"POST /tools/pay HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {weir.keys['app']}\r\ncontent-type: "
                       f"application/json\r\ncontent-length: 2\r\nx-script: {json.dumps(script)}\r\n\r\n{{}}").encode())
            got = receive(s)
        assert b"200 OK" in got and not got.endswith(b"0\r\n\r\n")
        assert weir.last_call()["code"] == "upstream_malformed"

    def test_nobody_is_there(self, start_weir, provider, shop):
        weir = start(start_weir, provider, shop, upstream={"url": "http://127.0.0.1:9"})
        assert refusal(call(weir, "pay", {}))["code"] == "upstream_unreachable"


class TestBooks:
    def test_a_call_costs_what_the_policy_says_if_it_ran(self, weir, shop):
        answer = call(weir, "pay", {}, headers={"x-weir-user": "u1"})
        assert answer.headers["x-weir-cost-usd"] == "0.005"
        line = weir.last_call()
        assert str(line["cost_usd"]) == "0.005"
        assert (line["tool"], line["action"], line["dialect"], line["upstream"]) == ("pay", "tool", "http", "orders")
        assert line["tokens_used"] == 0 and line["verdict"] == "allow" and "model" not in line
        assert call(weir, "pay", {}, script={"status": 422, "body": "{}", "usage": "none"}).headers["x-weir-cost-usd"] == "0"
        assert call(weir, "pay", {}, script={"status": 503, "body": "{}", "usage": "none"}).headers["x-weir-cost-usd"] == "0.005"
        assert call(weir, "lookup", {"order_id": "A"}).headers["x-weir-cost-usd"] == "0"
        call(weir, "secret", {})
        assert len(weir.calls(5)) == 5
        page = weir.metrics()
        assert float(weir.metric("weir_cost_usd_total", page, kind="tool", name="pay", agent="app")) == 0.010
        assert weir.metric("agent_tool_calls_total", page, agent="app", tool="pay", verdict="allow") == 3
        assert weir.metric("agent_tool_calls_total", page, agent="app", tool="secret", verdict="deny") == 1
        with weir.http() as http:
            told = http.get("/weir/v1/calls/" + answer.headers["x-weir-request-id"], headers={"x-weir-user": "u1"}).json()
        assert told["tool"] == "pay" and told["cost_usd"] == 0.005

    def test_the_ledger_has_it_by_tool_and_the_audit_log_by_call(self, weir, shop, weir_command):
        for _ in range(3):
            call(weir, "pay", {})
        call(weir, "secret", {})
        assert weir.stop() == 0
        state = ["-c", str(weir.config)]
        done = weir_command("ledger", *state, "--by", "tool", "--format", "json", env=weir.env)
        rows = {r["tool"]: r for r in json.loads(done.stdout)["rows"]} if done.returncode == 0 else done.stderr
        assert rows["pay"]["calls"] == 3 and float(rows["pay"]["cost_usd"]) == 0.015 and rows["secret"]["denied"] == 1
        done = weir_command("audit", "show", *state, "--format", "json", env=weir.env)
        decisions = [r for r in map(json.loads, done.stdout.splitlines()) if r.get("kind", r.get("record")) == "decision"]
        assert [(r["tool"], r["decision"]) for r in decisions] == [("pay", "allow")] * 3 + [("secret", "deny")]

    def test_it_is_reserved_in_every_budget(self, start_weir, provider, shop):
        weir = start(start_weir, provider, shop, agents={"app": {"budget": {
            "request": {"cost": 0.01}, "agent": {"cost": 0.012, "per": "day"}}}})
        assert [call(weir, "pay", {}).status_code for _ in range(3)] == [200, 200, 429]
        problem = refusal(call(weir, "pay", {}))
        assert problem["code"] == "budget_exceeded" and "agent's budget" in problem["detail"]
        assert call(weir, "lookup", {"order_id": "A"}).status_code == 200  # it takes nothing
        with weir.http() as http:
            told = http.get("/weir/v1/budget").json()
        assert "0.01" in json.dumps(told)
        assert refusal(call(weir, "pay", {}, headers={"x-weir-max-cost": "0.004"}))["code"] == "budget_exceeded"

    def test_a_call_alone_over_the_limit_of_one(self, start_weir, provider, shop):
        weir = start(start_weir, provider, shop, agents={"app": {"budget": {"request": {"cost": 0.004}}}})
        assert refusal(call(weir, "pay", {}))["code"] == "budget_exceeded" and not shop.ledger()

    def test_requests_of_tools_count_in_the_agents_rate(self, start_weir, provider, shop):
        weir = start(start_weir, provider, shop, agents={"app": {"rate_limit": "2/hour", "token_rate_limit": "1/hour"}})
        assert [call(weir, "plain", {}).status_code for _ in range(3)] == [200, 200, 429]
        assert len(shop.ledger()) == 2


class TestItsOwnRate:
    """Over all agents, asked first, and given back where another refuses."""

    def two(self, start_weir, provider, shop, agents=None, **tool):
        weir = start(start_weir, provider, shop, tools={"pay": {"upstream": "orders", "cost": 0.005, **tool}},
                     agents={"app": {"tools": ["pay"]}, "full": {"tools": ["pay"]}, **(agents or {})})
        return weir

    def test_it_is_one_for_all_agents(self, start_weir, provider, shop):
        weir = self.two(start_weir, provider, shop, rate_limit="3/hour")
        answers = [call(weir, "pay", {}, agent) for agent in ("app", "full", "app")]
        assert [a.status_code for a in answers] == [200] * 3
        assert 'q=3;w=3600' in answers[0].headers["ratelimit-policy"] and 'r=2;' in answers[0].headers["ratelimit"]
        assert [a.headers["x-ratelimit-remaining-requests"] for a in answers] == ["2", "1", "0"]
        answer = call(weir, "pay", {}, "full")
        problem = refusal(answer)
        assert (problem["code"], problem["status"]) == ("rate_limited", 429) and "This tool's rate is 3 requests in 1h" in problem["detail"]
        assert answer.headers["x-should-retry"] == "false" and "retry-after" not in answer.headers  # it would be over a minute
        assert len(shop.ledger()) == 3

    def test_who_waits_is_told_how_long(self, start_weir, provider, shop):
        weir = self.two(start_weir, provider, shop, rate_limit=["100/hour", "2/minute"])
        assert [call(weir, "pay", {}).status_code for _ in range(2)] == [200, 200]
        answer = call(weir, "pay", {})
        wait = refusal(answer)["retry_after_ms"]
        assert 10_000 < wait <= 30_000 and int(answer.headers["retry-after-ms"]) == wait
        assert int(answer.headers["retry-after"]) == -(-wait // 1000)

    def test_what_another_refuses_gives_it_back(self, start_weir, provider, shop):
        weir = self.two(start_weir, provider, shop, rate_limit="2/hour", agents={"app": {"tools": ["pay"], "rate_limit": "1/hour"},
                        "bare": {"tools": ["pay"], "budget": {"agent": {"cost": 0.001, "per": "day"}}}})
        assert [call(weir, "pay", {}).status_code for _ in range(3)] == [200, 429, 429]
        assert refusal(call(weir, "pay", {}, "bare"))["code"] == "budget_exceeded"
        assert call(weir, "pay", {}, "full").status_code == 200  # the refused ones took nothing
        assert refusal(call(weir, "pay", {}, "full"))["code"] == "rate_limited"
        assert len(shop.ledger()) == 2

    def test_what_it_refuses_takes_nothing_of_the_agents(self, start_weir, provider, shop):
        weir = self.two(start_weir, provider, shop, rate_limit="1/hour", agents={"app": {"tools": ["pay", "plain"], "rate_limit": "2/hour"}})
        assert [call(weir, "pay", {}).status_code for _ in range(3)] == [200, 429, 429]
        assert [call(weir, "plain", {}).status_code for _ in range(2)] == [200, 429]

    def test_so_many_at_once(self, start_weir, provider, shop):
        weir = self.two(start_weir, provider, shop, concurrency=1)
        script = {**OK, "held": True}
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            with weir.http() as http:
                slow = pool.submit(lambda: http.post("/tools/pay", json={}, headers=scripted(**script)))
                eventually(lambda: shop.ledger())
                answer = call(weir, "pay", {}, "full")
                assert refusal(answer)["code"] == "concurrency_limited" and answer.headers["retry-after"] == "1"
                assert "This tool may have 1 calls at once" in refusal(answer)["detail"]
                shop.release()
                assert slow.result().status_code == 200
        eventually(lambda: call(weir, "pay", {}, "full").status_code == 200)

    def test_in_shadow_it_is_only_noted(self, start_weir, provider, shop):
        weir = self.two(start_weir, provider, shop, rate_limit="1/hour",
                        agents={"app": {"tools": ["pay"], "mode": {"shadow": ["rates"]}}})
        assert [call(weir, "pay", {}).status_code for _ in range(3)] == [200] * 3
        weir.last_call(3)
        assert weir.metric("weir_policy_verdicts_total", policy="rates", verdict="deny", mode="shadow") == 2


class TestRepeating:
    """idempotency-key: at most once for an agent, a user and a tool."""

    def test_a_repeat_gets_the_answer_of_the_first(self, weir, shop):
        script = {"status": 201, "body": "paid once", "content_type": "text/plain", "usage": "none"}
        first = call(weir, "pay", {"a": 1}, headers={"idempotency-key": "k-1"}, script=script)
        again = [call(weir, "pay", {"a": 1}, headers={"idempotency-key": "k-1"}) for _ in range(3)]
        assert "x-weir-idempotency" not in first.headers and len(shop.ledger()) == 1
        for a in again:
            assert (a.status_code, a.text, a.headers["content-type"]) == (201, "paid once", "text/plain")
            assert a.headers["x-weir-idempotency"] == "replayed" and a.headers["x-weir-cost-usd"] == "0"
        lines = weir.calls(4)
        assert [(str(c["cost_usd"]), c["attempts"], c["ended_by"]) for c in lines] == [("0.005", 1, "upstream")] + [("0", 0, "gateway")] * 3
        assert shop.last().header("idempotency-key") is None

    @pytest.mark.parametrize("script", [{"body": '{"a": 1}'}, {"body": ""}, {"status": 204, "body": ""}, {"status": 404, "body": "{}"},
                                        {"status": 500, "body": "no", "content_type": "text/plain"},
                                        {"body": "a" * 3000, "content_type": "text/csv", "framing": "chunked", "chunking": {"bytes": 7}}])
    def test_whatever_it_was(self, weir, shop, script):
        answers = [call(weir, "pay", {}, headers={"idempotency-key": "k"}, script={"usage": "none", **script}) for _ in range(2)]
        assert answers[0].status_code == answers[1].status_code and answers[0].content == answers[1].content
        assert answers[0].headers.get("content-type") == answers[1].headers.get("content-type") and len(shop.ledger()) == 1

    def test_other_arguments_are_another_call(self, weir, shop):
        call(weir, "pay", {"amount": 1}, headers={"idempotency-key": "k"})
        problem = refusal(call(weir, "pay", {"amount": 2}, headers={"idempotency-key": "k"}))
        assert (problem["code"], problem["status"]) == ("idempotency_mismatch", 422) and len(shop.ledger()) == 1

    def test_the_key_is_of_one_agent_user_and_tool(self, weir, shop, start_weir):
        for name, agent, user in (("plain", "app", None), ("plain", "app", "u1"), ("plain", "app", "u2"), ("pay", "app", None)):
            headers = {"idempotency-key": "k", **({"x-weir-user": user} if user else {})}
            assert "x-weir-idempotency" not in call(weir, name, {}, agent, headers=headers).headers
        assert len(shop.ledger()) == 4

    def test_who_moves_to_another_team_runs_nothing_twice(self, weir, shop):
        call(weir, "pay", {}, headers={"idempotency-key": "k"})
        weir.reload(teams={"crew": {}}, agents={"app": {"team": "crew"}})
        assert call(weir, "pay", {}, headers={"idempotency-key": "k"}).headers["x-weir-idempotency"] == "replayed"
        assert len(shop.ledger()) == 1

    def test_while_it_runs(self, weir, shop):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            slow = pool.submit(call, weir, "pay", {}, headers={"idempotency-key": "k"}, script={**OK, "held": True})
            eventually(lambda: shop.ledger())
            answer = call(weir, "pay", {}, headers={"idempotency-key": "k"})
            assert (refusal(answer)["code"], answer.status_code) == ("idempotency_in_progress", 409) and "retry-after" in answer.headers
            shop.release()
            assert slow.result().status_code == 200
        assert call(weir, "pay", {}, headers={"idempotency-key": "k"}).headers["x-weir-idempotency"] == "replayed"
        assert len(shop.ledger()) == 1

    def test_a_hundred_at_once_run_once(self, weir, shop):
        shop.script(**OK, delay_ms=50)
        with concurrent.futures.ThreadPoolExecutor(25) as pool:
            got = [f.result().status_code for f in [pool.submit(call, weir, "pay", {}, headers={"idempotency-key": "k"}) for _ in range(100)]]
        assert set(got) <= {200, 409} and 200 in got and len(shop.ledger()) == 1

    def test_list_and_identity_are_asked_again(self, weir, shop):
        assert call(weir, "pay", {}, headers={"idempotency-key": "k"}).status_code == 200
        assert refusal(call(weir, "pay", {}, None, headers={"idempotency-key": "k"}))["code"] == "unauthenticated"
        weir.reload(agents={"app": {"tools": ["plain"]}})
        assert refusal(call(weir, "pay", {}, headers={"idempotency-key": "k"}))["code"] == "tool_denied"
        weir.reload()
        assert call(weir, "pay", {}, headers={"idempotency-key": "k"}).headers["x-weir-idempotency"] == "replayed"

    def test_it_takes_a_request_and_nothing_else(self, start_weir, provider, shop):
        weir = start(start_weir, provider, shop, tools={"pay": {"upstream": "orders", "cost": 0.005, "rate_limit": "1/hour"}}, agents={
            "app": {"tools": ["pay"], "rate_limit": "3/hour", "budget": {"agent": {"cost": 0.005, "per": "day"}}}})
        answers = [call(weir, "pay", {}, headers={"idempotency-key": "k"}) for _ in range(4)]
        assert [a.status_code for a in answers] == [200, 200, 200, 429] and len(shop.ledger()) == 1
        assert refusal(answers[3])["code"] == "rate_limited"

    @pytest.mark.parametrize("script", [{"status": 429, "body": "{}"}, {"status": 401, "body": "{}"}])
    def test_who_was_turned_away_may_come_again(self, weir, shop, script):
        call(weir, "pay", {}, headers={"idempotency-key": "k"}, script={"usage": "none", **script})
        assert call(weir, "pay", {}, headers={"idempotency-key": "k"}).status_code == 200
        assert len(shop.ledger()) == 2

    def test_who_was_refused_leaves_the_key_free(self, start_weir, provider, shop):
        weir = start(start_weir, provider, shop, agents={"app": {"tools": ["pay"], "budget": {"agent": {"cost": 0.001, "per": "day"}}}})
        assert refusal(call(weir, "pay", {}, headers={"idempotency-key": "k"}))["code"] == "budget_exceeded"
        weir.reload(agents={"app": {"budget": {"agent": {"cost": 1, "per": "day"}}}})
        assert call(weir, "pay", {}, headers={"idempotency-key": "k"}).status_code == 200

    @pytest.mark.parametrize("script", [{"fault": {"kind": "reset", "at": "head"}}, {**OK, "fault": {"kind": "reset", "at": 4}},
                                        {"status": 302, "body": "{}"}])
    def test_what_may_have_run_does_not_run_again(self, weir, shop, script):
        call(weir, "pay", {}, headers={"idempotency-key": "k"}, script={"usage": "none", **script})
        answer = call(weir, "pay", {}, headers={"idempotency-key": "k"})
        assert refusal(answer)["code"] == "outcome_unknown" and answer.headers["x-should-retry"] == "false"
        assert len(shop.ledger()) == 1

    def test_what_never_left_may_run(self, start_weir, provider, shop):
        weir = start(start_weir, provider, shop, upstream={"url": "http://127.0.0.1:9"})
        for _ in range(2):
            assert refusal(call(weir, "pay", {}, headers={"idempotency-key": "k"}))["code"] == "upstream_unreachable"

    def test_it_outlives_the_process(self, weir, shop):
        call(weir, "pay", {"a": 1}, headers={"idempotency-key": "k"})
        with weir.connect() as s:
            s.sendall((f"POST /tools/pay HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {weir.keys['app']}\r\ncontent-type: application/json\r\n"
                       f"idempotency-key: lost\r\nx-script: {json.dumps({'held': True})}\r\ncontent-length: 2\r\n\r\n{{}}").encode())
            eventually(lambda: len(shop.ledger()) == 2)
        assert len(weir.calls(2)) == 2
        weir.kill()
        weir.start()
        assert call(weir, "pay", {"a": 1}, headers={"idempotency-key": "k"}).headers["x-weir-idempotency"] == "replayed"
        assert refusal(call(weir, "pay", {}, headers={"idempotency-key": "lost"}))["code"] == "outcome_unknown"
        assert len(shop.ledger()) == 2
        weir.provider = None  # its metrics began anew

    def test_shadow_does_not_leave_it_aside(self, start_weir, provider, shop):
        weir = start(start_weir, provider, shop, agents={"app": {"tools": ["lookup"], "mode": {"shadow": ["tools"]}}})
        weir.hosted_allowed = {"secret"}
        assert call(weir, "secret", {}, headers={"idempotency-key": "k"}).status_code == 200
        assert call(weir, "secret", {}, headers={"idempotency-key": "k"}).headers["x-weir-idempotency"] == "replayed"
        assert refusal(call(weir, "secret", {"a": 1}, headers={"idempotency-key": "k"}))["code"] == "idempotency_mismatch"
        assert len(shop.ledger()) == 1


def test_check_and_explain(start_weir, provider, shop, weir_command, tmp_path):
    weir = start(start_weir, provider, shop)
    say = weir_command("explain", "-c", weir.config, "--agent", "app", "--tool", "lookup", env=weir.env).stdout
    assert "to orders as POST /orders/{order_id}" in say and "verdict: pass" in say
    say = weir_command("explain", "-c", weir.config, "--agent", "app", "--tool", "secret", env=weir.env).stdout
    assert "verdict: refuse tool_denied" in say
    body = tmp_path / "body.json"
    body.write_text('{"order_id": "../x"}')
    say = weir_command("explain", "-c", weir.config, "--agent", "app", "--tool", "lookup", "--body", body, env=weir.env).stdout
    assert "the body would be refused: The argument /order_id is part of" in say
    say = weir_command("explain", "-c", weir.config, env=weir.env).stdout
    assert "timeouts.first_byte" in say and " 30s " in say and " 2m " in say


@pytest.mark.unreconciled
@pytest.mark.usefixtures("redis")
def test_two_instances_share_a_tools_rate_and_its_keys(tmp_path, provider, shop):
    server = Server(tmp_path / "redis")
    server.start()
    tools = {"pay": {"upstream": "orders", "rate_limit": "4/hour"}, "plain": {"upstream": "orders"}}
    fleet = Fleet(tmp_path / "fleet", provider, 2, store=server.store(), tools=tools,
                  upstreams={"orders": {"api": "http", "url": shop.origin}})
    fleet.write_policy(agents={"app": {"tools": ["pay", "plain"]}, "full": {"tools": ["pay"]}})
    try:
        one, other = fleet.start().weirs
        codes = [call_in_time(w, "pay", {}, agent).status_code for w, agent in zip([one, other] * 3, ["app", "full", "full"] * 2)]
        assert codes == [200] * 4 + [429] * 2 and len(shop.ledger()) == 4
        key = {"idempotency-key": "k"}
        assert call_in_time(one, "plain", {"a": 1}, headers=key).status_code == 200
        # The answer goes to the agent while what became of it is on its way to the store.
        again = eventually(lambda: (a := call_in_time(other, "plain", {"a": 1}, headers=key)).status_code != 409 and a)
        assert again.headers["x-weir-idempotency"] == "replayed"
        assert refusal(call_in_time(other, "plain", {"a": 2}, headers=key))["code"] == "idempotency_mismatch"
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            shop.script(**OK, delay_ms=50)
            got = [f.result().status_code for f in
                   [pool.submit(call, w, "plain", {}, headers={"idempotency-key": "many"}) for w in [one, other] * 20]]
        assert set(got) <= {200, 409, 503} and 200 in got and len(shop.ledger()) == 6
        server.kill()
        answer = eventually(lambda: (a := call(one, "plain", {}, headers={"idempotency-key": "new"})).status_code == 503 and a)
        assert refusal(answer)["code"] == "store_unavailable"
        fleet.stop()
    finally:
        fleet.kill()
        server.kill()
