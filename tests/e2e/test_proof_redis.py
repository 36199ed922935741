# SPDX-License-Identifier: Apache-2.0
"""Proof: four processes on one Redis with a replica that sentinels watch, a budget for exactly so many calls, and one of them, or
both at once, killed in the middle. `tests/run proofs` plays 50 rounds (PROOF_ROUNDS) with 1,000 clients."""

import os
import random
import shutil
import time

import pytest

import oracle
from fleet import Fleet, Watch, check_watch, counted
from herd import Herd
from redis_rig import Watched
from replay import by_request, check_all
from rig import SLOWER, Provider

pytestmark = [pytest.mark.unreconciled, pytest.mark.usefixtures("redis")]

# Prices of the rig's gpt-4o: 2.5 and 10 USD a million tokens. What is reserved for herd.BODY is a little more.
USAGE = {"prompt_tokens": 30, "completion_tokens": 100, "total_tokens": 130}
COST, RESERVED = 1_075_000, 1_080_000
KINDS = ("process", "redis", "both")  # who dies


def limit_of(calls):
    """Money for so many calls and not for one more, in nano-dollars."""
    return COST * calls + COST // 2


def usd(nano):
    return str(nano * oracle.NANO)


def begin(folder, provider, watched, calls, replicas):
    fleet = Fleet(folder, provider, 4, store=watched.store(replicas=replicas))
    fleet.write_policy(agents={"app": {"min_output": 100, "budget": {"agent": {
        "cost": usd(limit_of(calls)), "per": "month"}}}})
    return fleet.start()


def micros_now():
    return time.time_ns() // 1000


def kill_redis(watched):
    old = watched.master()
    old.kill()
    return old


def kill(kind, fleet, watched, rng):
    """Returns what has to be brought back."""
    weirs = rng.sample(fleet.weirs, rng.choice((1, 2))) if kind != "redis" else []
    steps = [lambda w=w: w.kill() for w in weirs]
    dead = []
    if kind != "process":
        steps.append(lambda: dead.append(kill_redis(watched)))
    rng.shuffle(steps)
    for step in steps:
        step()
        time.sleep(rng.choice((0, 0.002, 0.05)) * rng.random())
    return weirs, dead[0] if dead else None


def play(folder, seed, watched, weir_command, *, kind, calls, clients):
    rng = random.Random(seed)
    replicas = 1 if kind == "both" else rng.choice((0, 1))
    provider = Provider(folder / "provider", script={"usage": USAGE, "delay_ms": rng.choice((5, 50, 300)), "length": 40}, bodies=False)
    fleet, fences = None, []
    try:
        watched.master().do("FLUSHALL")
        fleet = begin(folder, provider, watched, calls, replicas)
        with Watch(watched.master) as watch, Herd(
                fleet.weirs, clients, ramp=rng.choice((0, 1.0, 2.0)), rest=0.3, pause=0.01, seed=seed) as herd:
            at = rng.randrange(calls)
            end = time.monotonic() + 3 * SLOWER
            while herd.answered < at and time.monotonic() < end:
                time.sleep(0.001)
            began = micros_now()
            weirs, old = kill(kind, fleet, watched, rng)
            for w in weirs:
                w.start()
            if old:
                watched.succeeded(old)
                watched.rejoin(old)
                fences.append((began, micros_now() + 4_000_000))
            herd.until_refused(("budget_exceeded", "budget_reserved"), seconds=60, quiet=1.0)
        fleet.stop()
        return check_round(fleet, provider, herd, watch, fences, watched, calls, weir_command)
    except BaseException as e:
        e.add_note(f"seed {seed}, {kind}, replicas {replicas}, {folder}")
        raise
    finally:
        if fleet:
            fleet.kill()
        provider.stop()


def check_round(fleet, provider, herd, watch, fences, watched, calls, weir_command):
    ledger, records = provider.ledger(), fleet.journals(weir_command)
    assert len(ledger) <= calls, f"a budget for {calls} calls was good for {len(ledger)}"
    spent, held = check_all(records, herd.calls, ledger, COST)
    assert held == 0
    looked = check_watch(watch, ledger, COST, fences)
    counted_spent, counted_held = counted(watched.master())
    total = counted_spent + counted_held
    assert len(ledger) * COST <= total <= limit_of(calls)
    assert spent <= total, "journals know of more than the store"
    assert total + RESERVED > limit_of(calls), "money is left, and calls were refused"
    hung = [c for c in herd.calls if c.code == "hung"]
    assert not hung, hung[:3]
    return len(ledger), len(by_request(records)), looked


@pytest.fixture
def watched(tmp_path):
    servers = Watched(tmp_path / "redis")
    yield servers
    servers.kill()


@pytest.mark.parametrize("kind", KINDS)
def test_a_budget_that_instances_share_is_good_for_so_many_calls_whoever_dies(kind, tmp_path, watched, weir_command):
    play(tmp_path, 1, watched, weir_command, kind=kind, calls=150, clients=60)


@pytest.mark.slow
@pytest.mark.proof
@pytest.mark.timeout(7200)
def test_fifty_rounds_of_kills_with_a_thousand_clients(tmp_path, watched, weir_command):
    first, begun = int(os.environ.get("PROOF_SEED", 2000)), time.monotonic()
    rounds = int(os.environ.get("PROOF_ROUNDS", 50))
    sums = [0, 0, 0]
    for n in range(rounds):
        folder = tmp_path / str(n)
        got = play(folder, first + n, watched, weir_command, kind=KINDS[n % 3], calls=500, clients=1000)
        shutil.rmtree(folder)
        sums = [a + b for a, b in zip(sums, got)]
    print(f"{rounds} rounds, {sums[0]} calls at the provider, {sums[1]} in the journals, the store was looked at {sums[2]} times, "
          f"{time.monotonic() - begun:.0f} s")
