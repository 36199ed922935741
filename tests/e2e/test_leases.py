# SPDX-License-Identifier: Apache-2.0
"""A budget of the whole gateway that two processes share on one Redis: agents' groups lease parts of it, and all of them together
spend no more than it has, nor much less."""

import pytest

from fleet import Fleet, Watch, check_watch, counted
from herd import Herd
from redis_rig import Server
from rig import Provider, eventually
from test_proof_redis import COST, RESERVED, USAGE, limit_of, usd

pytestmark = [pytest.mark.unreconciled, pytest.mark.usefixtures("redis")]

POOL = "weir:{g}:b:*"
CALLS = 40


@pytest.fixture
def server(tmp_path):
    one = Server(tmp_path / "redis").start()
    yield one
    one.kill()


@pytest.fixture
def fleet(tmp_path, server):
    provider = Provider(tmp_path / "provider", script={"usage": USAGE, "delay_ms": 5, "length": 40}, bodies=False)
    fleet = Fleet(tmp_path / "fleet", provider, 2, store=server.store(),
                  budget={"cost": usd(limit_of(CALLS)), "per": "month"})
    fleet.provider = provider
    fleet.write_policy(agents={"app": {"min_output": 100}, "full": {"min_output": 100}})
    yield fleet.start()
    fleet.kill()
    provider.stop()


@pytest.mark.slow  # two herds until nothing is left, and what one holds comes back to the other after seconds
def test_groups_lease_what_the_gateway_may_spend(fleet, server):
    first = fleet.weirs[0]
    eventually(lambda: first.chat(max_tokens=100).status_code == 200, 10)
    eventually(lambda: counted(server, POOL)[0] == COST, 10)  # it is told within a second or so
    with Watch(lambda: server, POOL) as watch, Herd(fleet.weirs, 8, agent="app", rest=0.1) as one, \
            Herd(fleet.weirs, 8, agent="full", rest=0.1, seed=1) as two:
        for herd in (one, two):
            herd.until_refused(("budget_exceeded", "budget_reserved"), seconds=120, quiet=1.0)
    spent, reserved = eventually(lambda: (c := counted(server, POOL))[1] < RESERVED and c, 60)
    for w in fleet.weirs:
        eventually(lambda: float(w.metric("weir_budget_spent_usd", scope="gateway")) == pytest.approx(spent / 1e9), 5)
    fleet.stop()
    ledger = fleet.provider.ledger()
    assert len(ledger) * COST == spent <= limit_of(CALLS)
    assert spent + reserved + RESERVED > limit_of(CALLS), "money is left, and calls were refused"
    assert check_watch(watch, ledger, COST, []) > 0
    assert all(s + r <= limit_of(CALLS) for _, s, r in watch.seen)
    # A busy machine's store is late for 25 ms now and then.
    assert {200} < set(one.statuses()) | set(two.statuses()) <= {200, "budget_exceeded", "budget_reserved", "store_unavailable"}
