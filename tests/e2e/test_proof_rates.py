# SPDX-License-Identifier: Apache-2.0
"""Proof: a rate that four processes share is one rate: never more than its limit and its burst, and next to nothing less."""

import time

import pytest

from fleet import Fleet
from herd import Herd
from redis_rig import Server
from replay import by_request, check_each
from rig import Provider

pytestmark = [pytest.mark.unreconciled, pytest.mark.usefixtures("redis")]

RATE, BURST = 100, 100  # 6000/minute burst 100


def play(tmp_path, seconds, weir_command):
    """Returns how many calls were let through, and how long they were asked for: at least, and at most."""
    server, provider = Server(tmp_path / "redis").start(), Provider(tmp_path / "provider", script={"length": 20}, bodies=False)
    fleet = Fleet(tmp_path / "fleet", provider, 4, store=server.store(on_outage={"rate_limits": "closed"}))
    try:
        fleet.write_policy(agents={"app": {"rate_limit": f"{RATE * 60}/minute burst {BURST}"}})
        fleet.start()
        with Herd(fleet.weirs, 64, rest=0.1) as herd:
            time.sleep(seconds)
            long = time.monotonic() - herd.began
        fleet.stop()
        statuses = herd.statuses()
        assert set(statuses) <= {200, "rate_limited", "store_unavailable"}, statuses
        ledger, told = provider.ledger(), by_request(fleet.journals(weir_command))
        check_each(told)
        assert len(ledger) == statuses[200] == sum(t.allowed for t in told.values())
        for c in herd.calls:
            assert told[c.request_id].allowed == (c.status == 200), c
        print(f"{seconds} s, {len(herd.calls)} calls, {statuses}, at most {right(herd.over_at - herd.began):.0f} were right")
        return len(ledger), long, herd.over_at - herd.began
    finally:
        fleet.kill()
        provider.stop()
        server.kill()


def right(seconds):
    return RATE * seconds + BURST


def test_instances_share_a_rate(tmp_path, weir_command):
    admitted, _, at_most = play(tmp_path, 5, weir_command)
    assert BURST < admitted <= right(at_most)


@pytest.mark.slow
@pytest.mark.proof
def test_instances_share_a_rate_and_waste_nothing_of_it(tmp_path, weir_command):
    admitted, at_least, at_most = play(tmp_path, 60, weir_command)
    assert 0.99 * right(at_least) <= admitted <= right(at_most)
