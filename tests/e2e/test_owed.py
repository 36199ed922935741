# SPDX-License-Identifier: Apache-2.0
"""What a process that died had settled and the store that instances share has not heard: the next start tells it."""

import concurrent.futures

import pytest

from fleet import counted
from redis_rig import Server
from rig import eventually

pytestmark = [pytest.mark.unreconciled, pytest.mark.usefixtures("redis")]  # its metrics begin anew with each process

# Prices of the rig's gpt-4o: 2.5 and 10 USD a million tokens.
USAGE = {"prompt_tokens": 30, "completion_tokens": 100, "total_tokens": 130}
COST = 1_075_000


@pytest.fixture
def server(tmp_path):
    one = Server(tmp_path / "redis", append=True).start()
    yield one
    one.kill()


def test_what_a_killed_process_had_settled_is_told_at_the_next_start(start_weir, provider, server, tmp_path):
    weir = start_weir(provider, ready=None)
    key = tmp_path / "key"
    key.write_text("k" * 64)
    weir.write_policy(workers=1, deployment_key=f"${{file:{key}}}", store=server.store(on_outage={"budgets": "closed"}),
                      agents={"app": {"budget": {"agent": {"cost": 1000, "per": "month"}}}})
    weir.start()
    eventually(lambda: weir.chat(max_tokens=1000, script={"usage": USAGE}).status_code == 200, 10)
    eventually(lambda: counted(server) == (COST, 0))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        call = pool.submit(weir.chat, max_tokens=1000, script={"delay_ms": 1000, "usage": USAGE})
        eventually(lambda: counted(server)[1] > 0)  # it is held there
        server.kill()
        assert call.result().status_code == 200
    eventually(lambda: len(weir.calls()) >= 2)
    weir.kill()
    server.start()
    spent, reserved = counted(server)
    assert spent == COST and reserved > COST  # nobody has told it, and nobody lives who could
    weir.start()
    eventually(lambda: counted(server) == (2 * COST, 0), 10)
    eventually(lambda: [x for x in weir.lines() if "processes before have settled" in x.get("msg", "")])
    weir.kill()
    weir.start()  # told once more, it counts once
    eventually(lambda: len([x for x in weir.lines() if "processes before have settled" in x.get("msg", "")]) == 2)
    assert counted(server) == (2 * COST, 0)
