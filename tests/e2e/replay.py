# SPDX-License-Identifier: Apache-2.0
"""Reads the journals of some Weirs beside the provider's ledger: call by call, and both in the order of their times."""

import calendar
import json
import time
from collections import defaultdict
from decimal import Decimal

from oracle import nano

_seconds = {}


def micros(timestamp):
    """Of 2026-11-22T18:15:14.651Z; what is below a millisecond was cut off when it was written."""
    day = timestamp[:19]
    if day not in _seconds:
        _seconds[day] = calendar.timegm(time.strptime(day, "%Y-%m-%dT%H:%M:%S"))
    return (_seconds[day] * 1000 + int(timestamp[20:23])) * 1000


def journal_of(weir, weir_command):
    """Its records, each whole: verified, and in the order of their times."""
    folder = weir.state / "journal"
    good = weir_command("audit", "verify", "--path", folder)
    assert good.returncode == 0, good.stdout + good.stderr
    shown = weir_command("audit", "show", "--path", folder, "--format", "json")
    assert shown.returncode == 0, shown.stderr
    records = [json.loads(line, parse_float=Decimal) for line in shown.stdout.splitlines()]
    for r in records:
        r["at"], r["cost"] = micros(r["timestamp"]), nano(r.get("cost_usd", 0))
    return records


class Told:
    """What one call's records say."""

    def __init__(self):
        self.decisions, self.outcomes, self.reservations, self.settlements = [], [], [], []

    @property
    def allowed(self):
        return self.decisions[0]["decision"] == "allow"


def by_request(records):
    found = defaultdict(Told)
    lists = {"decision": "decisions", "outcome": "outcomes", "reservation": "reservations", "settlement": "settlements"}
    for r in records:
        if r["kind"] in lists:
            getattr(found[r["request_id"]], lists[r["kind"]]).append(r)
    return dict(found)


def check_each(told, *, open_calls=False):
    """Exactly one decision and one outcome a call; what was reserved was settled once; nothing was reserved for who was refused.
    open_calls: a process that died has not been started again, and what it left may stand open."""
    for request_id, t in told.items():
        assert len(t.decisions) == 1, (request_id, t.__dict__)
        assert len(t.outcomes) <= 1 and len(t.reservations) <= 1 and len(t.settlements) <= len(t.reservations), (request_id, t.__dict__)
        assert open_calls or len(t.outcomes) == 1, (request_id, t.__dict__)
        assert open_calls or len(t.settlements) == len(t.reservations), (request_id, t.__dict__)
        assert t.allowed or not t.reservations, (request_id, t.__dict__)


def check_heard(told, calls, cost):
    """Nothing that a client was told is missing from the journals, and what was answered was charged."""
    for c in calls:
        if c.request_id is None:
            continue
        t = told.get(c.request_id)
        assert t, f"a client was answered, and no journal knows of it: {c}"
        assert t.decisions[0].get("workflow_id") == str(c.number), (c, t.__dict__)
        if c.status == 200:
            assert t.allowed and t.settlements and t.settlements[0]["cost"] >= cost, (c, t.__dict__)
        elif c.code in ("budget_exceeded", "budget_reserved"):
            assert t.decisions[0]["code"] == t.outcomes[0]["code"] == c.code and not t.reservations, (c, t.__dict__)


def check_sent(told, ledger, cost):
    """Each request that arrived is one call's, was let through and paid for before it left, and no call was sent twice."""
    calls = {t.decisions[0]["workflow_id"]: t for t in told.values()}
    seen = set()
    for entry in ledger:
        number = entry.header("x-call")
        assert number not in seen, f"call {number} was sent twice"
        seen.add(number)
        t = calls.get(number)
        assert t and t.allowed and t.reservations, f"sent, and not let through: {entry}, {t and t.__dict__}"
        assert t.reservations[0]["at"] <= entry.time_us and t.decisions[0]["at"] <= entry.time_us, (entry, t.__dict__)
        assert t.reservations[0]["cost"] >= cost, t.__dict__
        assert not t.settlements or t.settlements[0]["cost"] >= cost, f"sent, and not charged: {entry}, {t.__dict__}"


def check_times(records, ledger, cost):
    """Both logs in the order of their times: upstream never cost more than was spent and reserved. Returns what both come to."""
    events = [(r["at"], 0, r) for r in records if r["kind"] in ("reservation", "settlement")]
    events += [(e.time_us, 1, None) for e in ledger]
    held, spent, upstream = {}, 0, 0
    total = 0
    for at, _, r in sorted(events, key=lambda e: e[:2]):
        if r is None:
            upstream += cost
            assert upstream <= spent + total, f"upstream cost {upstream} when {spent} was spent and {total} reserved, at {at}"
        elif r["kind"] == "reservation":
            held[r["id"]] = r["cost"]
            total += r["cost"]
        else:
            total -= held.pop(r["id"])
            spent += r["cost"]
    return spent, total


def check_all(records, calls, ledger, cost, *, open_calls=False):
    told = by_request(records)
    check_each(told, open_calls=open_calls)
    check_heard(told, calls, cost)
    check_sent(told, ledger, cost)
    return check_times(records, ledger, cost)
