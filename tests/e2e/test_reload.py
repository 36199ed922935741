# SPDX-License-Identifier: Apache-2.0
"""A new policy is taken whole or not at all, while calls go on."""

import os
import secrets
import signal
import threading
import time

import pytest

from rig import FOUR_TOOLS, PRICE, SLOWER, code_of, eventually, scripted


class Load:
    """Calls from several threads until told to stop; what went wrong is kept."""

    def __init__(self, weir, threads=4):
        self.weir, self.stop_now, self.done, self.problems = weir, False, 0, []
        self.threads = [threading.Thread(target=self.work, args=(i,)) for i in range(threads)]

    def work(self, i):
        with self.weir.http() as http:
            while not self.stop_now:
                stream = (self.done + i) % 2 == 0
                try:
                    answer = http.post("/v1/chat/completions", headers=scripted(text="under load", deltas=3), json={
                        "model": "gpt-4o", "stream": stream, "messages": [{"role": "user", "content": "?"}]})
                    good = answer.status_code == 200 and (answer.text.endswith("[DONE]\n\n") if stream else "under load" in answer.text)
                    if not good:
                        self.problems.append((answer.status_code, answer.text[:300]))
                except Exception as error:
                    self.problems.append(repr(error))
                self.done += 1

    def __enter__(self):
        [t.start() for t in self.threads]
        return self

    def __exit__(self, *_):
        self.stop_now = True
        [t.join() for t in self.threads]


def test_sighup_takes_the_new_policy(weir, provider):
    assert code_of(weir.chat(model="gpt-5")) == "model_denied"
    versions = {weir.last_call()["policy_version"]}
    weir.reload(models={"gpt-5": {"upstream": "openai", "price": PRICE}}, agents={"app": {"models": ["gpt-5"]}})
    assert weir.chat(model="gpt-5").status_code == 200
    versions.add(weir.last_call(2)["policy_version"])
    assert len(versions) == 2


def test_a_changed_file_is_taken_without_being_told(weir):
    weir.write_policy(agents={"app": {"suspended": True}})
    eventually(lambda: weir.chat().status_code == 403, 5)
    weir.write_policy()
    eventually(lambda: weir.chat().status_code == 200, 5)


def test_a_file_written_in_place_is_taken(weir):
    text = weir.config.read_text().replace('"drain"', '"drain" ')
    weir.write_policy(agents={"app": {"suspended": True}})
    eventually(lambda: weir.chat().status_code == 403, 5)
    with open(weir.config, "r+") as f:
        f.truncate(0)
        f.write(text)
    weir.in_force = weir.policy()
    eventually(lambda: weir.chat().status_code == 200, 5)


def test_a_configmaps_swap_is_taken(start_weir, provider):
    weir = start_weir(provider, ready=None)
    mount, good = weir.folder / "mount", weir.config.read_text()

    def publish(version, text):
        folder = mount / f"..{version}"
        folder.mkdir(parents=True)
        (folder / "policy.yaml").write_text(text)
        (mount / "..data_tmp").symlink_to(folder.name)
        (mount / "..data_tmp").rename(mount / "..data")
    publish("2026_01", good)
    (mount / "policy.yaml").symlink_to("..data/policy.yaml")
    weir.start(["run", "-c", str(mount)])
    assert weir.chat().status_code == 200
    weir.write_policy(agents={"app": {"suspended": True}})
    publish("2026_02", weir.config.read_text())
    eventually(lambda: weir.chat().status_code == 403, 5)
    publish("2026_03", good)
    eventually(lambda: weir.chat().status_code == 200, 5)


def test_a_release_that_is_a_link_is_taken(weir):
    folder, name = weir.config.parent, weir.config.name

    def publish(version, **change):
        (folder / version).mkdir()
        weir.config = folder / version / name
        weir.write_policy(**change)
        weir.config = folder / name
        (folder / "current.tmp").symlink_to(version)
        (folder / "current.tmp").rename(folder / "current")
    publish("v1")
    (folder / "link").symlink_to(f"current/{name}")
    (folder / "link").rename(weir.config)
    weir.said("policy reloaded")
    publish("v2", agents={"app": {"suspended": True}})
    eventually(lambda: weir.chat().status_code == 403, 5)
    publish("v3")
    eventually(lambda: weir.chat().status_code == 200, 5)


def test_a_link_to_a_policy_beside_it_is_followed(weir):
    link, weir.config = weir.config, weir.config.with_name("prod.yaml")
    weir.write_policy()
    (weir.folder / "link").symlink_to(weir.config.name)
    (weir.folder / "link").rename(link)
    weir.said("policy reloaded")
    weir.write_policy(agents={"app": {"suspended": True}})  # another file in the place of what it points to
    eventually(lambda: weir.chat().status_code == 403, 5)
    weir.write_policy()
    eventually(lambda: weir.chat().status_code == 200, 5)


def test_only_what_the_policy_was_read_from_reloads_it(weir):
    for name in (".policy.yaml.swp", "policy.yaml~", "notes.txt", "other.yaml"):
        (weir.config.parent / name).write_text("not: a policy\n")
        time.sleep(0.15)  # longer than files may take to settle
    weir.write_policy(agents={"app": {"suspended": True}})
    eventually(lambda: weir.chat().status_code == 403, 5)
    assert len(weir.said("policy reloaded")) == 1 and weir.metric("weir_config_reload_failures_total") == 0


def test_a_policy_that_waits_for_a_file_is_taken_when_it_comes(weir, tmp_path):
    weir.write_policy(upstreams={"openai": {"credential": {"api_key": f"${{file:{weir.config.parent / 'late'}}}"}}})
    eventually(lambda: weir.metric("weir_config_last_reload_successful") == 0, 5)
    (weir.config.parent / "late").write_text(weir.provider.key + "\n")
    eventually(lambda: weir.metric("weir_config_last_reload_successful") == 1, 5)
    assert weir.chat().status_code == 200


@pytest.mark.parametrize("text", ["version: 1\nmodles: {}\n", "{", "", "version: 1\nagents: {app: {tools: [nobody]}}\n", "\x00\xff"],
                         ids=["unknown key", "no YAML", "empty", "a name nobody declared", "no text"])
def test_a_broken_policy_is_reported_and_not_taken(weir, text):
    weir.reload(text=text, good=False)
    assert weir.chat().status_code == 200
    assert weir.metric("weir_config_last_reload_successful") == 0
    assert "policy.yaml" in str(weir.said(lambda line: line.get("level") == "error")[-1])
    weir.reload()
    assert weir.metric("weir_config_last_reload_successful") == 1


def test_another_store_needs_a_restart(weir, tmp_path):
    (tmp_path / "key").write_text(secrets.token_hex(32))
    shared = {"deployment_key": f"${{file:{tmp_path / 'key'}}}", "store": {"kind": "redis", "url": "redis://127.0.0.1:1"}}
    limited = {"app": {"budget": {"agent": {"cost": 1, "per": "day"}}}}
    weir.reload(agents=limited, **shared)
    assert weir.said("another store")[0]["level"] == "warn"
    assert weir.chat().status_code == 200  # counted where it was counted before
    assert weir.health("/readyz").status_code == 200


def test_an_agent_that_gets_another_team_counts_anew_and_that_is_said(weir, provider):
    budget = {"budget": {"agent": {"cost": "0.0016", "per": "day"}}, "min_output": 100}
    usage = {"usage": {"prompt_tokens": 30, "completion_tokens": 100, "total_tokens": 130}}

    def load(app, full):
        weir.reload(teams={"red": {}, "blue": {}}, agents={"app": {**budget, **app}, "full": full})

    def moved():
        return [(line["agent"], line["team_before"], line["team"]) for line in weir.lines() if "another team" in line.get("msg", "")]
    load({"team": "red"}, {})
    assert moved() == [("app", "(none)", "red")]
    assert weir.chat(max_tokens=100, script=usage).status_code == 200
    assert weir.chat(max_tokens=100).headers["x-weir-code"] == "budget_exceeded"
    load({"team": "red", "models": ["gpt-4o"]}, {"team": "blue"})  # full has nothing that is counted
    assert len(moved()) == 1
    assert weir.chat(max_tokens=100).headers["x-weir-code"] == "budget_exceeded"
    load({"team": "blue"}, {})
    assert moved()[1:] == [("app", "red", "blue")]
    assert weir.chat(max_tokens=100, script=usage).status_code == 200


@pytest.mark.parametrize("how", ["gone", "folder", "unreadable", "fifo"])
def test_a_policy_file_that_cannot_be_read_changes_nothing(weir, how):
    weir.config.unlink()
    if how == "folder":
        weir.config.mkdir()
    elif how == "fifo":
        os.mkfifo(weir.config)
    elif how == "unreadable":
        weir.config.symlink_to("/proc/self/mem")
    weir.process.send_signal(signal.SIGHUP)
    eventually(lambda: weir.metric("weir_config_last_reload_successful") == 0, 5)
    assert weir.chat().status_code == 200


def test_a_call_is_judged_by_one_policy_from_start_to_end(weir, provider):
    done = []
    script = {"tool_calls": [{"name": "search_kb", "arguments": {"order_id": "x"}}], "text": "word " * 10, "deltas": 10, "held": 5}
    caller = threading.Thread(target=lambda: done.append(weir.chat(stream=True, tools=FOUR_TOOLS, script=script)))
    caller.start()
    eventually(provider.ledger)
    weir.reload(models={"gpt-4o-mini": {"upstream": "openai"}})
    provider.release()
    caller.join()
    assert "search_kb" in done[0].text


def test_a_tool_that_is_withdrawn_is_withheld_from_a_stream_that_runs(weir, provider):
    done = []
    script = {"tool_calls": [{"name": "search_kb", "arguments": {"order_id": "SECRET-9"}}], "text": "word " * 10, "deltas": 10,
              "held": 5}
    caller = threading.Thread(target=lambda: done.append(weir.chat(stream=True, tools=FOUR_TOOLS, script=script)))
    caller.start()
    eventually(provider.ledger)
    before = weir.allowed_tools()
    weir.reload(agents={"app": {"tools": ["lookup_order"]}, "full": {"tools": []}})
    provider.release()
    caller.join()
    assert "SECRET-9" not in done[0].text
    weir.in_force["agents"]["app"]["tools"] = sorted(before)


def reload_under_load(weir, rounds, step):
    before = weir.resident_kib()
    with Load(weir) as load:
        for i in range(rounds):
            broken = i % 10 == 9
            if broken:
                refused = weir.metric("weir_config_reload_failures_total")
                weir.write_policy(text=f"version: 1\nbroken_{i}: yes\n")
            else:
                weir.write_policy(keep_alive_comment=f"{10 + i % 5}s")
            weir.process.send_signal(signal.SIGHUP)
            if broken:
                eventually(lambda: weir.metric("weir_config_reload_failures_total") > refused, 5, "a broken file was not noticed")
            time.sleep(step)
        weir.write_policy()
        weir.process.send_signal(signal.SIGHUP)
    assert load.done > rounds / 4 and not load.problems, (load.done, load.problems[:3])
    weir.reload()
    assert weir.resident_kib() - before < 20_000
    return before


def test_a_hundred_reloads_under_load_fail_no_call(weir):
    reload_under_load(weir, 100, 0.02)
    assert weir.said("not taken"), "no broken file was reported"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_thousand_reloads_under_load_fail_no_call(weir):
    reload_under_load(weir, 1000, 0.02 * SLOWER)
    weir.said("not taken", 90)
