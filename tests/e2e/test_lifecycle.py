# SPDX-License-Identifier: Apache-2.0
"""How Weir starts, stops, and keeps company with another command."""

import json
import os
import signal
import socket
import subprocess
import threading
import time

import httpx
import pytest

from rig import SLOWER, WEIR_BIN, Heard, code_of, eventually, events, free_port


def stream_in_thread(weir, **script):
    done = []
    thread = threading.Thread(target=lambda: done.append(weir.chat(stream=True, script=script)))
    thread.start()
    eventually(weir.provider.ledger)
    return thread, done


def test_sigterm_lets_streams_end_whole(weir, provider):
    thread, done = stream_in_thread(weir, text="word " * 10, deltas=10, held=5)
    weir.process.send_signal(signal.SIGTERM)
    eventually(lambda: weir.health("/readyz").status_code == 503, 5)
    assert weir.health("/healthz").status_code == 200
    provider.release()
    thread.join()
    heard = Heard(events(done[0]))
    assert heard.text[0] == "word " * 10 and heard.done and heard.finish[0] == "stop"
    assert weir.process.wait(10 * SLOWER) == 0
    (line,) = weir.calls()
    assert line["code"] == "ok" and not line["estimated"]


def test_a_connection_that_is_left_open_by_its_peer_leaves_nothing_behind(weir):
    with weir.connect() as peer:
        peer.sendall(b"no request at all\r\n\r\n")
        assert peer.recv(65536).startswith(b"HTTP/1.1 400")
        assert weir.stop(signal.SIGINT) == 0, weir.err_path.read_text()[-2000:]
    assert not [line for line in weir.lines() if "handles open" in line.get("msg", "")]


def test_sigterm_ends_what_does_not_end_well_formed(start_weir, provider):
    weir = start_weir(provider, drain={"quiet": "1s", "hard": "2s"})
    thread, done = stream_in_thread(weir, text="word " * 400, deltas=400, event_delay_ms=200)
    begun = time.monotonic()
    weir.process.send_signal(signal.SIGTERM)
    thread.join()
    assert time.monotonic() - begun < 8 * SLOWER
    heard = Heard(events(done[0]))
    assert heard.done and "shutting_down" in done[0].text and heard.errors == []
    assert weir.process.wait(10 * SLOWER) == 0
    (line,) = weir.calls()
    assert line["code"] == "shutting_down" and line["estimated"]


def test_sigterm_with_nothing_under_way_is_quick(weir):
    weir.chat()
    begun = time.monotonic()
    assert weir.stop() == 0
    assert time.monotonic() - begun < 3 * SLOWER
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", weir.port), 1)


def test_kept_connections_do_not_hold_up_the_end(weir):
    with weir.http() as http:
        http.get("/v1/models")
        assert weir.stop() == 0


def test_while_draining_calls_are_still_answered_and_told_to_close(weir, provider):
    thread, _ = stream_in_thread(weir, text="word " * 5, deltas=5, held=3)
    kept = weir.http()
    kept.get("/v1/models")
    weir.process.send_signal(signal.SIGTERM)
    eventually(lambda: weir.health("/readyz").status_code == 503, 5)
    answer = kept.get("/v1/models")
    assert answer.status_code == 200 or code_of(answer) == "shutting_down"
    provider.release()
    thread.join()
    kept.close()
    assert weir.process.wait(15 * SLOWER) == 0


def test_a_second_process_on_the_same_state_is_refused(weir, provider, weir_command):
    other = weir.policy(listeners={"agents": {"address": f"127.0.0.1:{free_port()}"}, "health": {"address": f"127.0.0.1:{free_port()}"}})
    path = weir.folder / "other.yaml"
    path.write_text(json.dumps(other))
    done = weir_command("run", "-c", path, env=weir.env)
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert str(weir.state) in said or "state" in said, said
    assert weir.chat().status_code == 200


def test_an_address_that_is_taken_is_named(weir, provider, weir_command, tmp_path):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        address = "127.0.0.1:%d" % s.getsockname()[1]
        path = weir.folder / "other.yaml"
        path.write_text(json.dumps(weir.policy(listeners={"agents": {"address": address}, "health": {"address": "none"}})))
        done = weir_command("run", "-c", path, env={**weir.env, "STATE_DIRECTORY": str(tmp_path / "elsewhere")})
    assert done.returncode == 1 and address in done.stdout + done.stderr


def test_after_a_kill_it_starts_again(weir):
    weir.chat()
    weir.kill()
    weir.log_path.write_text("")
    weir.provider.ledger_path.write_text("")
    weir.start()
    assert weir.chat().status_code == 200


def test_the_state_is_its_owners_only(weir):
    assert weir.state.stat().st_mode & 0o777 == 0o700 or all(p.stat().st_mode & 0o077 == 0 for p in weir.state.iterdir())
    assert any(weir.state.iterdir()), "no lock, no key"


# With a command

CHILD = """
import json, os, urllib.request
request = urllib.request.Request(os.environ["OPENAI_BASE_URL"] + "/chat/completions", json.dumps(
    {"model": "gpt-4o", "messages": [{"role": "user", "content": "?"}]}).encode(),
    {"authorization": "Bearer " + os.environ["OPENAI_API_KEY"], "content-type": "application/json"})
answer = json.load(urllib.request.urlopen(request))
print(json.dumps({"said": answer["choices"][0]["message"]["content"][:9], "provider_key": os.environ.get("PROVIDER_KEY"),
                  "base": os.environ["OPENAI_BASE_URL"], "anthropic": os.environ.get("ANTHROPIC_BASE_URL"), "key": os.environ["OPENAI_API_KEY"]}))
raise SystemExit(7)
"""


def run_child(weir, *words):
    return subprocess.run([WEIR_BIN, "run", "-c", weir.config, *words], env=weir.env, capture_output=True, text=True,
                          timeout=60, stdin=subprocess.DEVNULL)


@pytest.mark.unreconciled
def test_a_command_runs_with_its_own_key_and_without_the_providers(start_weir, provider, tmp_path):
    (tmp_path / "child.py").write_text(CHILD)
    weir = start_weir(provider, ready=None, agents=("app",))
    done = run_child(weir, "--", "python3", str(tmp_path / "child.py"))
    assert done.returncode == 7, done.stdout + done.stderr
    told = json.loads(next(line for line in done.stdout.splitlines() if '"said"' in line))
    assert told["said"] == "The order" and told["provider_key"] is None
    assert told["base"] == weir.url + "/v1" and told["anthropic"] == weir.url
    assert told["key"] != provider.key and told["key"].startswith("weir_")
    assert told["key"] not in (done.stderr + done.stdout).replace(json.dumps(told), "")
    assert len(provider.ledger()) == 1


@pytest.mark.unreconciled
def test_with_several_agents_the_commands_agent_is_named(start_weir, provider, tmp_path):
    (tmp_path / "child.py").write_text(CHILD)
    weir = start_weir(provider, ready=None)
    assert run_child(weir, "--", "true").returncode not in (0,)
    assert run_child(weir, "--agent", "nobody", "--", "true").returncode not in (0,)
    assert run_child(weir, "--agent", "full", "--", "python3", str(tmp_path / "child.py")).returncode == 7


@pytest.mark.unreconciled
def test_a_command_that_is_not_there_or_dies_is_reported(start_weir, provider):
    weir = start_weir(provider, ready=None, agents=("app",))
    assert run_child(weir, "--", "/no/such/command").returncode in (1, 126, 127)
    assert run_child(weir, "--", "sh", "-c", "kill -9 $$").returncode in (137, 1)
    assert run_child(weir, "--", "true").returncode == 0


@pytest.mark.unreconciled
def test_a_signal_reaches_the_command(start_weir, provider):
    weir = start_weir(provider, ready=None, agents=("app",))
    mark = weir.folder / "mark"
    process = subprocess.Popen([WEIR_BIN, "run", "-c", weir.config, "--", "sh", "-c",
                                f"trap 'echo got > {mark}; exit 5' TERM; echo up > {mark}; while :; do sleep 0.05; done"],
                               env=weir.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(mark.exists, 10)
        process.send_signal(signal.SIGTERM)
        assert process.wait(15 * SLOWER) == 5
        assert mark.read_text() == "got\n"
    finally:
        process.kill()


# Without a file

def port_is_free(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


@pytest.mark.skipif(not (port_is_free(4000) and port_is_free(4002)), reason="ports 4000 and 4002 are in use here")
@pytest.mark.unreconciled
def test_without_a_file_it_serves_a_laptop(start_weir, tmp_path):
    weir = start_weir(None, ready=None)
    weir.port, weir.health_port, weir.env["OPENAI_API_KEY"] = 4000, 4002, "sk-canary-of-the-laptop"
    weir.canaries.append("sk-canary-of-the-laptop")
    weir.start(["run"])
    eventually(lambda: all(w in (weir.err_path.read_text() + weir.log_path.read_text()).lower() for w in ("any-local", "budget")))
    listed = httpx.get("http://127.0.0.1:4000/v1/models", trust_env=False)
    assert listed.status_code == 200
    assert httpx.get("http://127.0.0.1:4000/v1/models", headers={"origin": "https://evil.example"}, trust_env=False).status_code == 403


def test_without_a_file_and_without_a_key_it_says_what_to_do(weir_command, tmp_path):
    done = weir_command("run", env={"PATH": os.environ["PATH"], "STATE_DIRECTORY": str(tmp_path)}, cwd=tmp_path)
    assert done.returncode != 0 and "OPENAI_API_KEY" in done.stdout + done.stderr


def test_healthcheck_says_whether_it_is_ready(weir, weir_command):
    assert weir_command("healthcheck", "-c", weir.config, env=weir.env).returncode == 0
    weir.stop()
    assert weir_command("healthcheck", "-c", weir.config, env=weir.env).returncode == 1


def test_text_logs_are_for_people(start_weir, provider):
    weir = start_weir(provider, ready=None)
    weir.provider = None
    weir.lines = lambda: []
    weir.start(["run", "-c", str(weir.config), "--log-format", "text"])
    weir.chat()
    eventually(lambda: "app" in weir.log_path.read_text() and "gpt-4o" in weir.log_path.read_text())
    assert not weir.log_path.read_text().splitlines()[-1].startswith("{")


def test_a_secret_that_cannot_be_read_stops_the_start(start_weir, provider, weir_command, tmp_path):
    weir = start_weir(provider, ready=None)
    weir.write_policy(upstreams={"openai": {"credential": {"api_key": "${file:/nonexistent/key}"}}})
    done = weir_command("run", "-c", weir.config, env=weir.env)
    assert done.returncode == 1 and "/nonexistent/key" in done.stdout + done.stderr
