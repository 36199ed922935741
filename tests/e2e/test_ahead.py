# SPDX-License-Identifier: Apache-2.0
"""Requests that are sent ahead by somebody who does not read: answers are made as they are taken, and none is lost."""

import socket

from rig import eventually, read_answers, receive


def count_answers(s, n):
    """Reads until n answers have begun."""
    found, tail = 0, b""
    while found < n:
        part = s.recv(1 << 20)
        assert part, f"the connection ended after {found} answers"
        found += (tail + part).count(b"HTTP/1.1 200")
        tail = part[-11:]
    return found


def test_a_scraper_that_never_reads_is_not_answered_into_memory(weir):
    """So many pages of metrics are more than a connection may hold in memory: all are there when they are read at last."""
    n = (48 << 20) // len(weir.health("/metrics").content)
    with socket.create_connection(("127.0.0.1", weir.health_port), timeout=60) as s:
        s.sendall(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * n)
        eventually(lambda: weir.health("/healthz").status_code == 200, 5)
        assert count_answers(s, n) == n


def test_an_agent_that_never_reads_gets_its_answers_in_the_end(weir):
    n = 4000
    one = f"GET /v1/models HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {weir.keys['app']}\r\n\r\n".encode()
    with weir.connect(60) as s:
        s.sendall(one * n)
        got = receive(s, lambda data: data.count(b"HTTP/1.1 200") == n and data.endswith(b"}"), 60)
    answers = read_answers(got)
    assert len(answers) == n and {a[0] for a in answers} == {200}
    assert len(weir.calls(n)) == n
