# SPDX-License-Identifier: Apache-2.0
"""Some Weirs on one policy and one Redis: each with its own state folder and ports, all with the same agents, keys and deployment
key, as instances behind a load balancer are."""

import random
import secrets
import threading
import time
from pathlib import Path

import oracle
from replay import journal_of
from rig import Weir


class Fleet:
    def __init__(self, folder, provider, count, **change):
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        key = folder / "deployment.key"
        key.write_text(secrets.token_hex(32))
        key.chmod(0o600)
        change = {"deployment_key": f"${{file:{key}}}", "workers": 1, "drain": {"quiet": "0s", "hard": "5s"},
                  "audit": {"segment": "4MiB"}, **change}
        self.weirs = [Weir(folder / f"weir{i}", provider, **change) for i in range(count)]
        for w in self.weirs:
            w.keys, w.hosted_allowed = self.weirs[0].keys, set()
            w.write_policy()

    def write_policy(self, **change):
        for w in self.weirs:
            w.write_policy(**change)

    def start(self):
        for w in self.weirs:
            w.start(ready=False)
        for w in self.weirs:
            w.await_ready()
        return self

    def stop(self):
        """All of them at once, in order; nothing may have been found by a sanitizer, no key may stand in a log."""
        for w in self.weirs:
            if w.process and w.process.poll() is None:
                w.process.terminate()
        for w in self.weirs:
            assert w.stop() in (0, None), f"it did not end well: {w.err_path.read_text()[-4000:]}"
            errors = w.err_path.read_text()
            assert "Sanitizer" not in errors and "runtime error" not in errors, errors[-6000:]
            oracle.check_secrets(w)

    def kill(self):
        for w in self.weirs:
            w.kill()

    def journals(self, weir_command):
        return [r for w in self.weirs for r in journal_of(w, weir_command)]


class Watch:
    """Looks every few milliseconds at what a server says was spent and reserved, as long as it says anything. moves: that it knows
    of nothing says nothing, for the counter may just have gone to another one."""

    def __init__(self, find, pattern="weir:{a:app}:b:*", *, moves=False):
        self.find, self.pattern, self.moves, self.seen, self.is_over = find, pattern, moves, [], False
        self.thread = threading.Thread(target=self._run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *how):
        self.is_over = True
        self.thread.join()

    def _run(self):
        while not self.is_over:
            at = time.time_ns() // 1000
            try:
                got = counted(self.find(), self.pattern)
                if any(got) or not self.moves:
                    self.seen.append((at, *got))
            except Exception:  # killed, frozen, not yet elected: nothing was seen
                pass
            time.sleep(0.02 * (0.5 + random.random()))


# The first two numbers of a counter, in text: what the store packs is for scripts/counters.lua.
SUMS = """local v = redis.call('GET', KEYS[1])
local spent, reserved = struct.unpack('<dd', v or string.rep('\\0', 16))
return {string.format('%.0f', spent), string.format('%.0f', reserved)}"""


def counted(server, pattern="weir:{a:app}:b:*"):
    """(spent, reserved) in nano-dollars, by the one counter that fits."""
    keys = server.do("KEYS", pattern)
    assert len(keys) < 2, keys
    return tuple(int(v) for v in server.do("EVAL", SUMS, 1, keys[0])) if keys else (0, 0)


def check_watch(watch, ledger, cost, fences):
    """Upstream never cost more than the store knew of, but while it had just failed over. fences: (from, to) in microseconds."""
    begun = sorted(e.time_us for e in ledger)
    at = looked = 0
    for now, spent, reserved in watch.seen:
        while at < len(begun) and begun[at] <= now:
            at += 1
        if not any(a <= now <= b for a, b in fences):
            assert at * cost <= spent + reserved, f"at {now} upstream had cost {at * cost}, the store knew of {spent} + {reserved}"
            looked += 1
    return looked
