# SPDX-License-Identifier: Apache-2.0
"""Many clients at once, cheap enough not to be what is measured: raw HTTP/1.1 on asyncio in a thread of its own. Each call has a
number, which goes upstream in `x-call` and into Weir's records as its workflow, so that every side can be asked about it."""

import asyncio
import itertools
import json
import random
import threading
import time

from rig import SLOWER, eventually

BODY = json.dumps({"model": "gpt-4o", "max_tokens": 100, "messages": [{"role": "user", "content": "x"}]}).encode()
LOST = None  # the status of a call whose connection ended, or that hung: it may have run


class Call:
    """One call as its client saw it: status None when the connection ended without an answer."""

    def __init__(self, number, weir):
        self.number, self.weir, self.began, self.ended = number, weir, time.monotonic(), None
        self.status = self.code = self.request_id = self.answer = None

    @property
    def seconds(self):
        return self.ended - self.began

    def __repr__(self):
        return f"<Call {self.__dict__}>"


def header_of(head, name):
    at = head.find(b"\r\n" + name + b": ")
    return head[at + len(name) + 4:head.index(b"\r\n", at + 2)].decode() if at >= 0 else None


class Client:
    """One client, which goes from one Weir to the next when a connection fails."""

    def __init__(self, herd, i):
        self.herd, self.at = herd, i % len(herd.weirs)
        self.reader = self.writer = None

    def close(self):
        if self.writer:
            self.writer.transport.abort()
        self.reader = self.writer = None

    async def exchange(self, call):
        if not self.writer:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.herd.weirs[self.at].port)
        self.writer.write(self.herd.head + f"x-call: {call.number}\r\nx-weir-workflow: {call.number}\r\n\r\n".encode() + self.herd.body)
        head = await self.reader.readuntil(b"\r\n\r\n")
        call.status, lower = int(head[9:12]), head.lower()
        call.answer = await self.reader.readexactly(int(header_of(lower, b"content-length")))
        call.code, call.request_id = header_of(lower, b"x-weir-code"), header_of(head, b"x-weir-request-id")
        if header_of(lower, b"connection") == "close":
            self.close()

    async def call(self):
        call = Call(next(self.herd.numbers), self.herd.weirs[self.at])
        try:
            await asyncio.wait_for(self.exchange(call), self.herd.patience)
        except (OSError, asyncio.IncompleteReadError):
            call.status = LOST
        except TimeoutError:
            call.status = LOST
            call.code = "hung"
        call.ended = time.monotonic()
        if call.status is LOST:
            self.close()
            self.at = (self.at + 1) % len(self.herd.weirs)
        self.herd.answered += call.status == 200
        self.herd.calls.append(call)
        return call

    async def live(self, rng):
        await asyncio.sleep(rng.random() * self.herd.ramp)
        while not self.herd.is_over:
            call = await self.call()
            if call.status != 200:
                await asyncio.sleep(self.herd.rest * (0.5 + rng.random()))
            elif self.herd.pause:
                await asyncio.sleep(self.herd.pause * (0.5 + rng.random()))
        self.close()


class Herd:
    """clients of one agent over all the Weirs. ramp: within so many seconds each begins; rest: what a client waits after a call
    that was not answered well; pause: after one that was; patience: what it waits for an answer, after which it hung."""

    def __init__(self, weirs, clients, *, agent="app", body=BODY, ramp=0.0, rest=0.05, pause=0.0, patience=15, seed=0, headers=None):
        self.weirs, self.clients, self.ramp, self.rest, self.pause = list(weirs), clients, ramp, rest, pause
        self.patience, self.seed, self.body = patience * SLOWER, seed, body
        words = {"host": "weir", "authorization": "Bearer " + weirs[0].keys[agent], "content-type": "application/json",
                 "content-length": len(body), **(headers or {})}
        self.head = b"POST /v1/chat/completions HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in words.items()).encode()
        self.calls, self.answered, self.numbers, self.is_over, self.failure = [], 0, itertools.count(1), False, None
        self.thread = threading.Thread(target=self._run)

    async def _all(self):
        rng = random.Random(self.seed)
        await asyncio.gather(*[Client(self, i).live(random.Random(rng.random())) for i in range(self.clients)])

    def _run(self):
        try:
            asyncio.run(self._all())
        except BaseException as e:
            self.failure = e

    def __enter__(self):
        self.began = time.monotonic()
        self.thread.start()
        return self

    def __exit__(self, *how):
        self.is_over = True
        self.thread.join()
        self.over_at = time.monotonic()
        if self.failure:
            raise self.failure

    def since(self, begin):
        """Calls that began at or after that instant of time.monotonic() and are over."""
        return [c for c in list(self.calls) if c.began >= begin]

    def until_refused(self, codes=("budget_exceeded",), *, seconds=20, calls=20, quiet=0.0):
        """Waits until no call goes through any more: so many that begin from here on, for so long, are all refused with that."""
        begin = time.monotonic()

        def is_dry():
            nonlocal begin
            assert self.thread.is_alive(), self.failure
            seen = [c for c in self.since(begin) if c.status is not LOST]
            if all(c.status == 429 and c.code in codes for c in seen):
                return len(seen) >= calls and time.monotonic() >= begin + quiet
            begin = time.monotonic()
        eventually(is_dry, seconds, f"calls still go through: {self.statuses()}")

    def statuses(self):
        found = {}
        for c in list(self.calls):
            key = 200 if c.status == 200 else c.code
            found[key] = found.get(key, 0) + 1
        return found
