# SPDX-License-Identifier: Apache-2.0
"""weir check: every mistake of meaning, with its place, and the same check before every start and reload."""

import json
import re
from pathlib import Path

import pytest

from rig import Weir, sha256

BROKEN = sorted((Path(__file__).parent / "broken").glob("*.yaml"))
GOOD = """\
version: 1
upstreams:
  openai: {api: openai, credential: {api_key: "${env:OPENAI_API_KEY}"}}
models:
  gpt-4o: {upstream: openai}
agents:
  app:
    identity: [{api_key: "sha256:%s"}]
    models: [gpt-4o]
""" % sha256("a key that nobody has")
SECRET = ("key-that-is-no-hash", "secret-that-is-written-out")  # the line itself is not shown: it may hold a key
ENV = {"PATH": "/usr/bin:/bin", "OPENAI_API_KEY": "x", "HOME": "/nonexistent"}


def expectations(path):
    """From the file's own first lines: `# expect LINE:COLUMN: words|other words`, or without a place."""
    for line in path.read_text().splitlines()[1:]:
        found = re.match(r"# expect(?: (\d+:\d+))?: (.*)", line)
        if not found:
            return
        yield found.groups()


@pytest.fixture
def check(weir_command, tmp_path):
    return lambda *words, **how: weir_command("check", *words, **{"env": ENV, "cwd": tmp_path, **how})


def test_there_are_twenty_broken_policies():
    assert len(BROKEN) >= 20


@pytest.mark.parametrize("path", BROKEN, ids=lambda p: p.stem)
def test_a_broken_policy_is_told_its_place_and_its_mistake(check, path):
    done = check("-c", path)
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert re.search(r":\d+:\d+: error: ", said), said
    for place, words in expectations(path):
        lines = said.splitlines()
        if place:
            lines = [line for line in lines if f"{path.name}:{place}: error: " in line]
            assert lines, f"nothing is said about {place}:\n{said}"
        assert re.search(words, "\n".join(lines), re.IGNORECASE), f"{words} is not in:\n{said}"
    assert "^" in said or path.stem in SECRET, "no caret shows the place"


def test_a_good_policy_is_good(check, tmp_path):
    (tmp_path / "good.yaml").write_text(GOOD)
    done = check("-c", tmp_path / "good.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_inactive_is_listed(check, tmp_path):
    (tmp_path / "good.yaml").write_text(GOOD)
    said = check("-c", tmp_path / "good.yaml").stdout
    assert "are not retried" in said and "personal data" in said, said


def test_mistakes_can_be_read_by_machines(check):
    path = next(p for p in BROKEN if p.stem == "several-mistakes-at-once")
    done = check("-c", path, "--format", "json")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    listed = found if isinstance(found, list) else next(v for v in found.values() if isinstance(v, list))
    assert len(listed) >= 5 and all({"line", "column"} <= set(m) for m in listed), listed


def test_wrong_use_is_told_apart_from_wrong_policies(check, tmp_path):
    assert check("--no-such-option").returncode == 2
    assert check("-c", tmp_path / "missing.yaml").returncode in (1, 2)
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "notes.txt").write_text("x")
    assert check("-c", tmp_path / "dir").returncode == 1


def test_parts_of_a_policy_may_stand_in_several_files(check, tmp_path):
    folder = tmp_path / "policy"
    folder.mkdir()
    head, agents = GOOD.split("agents:\n")
    (folder / "a.yaml").write_text(head)
    (folder / "b.yml").write_text("agents:\n" + agents)
    (folder / ".hidden").write_text("not read")
    assert check("-c", folder).returncode == 0
    assert check("-c", folder / "a.yaml", "-c", folder / "b.yml").returncode == 0
    (folder / "c.yaml").write_text("agents:\n  app: {models: [gpt-4o]}\n")
    done = check("-c", folder)
    said = done.stdout + done.stderr
    assert done.returncode == 1 and "b.yml" in said and "c.yaml" in said, said


def test_a_secret_is_never_shown(check, tmp_path):
    (tmp_path / "good.yaml").write_text(GOOD.replace("gpt-4o]", "gpt-5]"))
    done = check("-c", tmp_path / "good.yaml", env={**ENV, "OPENAI_API_KEY": "sk-canary-1234567890"})
    assert "canary" not in done.stdout + done.stderr


def test_explain_shows_each_value_and_where_it_comes_from(weir_command, tmp_path):
    (tmp_path / "good.yaml").write_text(GOOD + "defaults: {on_denied_tool: refuse}\n")
    done = weir_command("explain", "-c", tmp_path / "good.yaml", "--agent", "app", env=ENV)
    assert done.returncode == 0 and "refuse" in done.stdout and "defaults" in done.stdout, done.stdout + done.stderr


def test_schema_is_a_json_schema(weir_command):
    done = weir_command("schema", env=ENV)
    schema = json.loads(done.stdout)
    assert done.returncode == 0 and "$schema" in schema and "agents" in schema["properties"]


def test_a_new_key_is_made_and_its_hash_shown(weir_command):
    done = weir_command("key", "new", "app", env=ENV)
    key = re.search(r"weir_[A-Za-z0-9]{49}", done.stdout).group()
    assert done.returncode == 0 and sha256(key) in done.stdout
    again = weir_command("key", "new", "app", env=ENV)
    assert key not in again.stdout


def test_version_and_help(weir_command):
    assert re.search(r"\d+\.\d+\.\d+", weir_command("version", env=ENV).stdout)
    for words in (["--help"], ["run", "--help"], ["check", "--help"], ["key", "--help"], ["explain", "--help"], ["schema", "--help"],
                  ["audit", "--help"], ["healthcheck", "--help"], ["version", "--help"]):
        done = weir_command(*words, env=ENV)
        assert done.returncode == 0 and "weir" in done.stdout, words
    assert weir_command("no-such-command", env=ENV).returncode == 2
    assert weir_command(env=ENV).returncode == 2


def test_run_refuses_what_check_refuses(weir_command, tmp_path):
    path = next(p for p in BROKEN if p.stem == "unknown-key")
    done = weir_command("run", "-c", path, env={**ENV, "STATE_DIRECTORY": str(tmp_path / "s")})
    assert done.returncode == 1 and "modles" in done.stdout + done.stderr
