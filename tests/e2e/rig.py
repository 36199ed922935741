# SPDX-License-Identifier: Apache-2.0
"""What the tests stand on: a Weir and a scripted provider, each a process of its own with its own folder and port."""

import base64
import contextlib
import ctypes
import hashlib
import itertools
import json
import os
import re
import secrets
import select
import signal
import socket
import subprocess
import time
from decimal import Decimal
from pathlib import Path

import httpx
import openai

ROOT = Path(__file__).resolve().parents[2]
PRICE = {"input": 2.5, "output": 10, "cached_input": 1.25}


def newest(pattern):
    found = sorted(ROOT.glob(pattern), key=lambda p: p.stat().st_mtime)
    return found[-1] if found else None


WEIR_BIN = os.environ.get("WEIR_BIN") or newest("build/*/weir") or newest("build/weir")
PROVIDER_BIN = (os.environ.get("PROVIDER_BIN") or os.environ.get("WEIR_PROVIDER_BIN")
                or newest("build/*/tests/scripted-provider"))
# Sanitizers make everything slower: what is measured in seconds is scaled by this.
SLOWER = 4 if os.environ.get("WEIR_BUILD") in ("asan", "tsan") else 1


def sha256(text):
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()


def _own_ports(block=500):
    """A block of ports that no other run on this machine uses: an abstract socket says whose it is for as long as we live."""
    for first in range(10000, 32000, block):
        mine = socket.socket(socket.AF_UNIX)
        with contextlib.suppress(OSError):
            mine.bind(f"\0weir-tests-ports-{first}")
            _own_ports.mark = mine
            return itertools.cycle(range(first, first + block))
        mine.close()
    raise AssertionError("every block of ports is in use by other runs")


_ports = _own_ports()


def free_port():
    for port in _ports:
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def eventually(condition, seconds=15.0, why="it did not become true"):
    """Waits until condition() is true, and returns what it said. It gives up late: a loaded machine is no mistake of Weir's."""
    end = time.monotonic() + seconds * SLOWER
    while True:
        got = condition()
        if got:
            return got
        if time.monotonic() > end:
            raise AssertionError(f"{why} within {seconds * SLOWER:g} s (last: {got!r})")
        time.sleep(0.02)


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Process(subprocess.Popen):
    def wait(self, timeout=None):
        """Awaits the end; subprocess would look for it every 50 ms."""
        if timeout is not None and self.poll() is None:
            fd = os.pidfd_open(self.pid)
            ending = select.poll()
            ending.register(fd, select.POLLIN)
            ending.poll(timeout * 1000)
            os.close(fd)
            timeout = 0.1
        return super().wait(timeout)


def spawn(words, **how):
    return Process([str(w) for w in words], preexec_fn=_die_with_parent, stdin=subprocess.DEVNULL, **how)


class Entry:
    """One request as the provider's ledger has it."""

    def __init__(self, begin, end):
        self.__dict__.update({k: v for k, v in (end or {}).items() if k not in ("at", "time_us", "monotonic_ns")})
        self.__dict__.update({k: v for k, v in begin.items() if k != "at"})
        self.over = end is not None
        self.began_ns, self.ended_ns = begin["monotonic_ns"], end and end["monotonic_ns"]

    def header(self, name):
        got = [v for k, v in self.headers if k.lower() == name.lower()]
        assert len(got) < 2, f"{name} came more than once"
        return got[0] if got else None

    def __repr__(self):
        return f"<Entry {self.__dict__}>"


class Provider:
    """The scripted provider. See tests/rig/provider/README.md for what a script may say."""

    def __init__(self, folder, *, script=None, tls=None, client_ca=None, expect_key=None, port=0, bodies=True):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ledger_path, self.bodies_path = self.folder / "ledger.jsonl", self.folder / "bodies.jsonl"
        self.key = "sk-prov-" + secrets.token_hex(16)
        words = [PROVIDER_BIN, "--port", port, "--ledger", self.ledger_path]
        if bodies:
            words += ["--keep-bodies", self.bodies_path]
        if script is not None:
            (self.folder / "script.json").write_text(json.dumps(script))
            words += ["--script", self.folder / "script.json"]
        if tls:
            words += ["--cert", tls[0], "--key", tls[1]]
        if client_ca:
            words += ["--client-ca", client_ca]
        if expect_key:
            words += ["--expect-key-sha256", sha256(expect_key)]
        self.process = spawn(words, stdout=subprocess.PIPE, text=True)
        self.origin = self.process.stdout.readline().rsplit(" ", 1)[1].strip()
        self.port = int(self.origin.rsplit(":", 1)[1])
        self.tls = bool(tls)

    @property
    def url(self):
        return self.origin + "/v1"

    def script(self, **script):
        """From now on, this is how it answers."""
        answer = httpx.put(self.origin + "/_/script", json=script, verify=False)
        assert answer.status_code == 204, answer

    def release(self):
        """What is held goes on."""
        assert httpx.put(self.origin + "/_/release", verify=False).status_code == 204

    def ledger(self):
        begun, over = {}, {}
        for line in self.ledger_path.read_text().splitlines():
            entry = json.loads(line)
            (begun if entry["at"] == "begin" else over)[entry["id"]] = entry
        return [Entry(b, over.get(i)) for i, b in begun.items()]

    def last(self):
        """The last request, once its answer is over."""
        return eventually(lambda: (e := self.ledger()) and e[-1].over and e[-1])

    def bodies(self):
        lines = self.bodies_path.read_text().splitlines()
        return {e["id"]: base64.b64decode(e["body"]) for e in map(json.loads, lines)}

    def last_body(self):
        return list(self.bodies().values())[-1]

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(10)
        self.process.stdout.close()


def merged(base, change):
    """Maps merge key by key; None takes a key away; everything else replaces."""
    if not isinstance(base, dict) or not isinstance(change, dict):
        return change
    out = dict(base)
    for key, value in change.items():
        if value is None:
            out.pop(key, None)
        else:
            out[key] = merged(out.get(key), value)
    return out


def as_yaml(policy):
    """JSON is YAML; but Weir's numbers have no exponents."""
    return re.sub(r"\b\d+(?:\.\d+)?e-\d+\b", lambda m: format(Decimal(m.group()), "f"), json.dumps(policy, indent=1))


def tool(name, **more):
    return {"type": "function", "function": {"name": name, "description": f"The tool {name}.", "parameters": {
        "type": "object", "properties": {"order_id": {"type": "string"}}}, **more}}


FOUR_TOOLS = [tool(n) for n in ("lookup_order", "search_kb", "create_ticket", "delete_order")]


class Weir:
    """One gateway. Agents: app has three of four tools, full has all, bare has none; each its own key, made here."""

    def __init__(self, folder, provider=None, *, agents=("app", "full", "bare"), env=None, **change):
        self.folder = Path(folder)
        self.state = self.folder / "state"
        self.config = self.folder / "policy.yaml"
        self.state.mkdir(parents=True, exist_ok=True)
        self.log_path, self.err_path = self.folder / "weir.log", self.folder / "weir.err"
        self.log_path.touch()
        self.err_path.touch()
        self.port, self.health_port = free_port(), free_port()
        self.provider = provider
        self.tool_servers = []  # what its plain HTTP tools are asked of
        self.keys = {a: f"agent-{a}-" + secrets.token_hex(16) for a in agents}
        self.canaries = list(self.keys.values()) + ([provider.key] if provider else [])
        self.env = {"PATH": os.environ["PATH"], "STATE_DIRECTORY": str(self.state),
                    "PROVIDER_KEY": provider.key if provider else "", **(env or {})}
        self.env.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})
        self.change = change
        self.process = None
        self.last_metrics = None
        self.write_policy()

    # Its policy

    def policy(self, **change):
        tools = ["lookup_order", "search_kb", "create_ticket"]
        models = {"gpt-4o": {"upstream": "openai", "price": PRICE}, "gpt-4o-mini": {"upstream": "openai", "price": PRICE},
                  "embed": {"upstream": "openai", "price": {"input": 0.02, "output": 0}}}
        base = {
            "version": 1,
            "listeners": {"agents": {"address": f"127.0.0.1:{self.port}"},
                          "health": {"address": f"127.0.0.1:{self.health_port}"}},
            "upstreams": {"openai": {"api": "openai", "url": self.provider.url if self.provider else None,
                                     "credential": {"api_key": "${env:PROVIDER_KEY}"}}},
            "models": models,
            "tools": {t: {} for t in tools + ["delete_order"]},
            "agents": {a: {"identity": [{"api_key": "sha256:" + sha256(k)}],
                           "tools": [] if a == "bare" else tools + ["delete_order"] if a == "full" else tools}
                       for a, k in self.keys.items()},
            "drain": {"quiet": "2s", "hard": "5s"},
            "workers": 2,
        }
        out = merged(merged(base, self.change), change)
        for agent in out["agents"].values():
            agent.setdefault("models", list(out["models"]))
        return out

    def write_policy(self, text=None, **change):
        self.in_force = self.policy(**change)
        new = self.config.with_name(".policy.new")
        new.write_text(as_yaml(self.in_force) if text is None else text)
        new.replace(self.config)

    def allowed_tools(self):
        listed = [set(a.get("tools", [])) for a in self.in_force["agents"].values()]
        return None if any("any-local" in t for t in listed) else set().union(*listed)

    # Its life

    def start(self, words=None, ready=True):
        with open(self.log_path, "ab") as log, open(self.err_path, "ab") as err:
            self.process = spawn([WEIR_BIN, *(words or ["run", "-c", self.config])], stdout=log, stderr=err, env=self.env,
                                 cwd=self.folder)
        return self.await_ready() if ready else self

    def await_ready(self):
        eventually(self.is_ready, 10, f"Weir was not ready; it said: {self.err_path.read_text()[-2000:]}")
        return self

    def is_ready(self):
        assert self.process.poll() is None, f"Weir ended with {self.process.returncode}: {self.err_path.read_text()[-3000:]}"
        with contextlib.suppress(httpx.TransportError):
            return self.health("/readyz").status_code == 200 and self.process.poll() is None

    def stop(self, how=signal.SIGTERM, seconds=15):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(seconds * SLOWER) if self.process else None

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def reload(self, text=None, good=True, **change):
        """Writes the policy anew, asks for a reload, and waits until Weir has said what it thinks of it."""
        seen = self.reloads()
        self.write_policy(text, **change)
        self.process.send_signal(signal.SIGHUP)
        eventually(lambda: self.reloads() > seen, 5, "no word about the reload")
        assert (self.metric("weir_config_last_reload_successful") == 1) == good

    def reloads(self):
        words = ("policy reloaded", "has mistakes and is not taken", "cannot be put in force")
        return sum(1 for line in self.lines() if any(w in line.get("msg", "") for w in words))

    # What it can be asked

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def headers(self, agent="app"):
        return {"authorization": "Bearer " + self.keys[agent]} if agent else {}

    def http(self, agent="app", **how):
        return httpx.Client(base_url=self.url, headers=self.headers(agent), timeout=30 * SLOWER, trust_env=False,
                            verify=False, **how)

    def client(self, agent="app", kind=openai.OpenAI, **how):
        how = {"max_retries": 0, "timeout": 30.0 * SLOWER, "api_key": self.keys.get(agent, agent), **how}
        return kind(base_url=self.url + "/v1", **how)

    def chat(self, agent="app", *, script=None, headers=None, model="gpt-4o", **body):
        """One chat call as plain HTTP; returns the httpx answer, read whole."""
        body = {"model": model, "messages": [{"role": "user", "content": "Where is order A-1?"}], **body}
        with self.http(agent) as http:
            return http.post("/v1/chat/completions", json=body,
                             headers={**(scripted(**script) if script is not None else {}), **(headers or {})})

    def connect(self, timeout=10):
        s = socket.create_connection(("127.0.0.1", self.port), timeout=timeout * SLOWER)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    def health(self, path, **how):
        return httpx.get(f"http://127.0.0.1:{self.health_port}{path}", timeout=10 * SLOWER, trust_env=False, verify=False, **how)

    def metrics(self):
        """{(name, labels as a frozenset of pairs): Decimal}"""
        found = {}
        for line in self.health("/metrics").text.splitlines():
            if not line or line.startswith("#"):
                continue
            sample = re.match(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)", line)
            assert sample, f"not a line of metrics: {line}"
            name, labels, value = sample.groups()
            pairs = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or "")
            found[name, frozenset(pairs)] = Decimal(value)
        self.last_metrics = found
        return found

    def metric(self, name, /, _from=None, **labels):
        """The sum over all series of that name with these labels."""
        return sum(v for (n, ls), v in (_from or self.metrics()).items() if n == name and set(labels.items()) <= set(ls))

    def lines(self):
        out = []
        for line in self.log_path.read_text(errors="replace").split("\n")[:-1]:
            out.append(json.loads(line, parse_float=Decimal))
        return out

    def said(self, what, n=1):
        """The log's lines whose message has these words, or of which what says so, once there are n: the log is written
        behind the answer, so a line is waited for and never looked up."""
        has = what if callable(what) else lambda line: what in line.get("msg", "")
        return eventually(lambda: len(found := [line for line in self.lines() if has(line)]) >= n and found,
                          why=f"the log does not say {what!r} {n} times")

    def ended_calls(self, n=0):
        """The log's lines about calls in the order in which they were written, once there are n."""
        def found():
            return [line for line in self.lines() if line.get("msg") == "call"]
        return eventually(lambda: len(c := found()) >= n and c, why=f"there are no {n} calls in the log") if n else found()

    def calls(self, n=0):
        """The same in the order in which the calls began."""
        return sorted(self.ended_calls(n), key=lambda line: line["request_id"])

    def last_call(self, n=1):
        """The log's line about the n-th call, which must be the last to begin: workers write their lines in any order."""
        return self.calls(n)[-1]

    def resident_kib(self):
        """Of no use under a sanitizer, which keeps what is freed: 0 there."""
        return 0 if SLOWER > 1 else int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.process.pid}/status").read_text()).group(1))


def scripted(**script):
    """The header that tells the provider what to do; as_ stands for as."""
    if "as_" in script:
        script["as"] = script.pop("as_")
    return {"x-script": json.dumps(script)}


def code_of(answer):
    """The refusal's code, which stands in two places and must be the same in both."""
    inside = answer.json()["error"]["weir"]["code"]
    assert answer.headers["x-weir-code"] == inside
    return inside


def events(answer):
    """The data of each server-sent event of an httpx answer, parsed where it is JSON."""
    text = answer.text if hasattr(answer, "text") else answer
    found = []
    for block in re.split(r"\r?\n\r?\n", text):
        data = [line[5:].removeprefix(" ") for line in re.split(r"\r?\n", block) if line.startswith("data:")]
        if data:
            joined = "\n".join(data)
            found.append(joined if joined == "[DONE]" else json.loads(joined))
    return found


class Heard:
    """What an agent has understood of a streamed chat answer."""

    def __init__(self, chunks):
        self.text, self.calls, self.finish, self.usage, self.errors, self.done = {}, {}, {}, None, [], False
        for chunk in chunks:
            if chunk == "[DONE]":
                self.done = True
                continue
            if "error" in chunk:
                self.errors.append(chunk["error"])
                continue
            self.usage = chunk.get("usage") or self.usage
            for choice in chunk["choices"]:
                self._add(choice)

    def _add(self, choice):
        at, delta = choice["index"], choice.get("delta") or {}
        self.text[at] = self.text.get(at, "") + (delta.get("content") or delta.get("refusal") or "")
        self.finish[at] = choice.get("finish_reason") or self.finish.get(at)
        calls = self.calls.setdefault(at, [])
        if delta.get("function_call"):
            delta = {"tool_calls": [{"index": 0, "function": delta["function_call"]}]}
        for part in delta.get("tool_calls") or []:
            assert part["index"] <= len(calls), "an index is left out: SDKs break"
            if part["index"] == len(calls):
                calls.append({"id": None, "name": "", "arguments": ""})
            call, said = calls[part["index"]], part.get("function") or part.get("custom") or {}
            call["id"] = part.get("id") or call["id"]
            call["name"] += said.get("name") or ""
            call["arguments"] += said.get("arguments") or said.get("input") or ""

    def names(self, choice=0):
        return [c["name"] for c in self.calls.get(choice, [])]


def read_answers(data):
    """Whole HTTP/1.1 answers in data: [(status, {name: value}, body)]; the last may be cut."""
    found = []
    while b"\r\n\r\n" in data:
        head, data = data.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        status = int(first.split(" ")[1])
        headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines)}
        if status < 200:
            found.append((status, headers, b""))
            continue
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while b"\r\n" in data:
                size, data = data.split(b"\r\n", 1)
                size = int(size, 16)
                body, data = body + data[:size], data[size + 2:]
                if not size:
                    break
        else:
            length = int(headers.get("content-length", 0))
            body, data = data[:length], data[length:]
        found.append((status, headers, body))
    return found


def receive(s, until=lambda data: False, seconds=10):
    """Everything until the other side closes, or until says so."""
    data, end = b"", time.monotonic() + seconds * SLOWER
    s.settimeout(0.2)
    while time.monotonic() < end and not until(data):
        try:
            part = s.recv(65536)
        except TimeoutError:
            continue
        except ConnectionResetError:
            break
        if not part:
            break
        data += part
    return data
