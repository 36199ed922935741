# SPDX-License-Identifier: Apache-2.0
"""What has an idempotency-key is sent once, whatever breaks in between; and what is counted for a user is counted on under
another key of the deployment."""

import json
import secrets
import signal
import threading

import httpx
import pytest

from fleet import Fleet
from redis_rig import Server
from rig import code_of, eventually
from test_plain_tools import OK, call, call_in_time, refusal, start

KEY = {"idempotency-key": "k"}
HELD = {**OK, "held": True}


@pytest.fixture
def shop(start_provider):
    return start_provider(script=OK)


@pytest.fixture
def weir(start_weir, provider, shop):
    return start(start_weir, provider, shop)


def restart(weir, **change):
    weir.stop()
    weir.change.update(change)
    weir.write_policy()
    weir.start()


def begin(weir, name, script):
    """A call that runs until Weir or the tool ends it."""
    def run():
        try:
            call_in_time(weir, name, {}, headers=KEY, script=script)
        except httpx.TransportError:
            pass
    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_a_tool_that_may_run_again_does_not_under_a_key(weir, shop):
    """On a connection that was kept and has closed, what is safe to repeat is sent again."""
    restart(weir, workers=1)

    def ask(key, **headers):
        call(weir, "lookup", {"order_id": "A"})
        breaks = {**OK, "fail_key": key, "fail_first": 1, "fail": {"fault": {"kind": "close", "at": "head"}}}
        return call(weir, "lookup", {"order_id": "A"}, headers=headers, script=breaks)
    assert ask("none").status_code == 200 and len(shop.ledger()) == 3
    assert refusal(ask("key", **KEY))["code"] == "outcome_unknown" and len(shop.ledger()) == 5
    assert refusal(ask("key", **KEY))["code"] == "outcome_unknown" and len(shop.ledger()) == 6


@pytest.mark.unreconciled  # metrics begin anew with each process
def test_a_stop_in_the_middle_leaves_nothing_to_run_twice(weir, shop):
    restart(weir, drain={"quiet": "0s", "hard": "1s"})
    assert call(weir, "plain", {}, headers=KEY).status_code == 200
    caller = begin(weir, "pay", HELD)
    eventually(lambda: len(shop.ledger()) == 2)
    assert weir.stop() == 0
    caller.join()
    weir.start()
    assert call(weir, "plain", {}, headers=KEY).headers["x-weir-idempotency"] == "replayed"
    assert refusal(call(weir, "pay", {}, headers=KEY))["code"] == "outcome_unknown"
    assert len(shop.ledger()) == 2


@pytest.mark.unreconciled
def test_who_stops_tells_the_others_how_its_keys_ended(tmp_path, provider, shop, redis):
    server = Server(tmp_path / "server")
    server.start()
    fleet = Fleet(tmp_path / "fleet", provider, 2, store=server.store(),
                  drain={"quiet": "0s", "hard": "1s"}, tools={"pay": {"upstream": "orders"}},
                  upstreams={"orders": {"api": "http", "url": shop.origin}})
    fleet.write_policy(agents={"app": {"tools": ["pay"]}})
    try:
        one, other = fleet.start().weirs
        caller = begin(one, "pay", HELD)
        eventually(shop.ledger)
        assert refusal(call_in_time(other, "pay", {}, headers=KEY))["code"] == "idempotency_in_progress"
        one.process.send_signal(signal.SIGTERM)
        assert one.process.wait(60) == 0
        caller.join()
        assert refusal(call_in_time(other, "pay", {}, headers=KEY))["code"] == "outcome_unknown"
        assert len(shop.ledger()) == 1
        fleet.stop()
    finally:
        fleet.kill()
        server.kill()


def test_what_is_kept_has_its_time_in_the_audit_log(weir, shop, weir_command):
    assert call(weir, "pay", {}, headers=KEY).status_code == 200
    assert weir.stop() == 0
    shown = weir_command("audit", "show", "-c", weir.config, "--since", "1h", "--format", "json", env=weir.env)
    kinds = [r["kind"] for r in map(json.loads, shown.stdout.splitlines())]
    assert "decision" in kinds and "kept" in kinds, (kinds, shown.stderr)


@pytest.mark.unreconciled  # metrics begin anew with each process
def test_a_new_key_of_the_deployment_begins_no_count_anew(start_weir, provider, tmp_path):
    files = []
    for name in ("old", "new"):
        files.append(tmp_path / name)
        files[-1].write_text(secrets.token_hex(32))
        files[-1].chmod(0o600)
    old, new = (f"${{file:{f}}}" for f in files)
    provider.script(usage={"prompt_tokens": 30, "completion_tokens": 100, "total_tokens": 130})
    budget = {"team": {"cost": 1, "per": "day"}, "user": {"cost": "0.0015", "per": "day"}}  # a call costs 0.001075
    teams = {"crew": {"trust_claimed": ["user"], "min_output": 100, "budget": budget}}
    weir = start_weir(provider, ready=None, teams=teams, agents=("app",), deployment_key=[old])
    weir.change["agents"] = {"app": {"team": "crew", "rate_limit": "9/hour per user"}}
    weir.write_policy()
    weir.start()

    def ask(user):
        return weir.chat(max_tokens=100, headers={"x-weir-user": user})

    def let_in():
        with weir.http() as http:
            return http.get("/weir/v1/budget", headers={"x-weir-user": "ann"}).json()["rates"][0]["remaining"]
    assert ask("ann").status_code == 200
    weir.last_call()
    before = let_in()
    weir.reload(deployment_key=[new, old])
    assert let_in() == before == 8
    assert code_of(ask("ann")) == "budget_exceeded"
    weir.stop()
    weir.start()
    assert code_of(ask("ann")) == "budget_exceeded" and ask("bob").status_code == 200
