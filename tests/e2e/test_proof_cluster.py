# SPDX-License-Identifier: Apache-2.0
"""Proof: on a cluster of three masters, the slot that holds an agent's counters is moved to and fro under load, and no decision is
wrong: not one call too many, nothing forgotten, no refusal but for want of money or of the store."""

import os
import random
import shutil
import time

import pytest

from fleet import Fleet, Watch, check_watch, counted
from herd import Herd
from redis_rig import Cluster
from replay import by_request, check_all
from rig import Provider
from test_proof_redis import COST, RESERVED, USAGE, limit_of, usd

pytestmark = [pytest.mark.unreconciled, pytest.mark.usefixtures("redis")]


def play(folder, seed, cluster, weir_command, *, calls, clients):
    rng, agent = random.Random(seed), f"app{seed}"  # each round has counters of its own
    slot, pattern = cluster.slot_of(f"weir:{{a:{agent}}}:x"), f"weir:{{a:{agent}}}:b:*"
    provider = Provider(folder / "provider", script={"usage": USAGE, "delay_ms": rng.choice((5, 20, 50)), "length": 40}, bodies=False)
    fleet = Fleet(folder, provider, 4, store=cluster.store(), agents=(agent,))
    fleet.write_policy(agents={agent: {"min_output": 100, "rate_limit": "1000000/minute", "concurrency": 10000,
                                       "budget": {"agent": {"cost": usd(limit_of(calls)), "per": "month"}}}})
    moves = []
    try:
        fleet.start()
        with Watch(lambda: cluster.owner(slot), pattern, moves=True) as watch, Herd(
                fleet.weirs, clients, agent=agent, ramp=0.5, rest=0.1, pause=0.02, seed=seed) as herd:
            while herd.answered < calls * 0.9 and time.monotonic() < herd.began + 20:
                to = rng.choice([s for s in cluster.servers if s is not cluster.owner(slot)])
                moves.append(cluster.move(slot, to, rest=rng.choice((0, 0.001))))
            herd.until_refused(seconds=60, quiet=0.5)
        fleet.stop()
        ledger, records, statuses = provider.ledger(), fleet.journals(weir_command), herd.statuses()
        assert set(statuses) <= {200, "budget_exceeded", "budget_reserved", "store_unavailable"}, statuses
        assert len(ledger) == statuses[200] <= calls, f"a budget for {calls} calls was good for {len(ledger)}"
        spent, held = check_all(records, herd.calls, ledger, COST)
        total = sum(counted(cluster.owner(slot), pattern))
        assert held == 0 and spent <= total <= limit_of(calls) < total + RESERVED, (spent, total, limit_of(calls))
        assert sum(moves) > 0, "nothing was ever moved"
        return len(ledger), len(by_request(records)), check_watch(watch, ledger, COST, []), len(moves), statuses.get("store_unavailable", 0)
    except BaseException as e:
        e.add_note(f"seed {seed}, moves {moves}, {folder}")
        raise
    finally:
        fleet.kill()
        provider.stop()


@pytest.fixture
def cluster(tmp_path):
    servers = Cluster(tmp_path / "redis")
    yield servers
    servers.kill()


def test_a_slot_that_moves_under_load_makes_no_decision_wrong(tmp_path, cluster, weir_command):
    play(tmp_path / "1", 1, cluster, weir_command, calls=200, clients=40)


@pytest.mark.slow
@pytest.mark.proof
@pytest.mark.timeout(7200)
def test_thirty_rounds_of_moving_slots(tmp_path, cluster, weir_command):
    first, begun = int(os.environ.get("PROOF_SEED", 3000)), time.monotonic()
    rounds = min(int(os.environ.get("PROOF_ROUNDS", 30)), 30)
    sums = [0] * 5
    for n in range(rounds):
        got = play(tmp_path / str(n), first + n, cluster, weir_command, calls=500, clients=200)
        shutil.rmtree(tmp_path / str(n))
        sums = [a + b for a, b in zip(sums, got)]
    print(f"{rounds} rounds, {sums[0]} calls at the provider, {sums[1]} in the journals, the store was looked at {sums[2]} times, "
          f"the slot was moved {sums[3]} times, {sums[4]} calls were refused for it, {time.monotonic() - begun:.0f} s")
