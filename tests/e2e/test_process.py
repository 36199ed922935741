# SPDX-License-Identifier: Apache-2.0
"""What somebody who takes the process over would find: nothing to start, little to write, no core to read."""

import os
import re
import subprocess

import pytest

from rig import WEIR_BIN

pytestmark = pytest.mark.release

SANITISED = os.environ.get("WEIR_BUILD") in ("asan", "tsan")


def status(pid, task, name):
    text = open(f"/proc/{pid}/task/{task}/status").read()
    found = re.search(rf"^{name}:\s*(\S+)", text, re.M)
    return found and found[1]


def test_every_thread_is_confined(weir):
    assert weir.chat().status_code == 200
    pid = weir.process.pid
    (said,) = weir.said("confined")
    tasks = os.listdir(f"/proc/{pid}/task")
    assert len(tasks) >= 4  # control, log, health, one worker
    for task in tasks:
        assert status(pid, task, "NoNewPrivs") == "1"
        assert status(pid, task, "Seccomp") == ("0" if SANITISED else "2"), said
    assert (said["seccomp"] == "in force") != SANITISED and (said["level"] == "warn") == SANITISED
    if not SANITISED and os.path.exists("/sys/kernel/security/lsm") and "landlock" in open("/sys/kernel/security/lsm").read():
        assert said["landlock"].startswith("version "), said


def test_no_core_is_written_and_nobody_else_reads_what_it_makes(weir):
    limits = open(f"/proc/{weir.process.pid}/limits").read()
    assert re.search(r"Max core file size\s+0\s+0\s", limits)
    made = [entry for entry in os.scandir(weir.state) if entry.is_file()]
    assert made and all(entry.stat().st_mode & 0o077 == 0 for entry in made)


def test_a_socket_that_a_reload_puts_into_another_folder_is_refused_and_the_policy_stays(start_weir, provider, tmp_path):
    weir = start_weir(provider)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (said,) = weir.said("confined")
    bound = said["landlock"].startswith("version ")
    weir.reload(good=not bound, listeners={"local": {"address": f"unix:{elsewhere}/weir.sock", "kind": "agents", "default_agent": "app"}})
    assert (elsewhere / "weir.sock").exists() != bound
    assert not bound or weir.said("needs a restart")
    assert weir.chat().status_code == 200


def test_a_command_is_not_bound_by_what_binds_weir(weir, tmp_path):
    weir.stop()
    out = tmp_path / "status"
    done = subprocess.run([WEIR_BIN, "run", "-c", weir.config, "--agent", "app", "--", "sh", "-c",
                           f"cat /proc/self/status > {out} && /bin/true"], env=weir.env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^Seccomp:\s*0", out.read_text(), re.M)
    assert any("confined" in line and '"landlock":"none"' in line for line in done.stdout.splitlines())
