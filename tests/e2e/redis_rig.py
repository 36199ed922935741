# SPDX-License-Identifier: Apache-2.0
"""Real Redis servers: single, with a replica, watched by sentinels, as a cluster; killed, frozen, filled and moved. All on loopback,
each in a folder of its own, ended by its process id."""

import contextlib
import signal
import socket
import threading
import time
from pathlib import Path

from rig import eventually, free_port, spawn

SLOTS = 16384
# Debian's redis-server package would start a service; redis-tools has the program too, and it is what it is called as.
PLACES = ("/usr/bin/redis-server", "/usr/local/bin/redis-server", "/bin/redis-server", "/usr/bin/redis-check-rdb")
PROGRAM = next((p for p in PLACES if Path(p).exists()), None)


class Refused(Exception):
    """An error that a server answered."""


class Link:
    """One blocking connection that speaks RESP2."""

    def __init__(self, port, seconds=5):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=seconds)
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def send(self, *words):
        words = [str(w).encode() for w in words]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))

    def read(self, raw=False):
        """raw: texts as bytes."""
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionResetError
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            return Refused(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            text = None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
            return text if raw or text is None else text.decode()
        if kind == b"*":
            return [self.read(raw) for _ in range(int(rest))]
        return rest.decode()

    def do(self, *words, raw=False):
        self.send(*words)
        got = self.read(raw)
        if isinstance(got, Refused):
            raise got
        return got


class Server:
    """One redis-server, or a sentinel. Port and folder stay over stop and start; data does not, unless it is asked to (append)."""

    def __init__(self, folder, *, sentinel=False, cluster=False, append=False, more=()):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port, self.is_sentinel, self.process = free_port(), sentinel, None
        lines = [f"port {self.port}", "bind 127.0.0.1", f"dir {self.folder}", "daemonize no", f"logfile {self.folder}/log"]
        if not sentinel:
            lines += ['save ""', f"appendonly {'yes' if append else 'no'}", "appendfsync no", "repl-diskless-sync-delay 0",
                      "repl-ping-replica-period 1"]
        if cluster:
            self.bus = free_port()
            lines += ["cluster-enabled yes", f"cluster-port {self.bus}", "cluster-config-file nodes", "cluster-node-timeout 2000",
                      "cluster-require-full-coverage no"]
        (self.folder / "conf").write_text("\n".join([*lines, *more]) + "\n")

    def start(self, *words):
        words = ["redis-server", self.folder / "conf", *words, *(["--sentinel"] if self.is_sentinel else [])]
        self.process = spawn(words, executable=PROGRAM, stdout=-3, stderr=-3)
        eventually(self.answers, 20, f"a redis-server does not answer; see {self.folder}/log")
        return self

    def answers(self):
        assert self.process.poll() is None, f"a redis-server ended; see {self.folder}/log"
        with contextlib.suppress(OSError, Refused):
            return self.do("PING") == "PONG"
        return False

    def do(self, *words):
        link = Link(self.port)
        try:
            return link.do(*words)
        finally:
            link.close()

    def store(self, **more):
        """For a policy."""
        return {"kind": "redis", "url": f"redis://127.0.0.1:{self.port}", **more}

    def info(self, section):
        return dict(line.split(":", 1) for line in self.do("INFO", section).splitlines() if ":" in line)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait()

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def pause(self, seconds):
        self.do("CLIENT", "PAUSE", int(seconds * 1000), "ALL")

    def fill(self):
        """From now on there is no room for more."""
        self.do("CONFIG", "SET", "maxmemory-policy", "noeviction")
        self.do("CONFIG", "SET", "maxmemory", "1")

    def empty(self):
        self.do("CONFIG", "SET", "maxmemory", "0")

    def follow(self, master):
        self.do("REPLICAOF", "127.0.0.1", master.port)

    def lead(self):
        self.do("REPLICAOF", "NO", "ONE")

    def is_in_step(self):
        told = self.info("replication")
        return told["role"] == "slave" and told["master_link_status"] == "up" and told["master_sync_in_progress"] == "0"


class Watched:
    """A master, its replica, and three sentinels that agree on who is the master."""

    NAME = "weir"

    def __init__(self, folder):
        folder = Path(folder)
        self.servers = [Server(folder / f"server{i}").start() for i in range(2)]
        self.follow(self.servers[1], self.servers[0])
        self.sentinels = []
        for i in range(3):
            self.sentinels.append(Server(folder / f"sentinel{i}", sentinel=True, more=[
                f"sentinel monitor {self.NAME} 127.0.0.1 {self.servers[0].port} 2", f"sentinel down-after-milliseconds {self.NAME} 400",
                f"sentinel failover-timeout {self.NAME} 3000"]).start())
        eventually(lambda: all(self.knows_all(s) for s in self.sentinels), 20, "the sentinels do not find each other")

    def store(self, **more):
        """For a policy."""
        addresses = [f"127.0.0.1:{s.port}" for s in self.sentinels]
        return {"kind": "redis", "sentinel": {"master": self.NAME, "addresses": addresses}, **more}

    def knows_all(self, sentinel):
        told = sentinel.do("SENTINEL", "MASTER", self.NAME)
        told = dict(zip(told[::2], told[1::2]))
        return told["num-other-sentinels"] == "2" and told["num-slaves"] == "1" and told["flags"] == "master"

    def follow(self, replica, master):
        replica.follow(master)
        eventually(replica.is_in_step, 20, "the replica does not follow")

    def master(self):
        """Whom the sentinels name; that one has to say so too."""
        said = {s.do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.NAME)[1] for s in self.sentinels}
        for s in self.servers:
            with contextlib.suppress(OSError, Refused):
                if said == {str(s.port)} and s.info("replication")["role"] == "master":
                    return s

    def replica(self):
        return next(s for s in self.servers if s is not self.master())

    def succeeded(self, old):
        """Waits until another one than old is the master, and returns it."""
        return eventually(lambda: (m := self.master()) and m is not old and m, 30, "nobody takes over")

    def rejoin(self, server):
        """A server that died comes back as the replica of who is the master now."""
        self.follow(server.start("--replicaof", "127.0.0.1", self.master().port), self.master())

    def kill(self):
        for s in self.sentinels + self.servers:
            s.kill()


class Cluster:
    """Three masters, each with a third of the slots."""

    def __init__(self, folder):
        self.servers = [Server(Path(folder) / f"server{i}", cluster=True).start() for i in range(3)]
        for i, s in enumerate(self.servers):
            s.do("CLUSTER", "ADDSLOTSRANGE", SLOTS * i // 3, SLOTS * (i + 1) // 3 - 1)
            s.do("CLUSTER", "SET-CONFIG-EPOCH", i + 1)
            s.id = s.do("CLUSTER", "MYID")
            if i:
                s.do("CLUSTER", "MEET", "127.0.0.1", self.servers[0].port, self.servers[0].bus)
        eventually(lambda: all(self.is_whole(s) for s in self.servers), 30, "the cluster does not come together")

    def store(self, **more):
        return {"kind": "redis", "cluster": True, "url": [f"redis://127.0.0.1:{s.port}" for s in self.servers], **more}

    def is_whole(self, s):
        told = s.do("CLUSTER", "INFO")
        return all(w in told for w in ("cluster_state:ok", f"cluster_slots_assigned:{SLOTS}", "cluster_known_nodes:3"))

    def slot_of(self, key):
        return self.servers[0].do("CLUSTER", "KEYSLOT", key)

    def owner(self, slot):
        """Of a slot, as itself says: its view is the first that is true."""
        for s in self.servers:
            for first, last, node, *_ in s.do("CLUSTER", "SLOTS"):
                if first <= slot <= last and node[2] == s.id:
                    return s

    def move(self, slot, to, rest=0.0):
        """Moves a slot key by key while it is used, as redis-cli --cluster reshard does; rest: between two keys."""
        of = self.owner(slot)
        to.do("CLUSTER", "SETSLOT", slot, "IMPORTING", of.id)
        of.do("CLUSTER", "SETSLOT", slot, "MIGRATING", to.id)
        moved = 0
        while keys := of.do("CLUSTER", "GETKEYSINSLOT", slot, 10):
            for key in keys:
                of.do("MIGRATE", "127.0.0.1", to.port, key, 0, 5000)
                moved += 1
                time.sleep(rest)
        for s in (to, of, *self.servers):
            s.do("CLUSTER", "SETSLOT", slot, "NODE", to.id)
        return moved

    def kill(self):
        for s in self.servers:
            s.kill()


class Slow:
    """Passes bytes on to a server, each piece some seconds late in either direction, in the order in which they came."""

    def __init__(self, port):
        self.to, self.seconds = port, 0.0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", self.to))
                except OSError:
                    near.close()
                    continue
                for a, b in ((near, far), (far, near)):
                    a.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    threading.Thread(target=self._pass, args=(a, b), daemon=True).start()

    def _pass(self, a, b):
        with contextlib.suppress(OSError):
            while data := a.recv(65536):
                if self.seconds:
                    time.sleep(self.seconds)
                b.sendall(data)
        for s in (a, b):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)

    def store(self, **more):
        return {"kind": "redis", "url": f"redis://127.0.0.1:{self.port}", **more}

    def kill(self):
        self.listener.close()
