# SPDX-License-Identifier: Apache-2.0
"""The admin listener: who may ask it for what, what it says, and what becomes of what operators do."""

import csv
import io
import json
import os
import resource
import secrets
import socket
import sqlite3
import stat
import subprocess
import threading
import time
from decimal import Decimal

import httpx
import pytest

import oracle
from rig import WEIR_BIN, eventually, free_port, read_answers, receive, scripted, sha256

ROLES = ("read", "approve", "operate")
ENDPOINTS = [("GET", "/api/agents", "read"), ("GET", "/api/budgets", "read"), ("GET", "/api/calls", "read"),
             ("GET", "/api/ledger", "read"), ("GET", "/api/log-level", "read"), ("PUT", "/api/log-level", "operate"),
             ("GET", "/api/openapi.json", "read"), ("GET", "/api/policy", "read"), ("POST", "/api/reload", "operate"),
             ("GET", "/api/upstreams", "read")]
BODIES = {("PUT", "/api/log-level"): {"level": "info"}}


class Operators:
    """A Weir whose policy names an operator for each role, on a socket of its own."""

    def __init__(self, start_weir, provider, **change):
        self.keys = {role: "op-" + secrets.token_hex(16) for role in ROLES}
        named = [{"name": role, "api_key": "sha256:" + sha256(key), "roles": [role]} for role, key in self.keys.items()]
        self.weir = start_weir(provider, admin={"operators": named}, **change)
        self.weir.canaries += list(self.keys.values())

    def http(self, role=None, path=None, **how):
        headers = {"authorization": "Bearer " + self.keys[role]} if role else {}
        return client(path or self.weir.state / "admin.sock", headers=headers, **how)

    def ask(self, role, method, path, **how):
        with self.http(role) as http:
            how.setdefault("json", BODIES.get((method, path)))
            return http.request(method, path, **how)


def client(path, **how):
    return httpx.Client(transport=httpx.HTTPTransport(uds=str(path), verify=False), base_url="http://weir", timeout=60, **how)


def problem(answer, status, code):
    """That it is one, as RFC 9457 has it, and as x-weir-code says."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    said = answer.json()
    assert said["status"] == status and said["code"] == code == answer.headers["x-weir-code"]
    assert said["request_id"] == answer.headers["x-weir-request-id"] and said["detail"].endswith(".")
    return said


@pytest.fixture
def admin(start_weir, provider):
    return Operators(start_weir, provider)


def records(weir, kind):
    done = subprocess.run([WEIR_BIN, "audit", "show", "--path", weir.state / "journal", "--format", "json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [r for r in map(json.loads, done.stdout.splitlines()) if r["kind"] == kind]


@pytest.mark.parametrize("role", ROLES)
def test_each_endpoint_takes_its_role_and_no_other(admin, role):
    for method, path, wanted in ENDPOINTS:
        answer = admin.ask(role, method, path)
        if role == wanted:
            assert answer.status_code == 200, (method, path, answer.text)
            assert answer.headers["cache-control"] == "no-store" and "access-control-allow-origin" not in answer.headers
            assert answer.json() is not None
        else:
            assert wanted in problem(answer, 403, "role_required")["detail"]


def test_nobody_learns_anything(admin):
    """No key, a wrong one, an agent's, half of one: 401 at every path, whether there is something or not."""
    agent = admin.weir.keys["app"]
    tries = [{}, {"authorization": "Bearer nobody"}, {"x-weir-key": agent}, {"authorization": "Bearer " + agent},
             {"x-weir-key": admin.keys["read"][:-1]}, {"x-api-key": admin.keys["read"]},
             {"authorization": "Basic " + admin.keys["read"]},
             {"x-weir-key": admin.keys["read"], "authorization": "Bearer " + admin.keys["operate"]}]
    with admin.http() as http:
        for n, headers in enumerate(tries):
            eventually(lambda: http.get("/api/agents", headers=headers).status_code == 401)  # but not ten in a second
            for method, path in (("GET", "/api/nothing"), ("POST", "/api/reload")):
                answer = eventually(lambda: (a := http.request(method, path, headers=headers)).status_code != 429 and a)
                problem(answer, 401, "unauthenticated")
                assert answer.headers["www-authenticate"] == "Bearer"
    assert not records(admin.weir, "admin_action")


def test_keys_cannot_be_guessed_at_speed_and_a_good_one_still_opens(admin):
    with admin.http() as guesser, admin.http("read") as operator:
        said = [guesser.get("/api/agents", headers={"x-weir-key": f"guess-{n}"}).status_code for n in range(300)]
        assert operator.get("/api/agents").status_code == 200
    assert set(said) == {401, 429} and said.count(401) < 200, said


def test_an_agents_key_is_no_operators_and_an_operators_no_agents(admin):
    with admin.weir.http(None) as http:
        for key in admin.keys.values():
            assert http.get("/v1/models", headers={"x-weir-key": key}).status_code == 401
        assert http.get("/api/agents", headers=admin.weir.headers()).status_code == 404
    assert admin.weir.health("/api/agents").status_code == 404


def test_pages_of_others_are_refused(admin):
    for headers in ({"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        with admin.http("read") as http:
            problem(http.get("/api/agents", headers=headers), 403, "origin_denied")
            assert http.get("/api/agents").status_code == 200


def test_over_a_port_names_of_others_are_refused_too(start_weir, provider):
    port = free_port()
    admin = Operators(start_weir, provider, listeners={"admin": {"address": f"127.0.0.1:{port}"}},
                      public_url="https://weir.example")
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"x-weir-key": admin.keys["read"]}, trust_env=False) as http:
        assert http.get("/api/agents").status_code == 200
        assert http.get("/api/agents", headers={"host": "weir.example"}).status_code == 200
        problem(http.get("/api/agents", headers={"host": "evil.example"}), 421, "misdirected")
        ours = {"origin": f"http://127.0.0.1:{port}", "sec-fetch-site": "same-origin"}
        assert http.get("/api/agents", headers=ours).status_code == 200
        problem(http.get("/api/agents", headers={"origin": f"http://127.0.0.1:{port + 1}"}), 403, "origin_denied")
    assert not (admin.weir.state / "admin.sock").exists()


def test_methods_and_paths_are_what_they_say(admin):
    assert problem(admin.ask("read", "POST", "/api/agents"), 405, "method_not_allowed")
    assert admin.ask("read", "DELETE", "/api/log-level").headers["allow"] == "GET, HEAD, PUT"
    problem(admin.ask("read", "GET", "/api/nothing"), 404, "not_found")
    problem(admin.ask("read", "GET", "/metrics"), 404, "not_found")
    problem(admin.ask("read", "GET", "/api/agents?limit=3"), 400, "request_invalid")
    problem(admin.ask("read", "GET", "/api/ledger?by=colour"), 400, "request_invalid")
    problem(admin.ask("read", "GET", "/api/calls?limit=1001"), 400, "request_invalid")
    head = admin.ask("read", "HEAD", "/api/agents")
    assert head.status_code == 200 and head.content == b"" and int(head.headers["content-length"]) > 20
    with admin.http("read") as http:
        assert http.get("/api/agents", headers={"accept": "text/csv"}).json()["agents"]


def test_the_description_lists_exactly_what_there_is(admin):
    paths = admin.ask("read", "GET", "/api/openapi.json").json()["paths"]
    described = {(method.upper(), path, operation["x-weir-role"]) for path, methods in paths.items()
                 for method, operation in methods.items()}
    assert described == set(ENDPOINTS)


def test_the_first_start_writes_one_key(start_weir, provider):
    weir = start_weir(provider)
    file = weir.state / "admin.key"
    key = file.read_text().strip()
    weir.canaries.append(key)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and key.startswith("weir_")
    assert stat.S_IMODE((weir.state / "admin.sock").stat().st_mode) == 0o600
    said = weir.said("operator")
    assert len(said) == 1 and said[0]["file"] == "admin.key" and "was made" in said[0]["msg"]

    def opens():
        with client(weir.state / "admin.sock", headers={"x-weir-key": key}) as http:
            return {http.get("/api/agents").status_code, http.post("/api/reload").status_code}
    assert opens() == {200}
    weir.stop()
    weir.start()
    assert file.read_text().strip() == key and opens() == {200}
    # An operator in the policy takes its place, and gives it back.
    weir.reload(admin={"operators": [{"name": "ann", "api_key": "sha256:" + sha256("anns-own-key"), "roles": ["read"]}]})
    assert opens() == {401}
    weir.reload()
    assert opens() == {200}


def test_a_broken_key_file_is_said_and_nothing_opens(start_weir, provider):
    weir = start_weir(provider, ready=None)
    (weir.state / "admin.key").write_text("not a key\n")
    weir.start(ready=False)
    assert weir.process.wait(30) == 1
    assert "admin.key cannot be used" in weir.err_path.read_text()


def test_none_keeps_it_closed_and_a_reload_opens_it(start_weir, provider):
    weir = start_weir(provider, listeners={"admin": {"address": "none"}})
    assert not (weir.state / "admin.sock").exists() and not (weir.state / "admin.key").exists()
    weir.reload(listeners={"admin": {"address": None}})
    assert (weir.state / "admin.sock").exists() and (weir.state / "admin.key").exists()
    weir.canaries.append((weir.state / "admin.key").read_text().strip())


def test_the_socket_may_lie_in_systemds_folder(start_weir, provider, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    admin = Operators(start_weir, provider, env={"RUNTIME_DIRECTORY": f"{run}:/elsewhere"})
    with admin.http("read", run / "admin.sock") as http:
        assert http.get("/api/policy").json()["last_reload_successful"] is True
    admin.weir.stop()
    assert not (run / "admin.sock").exists()


# What it says

def test_agents_budgets_upstreams_and_policy(start_weir, provider):
    admin = Operators(start_weir, provider, agents=("app", "bare"))
    weir = admin.weir
    policy = weir.policy()
    policy["agents"]["app"].update(team="care", budget={"agent": {"cost": 5, "per": "day"}})
    policy["agents"]["bare"].update(suspended=True, mode={"shadow": ["tools"]})
    weir.reload(text=json.dumps(policy))
    weir.in_force = policy
    agents = {a["name"]: a for a in admin.ask("read", "GET", "/api/agents").json()["agents"]}
    assert set(agents) == {"app", "bare"}
    assert agents["app"]["team"] == "care" and agents["app"]["mode"] == "enforce" and not agents["app"]["suspended"]
    assert agents["app"]["tools"] == ["lookup_order", "search_kb", "create_ticket"]
    assert agents["bare"]["suspended"] and agents["bare"]["mode"] == "shadow" and agents["bare"]["shadow"] == ["tools"]
    assert weir.chat().status_code == 200
    spent = weir.last_call()["cost_usd"]
    raw = admin.ask("read", "GET", "/api/budgets").text
    budget = json.loads(raw, parse_float=Decimal)["budgets"]
    assert budget == [{"scope": "agent", "name": "app", "window": "day", "limit_usd": 5, "spent_usd": spent, "reserved_usd": 0}]
    assert weir.metric("weir_budget_spent_usd", name="app") == spent
    upstream = admin.ask("read", "GET", "/api/upstreams").json()["upstreams"][0]
    assert upstream["name"] == "openai" and upstream["credential"] == "api_key" and upstream["endpoints"][0]["url"] == provider.url
    said = admin.ask("read", "GET", "/api/policy").json()
    text = weir.config.read_bytes()
    assert said["sha256"] == sha256(text) and said["version"] == said["sha256"][:16] and said["files"] == [str(weir.config)]
    everything = "".join(admin.ask("read", m, p).text for m, p, role in ENDPOINTS if role == "read")
    for secret in [*admin.keys.values(), *weir.canaries]:
        assert secret not in everything


def test_recent_calls_are_shown_without_what_they_said(admin):
    weir = admin.weir
    for n in range(3):
        weir.chat(messages=[{"role": "user", "content": f"a secret word {n}"}])
    weir.chat("bare", model="no-such-model")
    log = {c["request_id"]: c for c in weir.calls(4)}
    answer = admin.ask("read", "GET", "/api/calls")
    said = json.loads(answer.text, parse_float=Decimal)
    assert said["in_flight"] == 0 and [c["id"] for c in said["recent"]] == sorted(log, reverse=True)
    for call in said["recent"]:
        line = log[call["id"]]
        assert (call["agent"], call["status"], call["code"]) == (line["agent"], line["status"], line["code"])
        assert oracle.nano(call["cost_usd"]) == oracle.nano(line["cost_usd"])
    assert "secret word" not in answer.text
    assert len(admin.ask("read", "GET", "/api/calls?limit=2").json()["recent"]) == 2


def test_calls_that_run_are_shown_with_what_they_wait_for(admin):
    weir, said = admin.weir, {}
    threads = [threading.Thread(target=weir.chat, kwargs={"script": {"held": True}}) for _ in range(3)]
    for t in threads:
        t.start()

    def waiting():
        said.update(admin.ask("read", "GET", "/api/calls").json())
        return said["in_flight"] == 3 and [(c["waits_for"], c["attempts"]) for c in said["running"]] == 3 * [("upstream", 1)]
    eventually(waiting)
    assert [c["time"] for c in said["running"]] == sorted(c["time"] for c in said["running"])
    for call in said["running"]:
        assert (call["agent"], call["model"], call["action"]) == ("app", "gpt-4o", "chat")
        assert call["phase"] == "reaching" and call["running_ms"] >= 0
    assert len(admin.ask("read", "GET", "/api/calls?limit=1").json()["running"]) == 1
    with weir.connect() as s:  # half of a request is a call too
        s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: w\r\ncontent-type: application/json\r\ncontent-length: 9\r\n"
                  + f"authorization: Bearer {weir.keys['bare']}\r\n\r\n{{".encode())
        eventually(lambda: [c for c in admin.ask("read", "GET", "/api/calls").json()["running"]
                            if c["agent"] == "bare" and c["waits_for"] == "agent" and c["model"] is None])
    weir.provider.release()
    for t in threads:
        t.join()
    eventually(lambda: admin.ask("read", "GET", "/api/calls").json()["in_flight"] == 0)
    ended = {c["id"] for c in admin.ask("read", "GET", "/api/calls").json()["recent"]}
    assert {c["id"] for c in said["running"]} <= ended


def test_a_call_whose_agent_has_left_is_shown_while_others_wait_for_it(start_weir, provider):
    admin = Operators(start_weir, provider, models={"gpt-4o": {"cache": "1h"}})

    def begin():
        s = admin.weir.connect(60)
        body = b'{"model":"gpt-4o","messages":[{"role":"user","content":"x"}]}'
        s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: w\r\nauthorization: Bearer %s\r\nx-script: {\"held\": true}\r\n"
                  b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (admin.weir.keys["app"].encode(), len(body), body))
        return s

    def running():
        return admin.ask("read", "GET", "/api/calls").json()["running"]
    first = begin()
    eventually(provider.ledger)
    second = begin()
    eventually(lambda: len(running()) == 2)
    ids = {c["id"] for c in running()}
    first.close()
    eventually(lambda: admin.weir.metric("weir_connections") == 1)
    assert {c["id"] for c in running()} == ids
    provider.release()
    assert b"200 OK" in second.recv(100)
    second.close()
    eventually(lambda: not running())


# The ledger

def ledger_command(weir, *words):
    done = subprocess.run([WEIR_BIN, "ledger", "--path", weir.state, *words], capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def test_the_ledger_is_that_of_weir_ledger_and_of_the_provider(admin):
    weir, provider = admin.weir, admin.weir.provider
    for n in range(12):
        weir.chat(("app", "full")[n % 2], model=("gpt-4o", "gpt-4o-mini")[n % 3 == 0], stream=n % 4 == 0,
                  headers={"x-weir-user": f"user{n % 5}", "x-weir-workflow": "w1"})
    # It is asked at once: the answer waits for what was journaled before.
    said = json.loads(admin.ask("read", "GET", "/api/ledger?by=agent&per=total").text, parse_float=Decimal)
    prices = {name: m["price"] for name, m in weir.in_force["models"].items()}
    theirs = provider.ledger()
    assert said["total"]["calls"] == len(theirs) == 12
    assert oracle.nano(said["total"]["cost_usd"]) == sum(oracle.facts_of_entry(e, prices)[-1] for e in theirs)
    assert said["total"]["tokens_output"] == sum(e.usage["completion_tokens"] for e in theirs)
    assert sum(oracle.nano(r["cost_usd"]) for r in said["rows"]) == oracle.nano(said["total"]["cost_usd"])
    for query in ("by=agent,model&per=hour", "by=user&per=day&top=2", "by=team,workflow,session&per=month&since=2w",
                  "by=upstream&per=total&since=2026-01-01&until=2100-01-01"):
        words = [w for pair in query.split("&") for w in ("--" + pair.split("=")[0], pair.split("=")[1])]
        for form in ("json", "csv", "table"):
            answer = admin.ask("read", "GET", f"/api/ledger?{query}&format={form}")
            assert answer.text == ledger_command(weir, *words, "--format", form), (query, form)
            assert "x-weir-ledger" not in answer.headers
    rows = list(csv.DictReader(io.StringIO(admin.ask("read", "GET", "/api/ledger?by=user&format=csv&per=total").text)))
    assert {r["user"] for r in rows[:-1]} == {f"user{n}" for n in range(5)}
    with admin.http("read") as http:
        assert http.get("/api/ledger", params={"by": "agent,user", "format": "csv"}).text.startswith("period,agent,user,")


def run_ledger(*words, env=None):
    return subprocess.run([WEIR_BIN, "ledger", *words], capture_output=True, text=True, cwd="/",
                          env={"PATH": "/usr/bin:/bin", **{k: v for k, v in os.environ.items() if k.endswith("_OPTIONS")}, **(env or {})})


def test_the_command_asks_the_weir_that_runs(admin, tmp_path):
    weir = admin.weir
    for n in range(3):
        weir.chat(headers={"x-weir-user": f"user{n}"})
    state, socket_at, port = {"STATE_DIRECTORY": str(weir.state), "PROVIDER_KEY": "x"}, f"unix:{weir.state}/admin.sock", free_port()
    file = tmp_path / "key"
    file.write_text(admin.keys["read"] + "\n")
    file.chmod(0o600)
    for words in (["--by", "agent,user", "--per", "hour"], ["--top", "1", "--by", "user", "--format", "json"],
                  ["--since", "2026-01-01T00:00Z", "--until", "2100-01-01", "--format", "csv"]):
        own = ledger_command(weir, *words).replace("\r\n", "\n")
        asked = run_ledger("--admin", socket_at, *words, env={"WEIR_OPERATOR_KEY": admin.keys["read"]})
        assert (asked.returncode, asked.stdout, asked.stderr) == (0, own, "")
        found = run_ledger("-c", weir.config, "--key-file", file, *words, env=state)
        assert (found.returncode, found.stdout) == (0, own), found.stderr
    refused = [(["--admin", socket_at], {}, 2, "WEIR_OPERATOR_KEY"),
               (["--admin", socket_at], {"WEIR_OPERATOR_KEY": "wrong"}, 1, "status 401"),
               (["--admin", socket_at], {"WEIR_OPERATOR_KEY": "x" * 500}, 1, "too long"),
               (["--admin", socket_at], {"WEIR_OPERATOR_KEY": admin.keys["operate"]}, 1, "the role read"),
               (["--admin", f"127.0.0.1:{port}"], {"WEIR_OPERATOR_KEY": "x"}, 1, f"no Weir answers at the admin listener 127.0.0.1:{port}"),
               (["--admin", "nonsense"], {"WEIR_OPERATOR_KEY": "x"}, 2, "--admin nonsense is no address: it has no port"),
               (["--admin", socket_at, "--key-file", "/nowhere"], {}, 1, "/nowhere"),
               (["--admin", socket_at, "--path", weir.state], {}, 2, "give one"),
               (["--admin", f"127.0.0.1:{weir.health_port}"], {"WEIR_OPERATOR_KEY": "x"}, 1, "status 404")]
    for words, env, status, said in refused:
        done = run_ledger(*words, env=env)
        assert done.returncode == status and said in done.stderr and not done.stdout, (words, done)
        assert admin.keys["operate"] not in done.stderr


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", b"\xff" * 100,
                                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                                    b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\n{]", b"HTTP/1.1 100 Continue\r\n\r\n" * 50])
def test_the_command_survives_whoever_answers(tmp_path, answer):
    with socket.create_server(("127.0.0.1", 0)) as server:
        def serve():
            peer, _ = server.accept()
            with peer:
                peer.recv(65536)
                peer.sendall(answer)
        thread = threading.Thread(target=serve)
        thread.start()
        done = run_ledger("--admin", f"127.0.0.1:{server.getsockname()[1]}", env={"WEIR_OPERATOR_KEY": "x"})
        thread.join()
    assert done.returncode == 1 and done.stderr.startswith("weir ledger: ") and "Sanitizer" not in done.stderr, done
    assert not done.stdout


def test_one_question_at_a_time_and_calls_go_on(admin):
    """Many ask the ledger at once: each is answered or told to wait, and calls and metrics are not in the way of them."""
    weir, said = admin.weir, []

    def ask():
        with admin.http("read") as http:
            for _ in range(10):
                answer = http.get("/api/ledger?by=agent,user&per=hour")
                said.append(answer.status_code)
                if answer.status_code == 503:
                    assert answer.headers["retry-after"] and problem(answer, 503, "overloaded")
    threads = [threading.Thread(target=ask) for _ in range(6)]
    for t in threads:
        t.start()
    for n in range(10):
        assert weir.chat(headers={"x-weir-user": f"u{n}"}).status_code == 200
        assert weir.health("/readyz").status_code == 200
    for t in threads:
        t.join()
    assert len(said) == 60 and set(said) <= {200, 503} and 200 in said


def test_a_question_about_too_many_names_is_refused_with_what_to_do(admin):
    hour = int(time.time()) // 3600 * 3600
    with sqlite3.connect(admin.weir.state / "book.db", timeout=20) as db:
        db.execute("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x <= 100000) INSERT INTO ledger "
                   f"SELECT {hour}, 'app', '', x'', 'w' || x, '', '', '', '', 1, 0, 0, 0, 0, 0, 0, x, 0 FROM c")
    answer = admin.ask("read", "GET", "/api/ledger?by=workflow&top=5")
    problem(answer, 422, "answer_too_large")
    assert "--since" in answer.text


def test_who_leaves_while_the_ledger_is_read_harms_nobody(admin):
    head = f"GET /api/ledger HTTP/1.1\r\nHost: w\r\nx-weir-key: {admin.keys['read']}\r\n\r\n".encode()
    for n in range(40):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(admin.weir.state / "admin.sock"))
            s.sendall(head if n % 2 else head[:-2 - n])
    eventually(lambda: admin.ask("read", "GET", "/api/ledger").status_code == 200)


# What operators do

def test_what_is_done_is_written_down_before(admin):
    weir = admin.weir
    before = admin.ask("read", "GET", "/api/policy").json()["version"]
    weir.write_policy(drain={"quiet": "1s", "hard": "5s"})
    answer = admin.ask("operate", "POST", "/api/reload")
    assert answer.status_code == 200
    after = admin.ask("read", "GET", "/api/policy").json()["version"]
    assert answer.json() == {"policy_version": after} and after != before
    assert admin.ask("operate", "PUT", "/api/log-level", json={"level": "warn"}).json() == {"level": "warn"}
    assert admin.ask("read", "GET", "/api/log-level").json() == {"level": "warn"}
    got = [(r["operator"], r["action"], r.get("value"), r["policy_version"]) for r in records(weir, "admin_action")]
    # The files are watched too: the new policy may have been in force before it was asked for.
    assert got[1:] == [("operate", "log_level", "warn", after)] and got[0][:3] == ("operate", "reload", None)
    assert got[0][3] in (before, after)
    assert [r["request_id"] for r in records(weir, "admin_action")][0] == answer.headers["x-weir-request-id"]
    assert admin.ask("operate", "PUT", "/api/log-level", json={"level": "info"}).status_code == 200
    assert weir.said("an operator acts")[0]["action"] == "reload"  # at the level warn it is not said
    verified = subprocess.run([WEIR_BIN, "audit", "verify", "--path", weir.state / "journal"], capture_output=True, text=True)
    assert verified.returncode == 0, verified.stderr


def test_a_policy_that_is_not_good_is_said(admin):
    admin.weir.write_policy(text="version: 1\nmodels: {m: {upstream: nowhere}}\n")
    said = problem(admin.ask("operate", "POST", "/api/reload"), 422, "policy_invalid")
    assert "no upstream is named nowhere" in said["problems"]
    assert admin.ask("read", "GET", "/api/policy").json()["last_reload_successful"] is False
    admin.weir.write_policy()
    assert admin.ask("operate", "POST", "/api/reload").status_code == 200


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"level":"loud"}', b'{"level":"info","level":"debug"}', b'{"level":1}',
                                  b'{"level":"info","more":1}', b'{"level":"info"}x', b"\xff", b'"info"'])
def test_what_is_no_level_changes_and_writes_nothing(admin, body):
    problem(admin.ask("operate", "PUT", "/api/log-level", content=body, json=None), 400, "request_invalid")
    assert admin.ask("read", "GET", "/api/log-level").json() == {"level": "info"}
    assert not records(admin.weir, "admin_action")


def test_strict_durability_holds_for_operators_too(start_weir, provider):
    admin = Operators(start_weir, provider, audit={"durability": "strict"})
    assert admin.ask("operate", "PUT", "/api/log-level", json={"level": "info"}).status_code == 200
    assert len(records(admin.weir, "admin_action")) == 1


def test_many_reloads_at_once_are_done_or_told_to_wait(admin):
    said = []
    threads = [threading.Thread(target=lambda: said.append(admin.ask("operate", "POST", "/api/reload").status_code))
               for _ in range(12)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert set(said) <= {200, 503} and 200 in said
    assert len(records(admin.weir, "admin_action")) == said.count(200)


# Bytes

def raw(admin, data, seconds=20):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(admin.weir.state / "admin.sock"))
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        return read_answers(receive(s, seconds=seconds))


def test_bodies_have_a_ceiling_and_come_in_pieces(admin):
    key = f"Host: w\r\nx-weir-key: {admin.keys['operate']}\r\n"
    level = b'{"level":"info"}'
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(admin.weir.state / "admin.sock"))
        s.sendall(f"PUT /api/log-level HTTP/1.1\r\n{key}Expect: 100-continue\r\nContent-Length: {len(level)}\r\n\r\n".encode())
        assert receive(s, lambda data: data.endswith(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
        for byte in level:
            s.sendall(bytes([byte]))
        status, _, body = read_answers(receive(s, lambda data: data.endswith(b"}")))[0]
        assert (status, body) == (200, level)
        s.sendall(f"PUT /api/log-level HTTP/1.1\r\n{key}Transfer-Encoding: chunked\r\n\r\n5\r\n{{\"lev\r\nb\r\nel\":\"info\"}}"
                  "\r\n0\r\n\r\n".encode())
        assert read_answers(receive(s, lambda data: data.endswith(b"}")))[0][0] == 200
        s.sendall(f"PUT /api/log-level HTTP/1.1\r\n{key}Content-Length: 100000\r\n\r\n".encode() + b" " * 100000)
        assert read_answers(receive(s))[0][0] == 413
    assert len(records(admin.weir, "admin_action")) == 2


def test_what_is_no_http_gets_a_clear_end(admin):
    bad = [b"GET /api/agents HTTP/1.1\r\n\r\n", b"GET //api/agents HTTP/1.1\r\nHost: w\r\n\r\n", b"\x16\x03\x01\x02\x00",
           b"GET /api/%61gents HTTP/1.1\r\nHost: w\r\n\r\n", b"GET /api/../api/agents HTTP/1.1\r\nHost: w\r\n\r\n",
           b"GET /api/agents HTTP/1.1\r\nHost: w\r\nx-weir-key: " + b"k" * 60000 + b"\r\n\r\n"]
    for data in bad:
        answers = raw(admin, data)
        assert not answers or answers[0][0] in (400, 401, 429, 431), (data[:40], answers)
    assert admin.ask("read", "GET", "/api/agents").status_code == 200


def test_every_cut_of_a_request_is_survived(admin):
    whole = (f"PUT /api/log-level?a=%2 HTTP/1.1\r\nHost: w\r\nx-weir-key: {admin.keys['operate']}\r\nContent-Length: 16\r\n\r\n"
             '{"level":"info"}').encode()
    for at in range(0, len(whole), 3):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(admin.weir.state / "admin.sock"))
            s.sendall(whole[:at])
    answers = raw(admin, whole)
    assert not answers or answers[0][0] == 400
    assert admin.ask("read", "GET", "/api/agents").status_code == 200


def test_it_stays_open_to_the_end_and_stops_cleanly_with_questions_open(start_weir, provider):
    admin = Operators(start_weir, provider)
    sockets = []
    for path in ("ledger", "ledger", "agents"):
        s = socket.socket(socket.AF_UNIX)
        s.connect(str(admin.weir.state / "admin.sock"))
        s.sendall(f"GET /api/{path} HTTP/1.1\r\nHost: w\r\nx-weir-key: {admin.keys['read']}\r\n\r\n".encode())
        sockets.append(s)
    assert admin.weir.stop() == 0
    assert not (admin.weir.state / "admin.sock").exists()
    for s in sockets:
        s.close()
    assert "left" not in admin.weir.err_path.read_text()


def test_what_cannot_be_written_down_is_not_done(admin):
    """A limit on the size of files stands for a full disk: whatever was refused has not happened."""
    weir, level, done, refused = admin.weir, "info", 0, 0
    resource.prlimit(weir.process.pid, resource.RLIMIT_FSIZE, (8192, resource.RLIM_INFINITY))
    with admin.http("operate") as operator, admin.http("read") as reader:
        for n in range(120):
            wanted = ("error", "warn")[n % 2]
            answer = operator.put("/api/log-level", json={"level": wanted})
            if answer.status_code == 200:
                level, done = wanted, done + 1
            else:
                problem(answer, 503, "audit_unavailable")
                refused += 1
            assert reader.get("/api/log-level").json() == {"level": level}
            if refused == 3:
                break
    assert refused
    resource.prlimit(weir.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    eventually(lambda: admin.ask("operate", "PUT", "/api/log-level").status_code == 200)
    assert len(records(weir, "admin_action")) == done + 1
