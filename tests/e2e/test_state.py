# SPDX-License-Identifier: Apache-2.0
"""What outlives the process: what was spent, what was held, who spent it; also when it is killed in the middle of calls."""

import concurrent.futures
import csv
import io
import json
import random
import resource
import signal
import sqlite3
import time
from decimal import Decimal

import httpx
import pytest

from rig import SLOWER, code_of, eventually

# Metrics begin anew with each process, the log does not.
pytestmark = pytest.mark.unreconciled

# Prices of the rig's gpt-4o: 2.5 and 10 USD a million tokens.
USAGE = {"prompt_tokens": 30, "completion_tokens": 100, "total_tokens": 130}
COST = Decimal("0.001075")


def start(start_weir, provider, **entry):
    weir = start_weir(provider, ready=None)
    weir.write_policy(agents={"app": {"min_output": 100, **entry}})
    weir.start()
    return weir


def again(weir):
    weir.kill()
    weir.start()
    return weir


def book(weir, sql):
    with sqlite3.connect(f"file:{weir.state}/book.db?mode=ro", uri=True) as db:
        return db.execute(sql).fetchall()


@pytest.fixture
def ledger(weir_command):
    def ask(weir, *words, code=0, form="json"):
        done = weir_command("ledger", "--path", weir.state, "--format", form, *words)
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout, parse_float=Decimal) if form == "json" else done.stdout
    return ask


def usd(value):
    return Decimal(str(value))


def test_a_budget_holds_what_was_spent_before_the_process_was_killed(start_weir, provider):
    provider.script(usage=USAGE)
    weir = start(start_weir, provider, budget={"agent": {"cost": str(COST * 3 + COST / 2), "per": "month"}})
    for n in range(3):
        assert weir.chat(max_tokens=100).status_code == 200
        weir.last_call(n + 1)
        again(weir)
    assert code_of(weir.chat(max_tokens=100)) == "budget_exceeded"
    assert len(provider.ledger()) == 3


def test_a_clean_stop_forgets_nothing_either(start_weir, provider, ledger):
    provider.script(usage=USAGE)
    weir = start(start_weir, provider, budget={"agent": {"cost": str(COST + COST / 2), "per": "day"}})
    assert weir.chat(max_tokens=100).status_code == 200
    assert weir.stop() == 0
    assert ledger(weir)["total"]["cost_usd"] == COST
    assert book(weir, "SELECT sum(cost) FROM counters") == [(int(COST * 10**9),)]
    weir.start()
    assert code_of(weir.chat(max_tokens=100)) == "budget_exceeded"


def test_what_a_killed_process_held_is_charged_and_its_calls_are_ended(start_weir, provider, ledger):
    provider.script(usage=USAGE)
    weir = start(start_weir, provider, min_output=1000, budget={"agent": {"cost": "0.0125", "per": "day"}})
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        held = pool.submit(weir.chat, max_tokens=1000, script={"held": True, "usage": USAGE}, headers={"x-weir-user": "ann"})
        eventually(provider.ledger)
        weir.kill()
        with pytest.raises(httpx.TransportError):
            held.result()
    weir.start()
    assert code_of(weir.chat(max_tokens=1000)) == "budget_exceeded"
    eventually(lambda: ledger(weir)["total"]["calls"] == 2)
    found = ledger(weir, "--by", "agent,user,model,upstream", "--per", "total")
    row = next(r for r in found["rows"] if r["user"] == "ann")
    assert row["cost_usd"] == row["estimated_usd"] > usd("0.01") and row["calls"] == 1
    assert row["model"] == "gpt-4o" and row["upstream"] == "openai"
    assert book(weir, "SELECT count(*) FROM calls") == [(0,)]
    again(weir)
    assert ledger(weir, "--per", "total")["total"]["cost_usd"] == row["cost_usd"]


def test_the_ledger_adds_up_to_what_the_provider_counted(start_weir, provider, ledger):
    weir = start(start_weir, provider, trust_claimed=["user", "workflow"])
    want, users = Decimal(0), {}
    for n in range(12):
        tokens, user = (10 + n, 3 * n), f"user-{n % 3}"
        usage = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)}
        model = ("gpt-4o", "gpt-4o-mini")[n % 2]
        answer = weir.chat(model=model, script={"usage": usage}, headers={"x-weir-user": user, "x-weir-workflow": f"w{n % 2}"})
        assert answer.status_code == 200
        cost = tokens[0] * usd("0.0000025") + tokens[1] * usd("0.00001")
        want += cost
        users[user] = users.get(user, 0) + cost
    weir.last_call(12)
    found = ledger(weir, "--by", "user", "--per", "total")
    assert {r["user"]: r["cost_usd"] for r in found["rows"]} == users
    assert found["total"]["cost_usd"] == want and found["total"]["calls"] == 12
    for by in ("agent", "team", "workflow", "workflow_type", "model", "upstream", "session", "agent,user,workflow,model"):
        for per in ("hour", "day", "month", "total"):
            rows = ledger(weir, "--by", by, "--per", per)["rows"]
            assert sum(r["cost_usd"] for r in rows) == want and sum(r["calls"] for r in rows) == 12
    top = ledger(weir, "--by", "user", "--per", "total", "--top", "1")
    assert [r["user"] for r in top["rows"]] == [max(users, key=users.get)] and top["total"]["cost_usd"] == want
    weir.kill()  # the same when nobody has folded the rest
    assert ledger(weir, "--per", "total")["total"]["cost_usd"] == want
    weir.start()


def test_the_ledger_counts_calls_of_tools(start_weir, provider, ledger):
    weir = start_weir(provider)
    for name in ("lookup_order", "lookup_order", "delete_order"):
        weir.chat("app", script={"tool_calls": [{"name": name, "arguments": "{}"}]},
                  tools=[{"type": "function", "function": {"name": "lookup_order", "parameters": {"type": "object"}}}])
    weir.last_call(3)
    found = eventually(lambda: (f := ledger(weir, "--by", "agent,tool", "--per", "total"))["total"]["calls"] == 3 and f)
    assert {r["tool"]: (r["calls"], r["denied"]) for r in found["rows"]} == {"lookup_order": (2, 0), "delete_order": (1, 1)}


def test_the_ledger_as_a_table_and_as_csv(start_weir, provider, ledger):
    provider.script(usage=USAGE)
    weir = start(start_weir, provider, trust_claimed=["user"])
    for user in ("=1+1", "+1", "-1", "@x", "a.b", "plain"):
        assert weir.chat(headers={"x-weir-user": user}).status_code == 200
    weir.last_call(6)
    text = ledger(weir, "--by", "user", "--per", "total", form="csv")
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == ["user", "calls", "refused", "tokens_input", "tokens_cached", "tokens_output", "tokens_reasoning",
                       "tokens_used", "cost_usd", "estimated_usd"]
    assert not [c for row in rows[1:] for c in row if c[:1] in "=+-@" and c]
    assert {r[0] for r in rows[1:-1]} == {"'=1+1", "'+1", "'-1", "'@x", "a.b", "plain"}
    assert rows[-1][0] == "total" and usd(rows[-1][8]) == 6 * COST
    table = ledger(weir, "--by", "user", form="table").splitlines()
    assert table[0].split()[:3] == ["period", "user", "calls"] and table[-1].split()[0] == "total"
    assert len({len(line) for line in table}) == 1


def test_users_stay_sealed_without_the_key(start_weir, provider, ledger):
    weir = start(start_weir, provider, trust_claimed=["user"])
    for user in ("ann@example.com", "bob@example.com", "ann@example.com"):
        weir.chat(headers={"x-weir-user": user})
    weir.last_call(3)
    weir.stop()
    (weir.state / "deployment.key").rename(weir.state / "away")
    found = ledger(weir, "--by", "user", "--per", "total")
    assert sorted(r["calls"] for r in found["rows"]) == [1, 2]
    assert all(r["user"].startswith("user_") and len(r["user"]) == 17 for r in found["rows"])
    for path in weir.state.rglob("*"):
        assert path.is_dir() or b"ann@example.com" not in path.read_bytes()
    (weir.state / "away").rename(weir.state / "deployment.key")


def test_a_ledger_that_is_not_there_and_words_that_are_not_known(weir_command, tmp_path):
    nothing = weir_command("ledger", "--path", tmp_path)
    assert nothing.returncode == 1 and "no Weir has kept its state in this folder" in nothing.stderr
    for words in (["--by", "colour"], ["--by", "agent,agent"], ["--by", "tool,model"], ["--per", "year"], ["--since", "yesterday"],
                  ["--top", "0"], ["--format", "xml"], ["more"], ["-c", "x", "--path", "y"]):
        assert weir_command("ledger", *words).returncode == 2, words
    assert weir_command("ledger", "--help").returncode == 0


def test_a_journal_that_lost_a_segment_stops_the_start_with_a_sentence(start_weir, provider):
    weir = start_weir(provider, workers=1)
    weir.chat()
    weir.last_call()
    weir.stop()
    segments = sorted((weir.state / "journal").glob("0000-*"))
    segments[-1].rename(weir.folder / "away")
    weir.start(ready=False)
    assert weir.process.wait(20) == 1
    assert "is not in the journal's folder as it was then" in weir.err_path.read_text()
    for path in (weir.state / "journal").glob("0000-*"):
        if path not in segments[:-1]:
            path.unlink()
    (weir.folder / "away").rename(segments[-1])
    weir.start()


def test_where_the_power_took_the_journals_end_the_book_goes_on_and_verify_tells_of_the_gap(start_weir, provider, weir_command):
    provider.script(usage=USAGE)
    weir = start_weir(provider, ready=None)
    weir.write_policy(workers=1, agents={"app": {"min_output": 100, "budget": {"agent": {
        "cost": str(COST * 2 + COST / 2), "per": "month"}}}})
    weir.start()
    for n in range(2):
        assert weir.chat(max_tokens=100).status_code == 200
        weir.last_call(n + 1)
    eventually(lambda: book(weir, "SELECT sum(cost) FROM counters") == [(int(2 * COST * 10**9),)])
    weir.kill()
    segment = min((weir.state / "journal").glob("0000-*"))  # behind it lies the next one, which is only prepared
    size = segment.stat().st_size
    with open(segment, "r+b") as f:  # as where its last pages never came to the disk
        f.truncate(600)
        f.truncate(size)
    weir.start()
    assert code_of(weir.chat(max_tokens=100)) == "budget_exceeded"
    assert "power must have failed" in weir.err_path.read_text()  # what is said before the log is open
    said = weir_command("audit", "verify", "--path", weir.state / "journal")
    assert said.returncode == 1 and f"{segment.name}: LOST from byte " in said.stdout, said
    again(weir)
    assert code_of(weir.chat(max_tokens=100)) == "budget_exceeded"


def test_a_book_of_a_later_version_is_refused(start_weir, provider):
    weir = start(start_weir, provider)
    weir.stop()
    with sqlite3.connect(weir.state / "book.db") as db:
        db.execute("PRAGMA user_version = 99")
    weir.start(ready=False)
    assert weir.process.wait(20) == 1
    assert "of a later Weir (schema 99" in weir.err_path.read_text()


def hammer(weir, stop, sent):
    done = []
    with weir.http() as http:
        while not stop.is_set():
            try:
                sent.append(1)
                body = {"model": "gpt-4o", "max_tokens": 100, "messages": [{"role": "user", "content": "x"}]}
                done.append(http.post("/v1/chat/completions", json=body).status_code)
            except httpx.TransportError:
                time.sleep(0.01)
    return done


def kills(start_weir, provider, ledger, rounds):
    """A budget for exactly so many calls: neither overshot nor forgotten, however often Weir is killed."""
    import threading
    good_for = 40 + 10 * rounds
    provider.script(usage=USAGE, delay_ms=20)
    limit = str(COST * good_for)
    weir = start(start_weir, provider, budget={"agent": {"cost": limit, "per": "month"}})
    stop, sent = threading.Event(), []
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(hammer, weir, stop, sent) for _ in range(8)]
        for _ in range(rounds):
            time.sleep(random.uniform(0.05, 0.4) * SLOWER)
            again(weir)
        stop.set()
        codes = [c for f in futures for c in f.result()]
    weir.stop()
    spent = book(weir, "SELECT sum(cost) FROM counters")[0][0]
    assert len(provider.ledger()) * int(COST * 10**9) <= spent, "upstream cost more than was counted"
    assert spent <= int(Decimal(limit) * 10**9), "the budget was overshot"
    total = ledger(weir, "--per", "total")["total"]
    assert int(total["cost_usd"] * 10**9) == spent
    assert codes.count(200) <= len(provider.ledger()) and book(weir, "SELECT count(*) FROM calls") == [(0,)]
    assert book(weir, "SELECT count(*) FROM held WHERE NOT charged") == [(0,)]


def test_killed_under_load_nothing_is_under_counted(start_weir, provider, ledger):
    kills(start_weir, provider, ledger, 5)


@pytest.mark.slow
def test_killed_under_load_many_times(start_weir, provider, ledger):
    kills(start_weir, provider, ledger, 60)


def records(weir, weir_command):
    done = weir_command("audit", "show", "--path", weir.state / "journal", "--format", "json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_decision_that_could_not_be_written_is_written_as_what_became_of_it(start_weir, provider, weir_command):
    weir = start(start_weir, provider, budget={"agent": {"cost": 5, "per": "day"}})
    weir.stop()
    weir.write_policy(workers=1, agents={"app": {"budget": {"agent": {"cost": 5, "per": "day"}}}})
    weir.start()
    for n in range(16):  # the segment's end lies behind the limit, its successor's begin before it
        assert weir.chat().status_code == 200
        weir.last_call(n + 1)
    sent = len(provider.ledger())
    resource.prlimit(weir.process.pid, resource.RLIMIT_FSIZE, (8192, resource.RLIM_INFINITY))
    refused = weir.chat()
    resource.prlimit(weir.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert code_of(refused) == "audit_unavailable" and len(provider.ledger()) == sent
    assert weir.chat().status_code == 200
    weir.stop()
    kinds = {}
    for r in records(weir, weir_command):
        kinds.setdefault(r.get("request_id"), []).append(r["kind"])
    mine = kinds[refused.headers["x-weir-request-id"]]
    assert mine.count("decision") == 1 and mine.count("outcome") == 1
    assert all(k.count("decision") == k.count("outcome") == 1 for i, k in kinds.items() if i)


def test_who_leaves_before_anything_was_decided_was_not_let_through(start_weir, provider, weir_command):
    weir = start(start_weir, provider)
    with weir.connect() as s:
        s.sendall((f"POST /v1/chat/completions HTTP/1.1\r\nhost: weir\r\nauthorization: Bearer {weir.keys['app']}\r\n"
                   "content-type: application/json\r\ncontent-length: 500\r\n\r\n{\"model\":").encode())
        eventually(lambda: weir.metric("weir_calls_in_flight") == 1)
    line = weir.last_call()
    assert line["code"] == "client_gone" and line["attempts"] == 0
    shown = weir_command("audit", "show", "--path", weir.state / "journal", "--format", "json").stdout.splitlines()
    records = [r for r in map(json.loads, shown) if r.get("request_id") == line["request_id"]]
    decided = [r for r in records if "decision" in r]
    assert len(decided) == 1 and decided[0]["decision"] == "deny" and decided[0]["code"] == "client_gone", records


def test_a_settlement_that_could_not_be_written_is_counted_as_the_next_start_will(start_weir, provider):
    provider.script(usage=USAGE)
    budget = {"budget": {"agent": {"cost": 5, "per": "day"}}}
    weir = start(start_weir, provider, **budget)
    weir.stop()
    weir.write_policy(workers=1, agents={"app": budget})
    weir.start()

    def told():
        with weir.http() as http:
            return http.get("/weir/v1/budget").json()["budgets"][0]["usd"]

    def spent():
        return usd(eventually(lambda: (t := told())["reserved"] == 0 and t)["spent"])

    for n in range(16):  # the segment's end lies behind the limit, its successor's begin before it
        assert weir.chat(max_tokens=100).status_code == 200
        weir.last_call(n + 1)
    before = spent()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        call = pool.submit(weir.chat, max_tokens=1000, script={"held": True, "usage": USAGE})
        eventually(lambda: len(provider.ledger()) == 17)
        resource.prlimit(weir.process.pid, resource.RLIMIT_FSIZE, (8192, resource.RLIM_INFINITY))
        provider.release()
        assert call.result().status_code == 200
        after = spent()
        resource.prlimit(weir.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert after - before > Decimal("0.01")  # what was reserved, not the little that it cost
    weir.kill()
    weir.start()
    assert spent() == after
