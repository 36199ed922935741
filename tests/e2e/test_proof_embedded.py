# SPDX-License-Identifier: Apache-2.0
"""Proof: one process and the embedded store, killed and started again at random under load, with a budget for exactly so many
calls. `tests/run proofs` plays 200 rounds (PROOF_ROUNDS); the short ones here are for every day."""

import os
import random
import shutil
import sqlite3
import time
from decimal import Decimal

import pytest

import oracle
from herd import Herd
from replay import by_request, check_all, journal_of
from rig import SLOWER, Provider, Weir

# Metrics begin anew with each process, the log does not: the journal is what is compared.
pytestmark = pytest.mark.unreconciled

# Prices of the rig's gpt-4o: 2.5 and 10 USD a million tokens. What is reserved for herd.BODY is a little more.
USAGE = {"prompt_tokens": 30, "completion_tokens": 100, "total_tokens": 130}
COST = 1_075_000


def good_for(calls):
    """Money for so many calls and not for one more."""
    return str((Decimal(COST) * calls + COST // 2) * oracle.NANO)


def begin(folder, provider, calls, **change):
    weir = Weir(folder, provider, audit={"segment": "1MiB"}, drain={"quiet": "0s", "hard": "5s"}, **change)
    weir.hosted_allowed = set()
    weir.write_policy(agents={"app": {"min_output": 100, "budget": {"agent": {"cost": good_for(calls), "per": "month"}}}})
    return weir.start()


def spent_in_book(weir):
    with sqlite3.connect(f"file:{weir.state}/book.db?mode=ro", uri=True) as db:
        assert db.execute("SELECT count(*) FROM calls").fetchone() == (0,)
        assert db.execute("SELECT count(*) FROM held WHERE NOT charged").fetchone() == (0,)
        return db.execute("SELECT sum(cost) FROM counters").fetchone()[0]


def kill_at_random(weir, herd, rng, calls, kills):
    """Kills when some of the calls have been answered, or after a while where too many of them died; and lets the next one live as
    long as it likes, also before it has listened."""
    for at in sorted(rng.randrange(calls) for _ in range(kills)):
        end = time.monotonic() + 0.5 * SLOWER
        while herd.answered < at and time.monotonic() < end:
            time.sleep(0.001)
        time.sleep(rng.choice((0, 0.003, 0.03)) * rng.random())
        weir.kill()
        if rng.random() < 0.2:
            weir.start(ready=False)
            time.sleep(0.1 * rng.random() * SLOWER)
            weir.kill()
        weir.start()
        assert herd.thread.is_alive(), herd.failure


def check_round(weir, provider, herd, calls, weir_command):
    weir.stop()
    oracle.check_secrets(weir)
    errors = weir.err_path.read_text()
    assert "Sanitizer" not in errors and "runtime error" not in errors, errors[-6000:]
    ledger, records = provider.ledger(), journal_of(weir, weir_command)
    assert len(ledger) <= calls, f"a budget for {calls} calls was good for {len(ledger)}"
    spent, held = check_all(records, herd.calls, ledger, COST)
    assert held == 0 and spent == spent_in_book(weir) <= int(Decimal(good_for(calls)) / oracle.NANO)
    reserved = max(r["cost"] for r in records if r["kind"] == "reservation")
    assert spent + reserved > int(Decimal(good_for(calls)) / oracle.NANO), "money is left, and calls were refused"
    assert not [c for c in herd.calls if c.code == "hung"], "a call was never answered"
    charged = sum(1 for r in records if r["kind"] == "settlement" and r.get("by_recovery"))
    return len(ledger), len(by_request(records)), charged


def play(folder, seed, weir_command, *, calls, clients, kills):
    """One round, in a folder of its own, which goes when all held."""
    rng = random.Random(seed)
    provider = Provider(folder / "provider", script={"usage": USAGE, "delay_ms": rng.choice((0, 5, 40)), "length": 40}, bodies=False)
    weir = None
    try:
        weir = begin(folder / "weir", provider, calls, workers=rng.choice((1, 2)))
        with Herd([weir], clients, ramp=rng.choice((0, 0.3, 1.0)), rest=0.05, seed=seed) as herd:
            kill_at_random(weir, herd, rng, calls, kills)
            herd.until_refused(seconds=60)
        return check_round(weir, provider, herd, calls, weir_command)
    except BaseException as e:
        e.add_note(f"seed {seed}, {folder}")
        raise
    finally:
        if weir:
            weir.kill()
        provider.stop()


def test_killed_at_random_a_budget_for_so_many_calls_is_neither_overshot_nor_forgotten(tmp_path, weir_command):
    for seed in range(3):
        play(tmp_path / str(seed), seed, weir_command, calls=150, clients=24, kills=3)


@pytest.mark.slow
@pytest.mark.proof
@pytest.mark.timeout(7200)
def test_two_hundred_rounds_of_kills(tmp_path, weir_command):
    first, begun = int(os.environ.get("PROOF_SEED", 1000)), time.monotonic()
    rounds = int(os.environ.get("PROOF_ROUNDS", 200))
    sums = [0, 0, 0]
    for n in range(rounds):
        got = play(tmp_path / str(n), first + n, weir_command, calls=500, clients=64, kills=random.Random(first + n).randrange(1, 6))
        shutil.rmtree(tmp_path / str(n))
        sums = [a + b for a, b in zip(sums, got)]
    print(f"{rounds} rounds, {sums[0]} calls at the provider, {sums[1]} in the journals, {sums[2]} charged for the dead, "
          f"{time.monotonic() - begun:.0f} s")
