# SPDX-License-Identifier: Apache-2.0
"""A test takes `weir` (ready, in front of `provider`), or `start_weir` and `start_provider` to have them its own way. When it
is over, the oracle compares what all of them have written down."""

import fcntl
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

import oracle
import redis_rig
from rig import PROVIDER_BIN, ROOT, WEIR_BIN, Provider, Weir


def pytest_configure(config):
    if not WEIR_BIN or not PROVIDER_BIN:
        raise pytest.UsageError("no weir or no scripted-provider: meson setup build/mine -Dtests=true && ninja -C build/mine")


@pytest.fixture
def start_provider(tmp_path):
    running = []

    def start(**how):
        running.append(Provider(tmp_path / f"provider{len(running)}", **how))
        return running[-1]
    yield start
    for provider in running:
        provider.stop()


@pytest.fixture
def start_weir(tmp_path, request):
    running = []

    def start(provider=None, ready=True, words=None, **how):
        weir = Weir(tmp_path / f"weir{len(running)}", provider, **how)
        weir.hosted_allowed = set()
        running.append(weir)
        return weir.start(words, ready) if ready is not None else weir
    yield start
    failed = getattr(request.node, "failed", False)
    try:
        for weir in running:
            if weir.process and weir.process.poll() is None and weir.provider and not failed \
                    and not request.node.get_closest_marker("unreconciled"):
                oracle.reconcile(weir, weir.provider)
        for weir in running:
            if weir.process and weir.process.poll() is None:
                assert weir.stop(signal.SIGINT) == 0, f"it did not end well: {weir.err_path.read_text()[-4000:]}"
            oracle.check_secrets(weir)
            errors = weir.err_path.read_text() if weir.err_path.exists() else ""
            assert "Sanitizer" not in errors and "runtime error" not in errors, errors[-6000:]
    finally:
        for weir in running:
            weir.kill()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call":
        item.failed = outcome.get_result().failed


@pytest.fixture
def provider(start_provider):
    return start_provider()


@pytest.fixture
def weir(start_weir, provider):
    return start_weir(provider)


@pytest.fixture
def client(weir):
    return weir.client()


@pytest.fixture(scope="session")
def weir_command():
    """Runs weir to its end: weir_command("check", "-c", path) -> CompletedProcess with text."""
    def run(*words, **how):
        return subprocess.run([str(WEIR_BIN), *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=60, **how)
    return run


@pytest.fixture(scope="module")
def redis():
    """For tests with real servers: they go by seconds, and so run one module after the other on a machine."""
    if not redis_rig.PROGRAM:
        pytest.skip("there is no redis-server (deploy/install-packages test)")
    with open(Path(tempfile.gettempdir()) / "weir-tests-redis.lock", "w") as lock:
        end = time.monotonic() + 300
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    pytest.skip(f"another run has {lock.name}: tests with real Redis servers run one after the other")
                time.sleep(1)
        yield


@pytest.fixture(scope="session")
def repository():
    return ROOT
