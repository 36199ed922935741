# SPDX-License-Identifier: Apache-2.0
"""Towards a provider over TLS: who it is, is verified, and nothing is ever sent to someone else."""

import contextlib
import socket
import subprocess
import threading
import time

import httpx
import pytest

from rig import SLOWER, code_of, events, eventually


def openssl(*words, cwd):
    subprocess.run(["openssl", *words], cwd=cwd, check=True, capture_output=True)


class Authority:
    def __init__(self, folder, name):
        folder.mkdir()
        self.folder, self.certificate = folder, folder / "ca.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
                "-days", "2", "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE", cwd=folder)

    def issue(self, name, names, days=1, dates=None):
        """A certificate and its key for these names; dates: (from, to) as openssl's ca command takes them."""
        (self.folder / "names").write_text(f"subjectAltName={names}\n")
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key", "-out",
                f"{name}.csr", "-subj", f"/CN={name}", cwd=self.folder)
        if dates:
            (self.folder / "ca.cnf").write_text(
                "[ca]\ndefault_ca=d\n[d]\ndatabase=index\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\n"
                "x509_extensions=e\nunique_subject=no\n[p]\ncommonName=supplied\n[e]\nsubjectAltName=" + names + "\n")
            (self.folder / "index").write_text("")
            (self.folder / "serial").write_text("77\n")
            openssl("ca", "-batch", "-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key", "-in", f"{name}.csr", "-out",
                    f"{name}.pem", "-startdate", dates[0], "-enddate", dates[1], "-notext", cwd=self.folder)
        else:
            openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", f"{name}.pem",
                    "-days", str(days), "-extfile", "names", cwd=self.folder)
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls") / "ours", "Test authority")


@pytest.fixture(scope="session")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls") / "theirs", "Another authority")


@pytest.fixture
def good(authority):
    return authority.issue("good", "DNS:localhost,IP:127.0.0.1")


def upstream(provider, ca, **tls):
    return {"openai": {"url": provider.url.replace("127.0.0.1", "localhost"), "tls": {"ca": str(ca), **tls},
                       "timeouts": {"connect": "2s", "first_byte": "3s"}}}


def test_a_provider_that_is_who_it_should_be_is_called(start_weir, start_provider, authority, good):
    provider = start_provider(tls=good)
    weir = start_weir(provider, upstreams=upstream(provider, authority.certificate))
    for stream in (False, True):
        assert weir.chat(stream=stream).status_code == 200
    with weir.http() as http:
        body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "x" * 500_000}]}
        assert http.post("/v1/chat/completions", json=body).status_code == 200
    assert len({e.connection for e in provider.ledger()}) <= 2, "connections are not kept"


def pipe(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def late(port, seconds):
    """A door to port on which each connection is served only after so many seconds. Its socket."""
    door = socket.create_server(("127.0.0.1", 0))

    def serve():
        with contextlib.suppress(OSError):
            while True:
                outside = door.accept()[0]
                time.sleep(seconds)
                inside = socket.create_connection(("127.0.0.1", port))
                for pair in ((outside, inside), (inside, outside)):
                    threading.Thread(target=pipe, args=pair, daemon=True).start()
    threading.Thread(target=serve, daemon=True).start()
    return door


def test_the_way_to_the_provider_is_not_weirs_own_time(start_weir, start_provider, authority, good):
    provider = start_provider(tls=good)
    with late(provider.port, 2.5) as door:
        weir = start_weir(provider, upstreams={"openai": {
            "url": f"https://localhost:{door.getsockname()[1]}/v1", "tls": {"ca": str(authority.certificate)},
            "timeouts": {"connect": f"{5 * SLOWER}s"}}})
        assert weir.chat().status_code == 200
        line = weir.last_call()
        assert line["latency_ms"] >= 2500 and line["gateway_ms"] < 1200, line
        assert weir.metric("weir_gateway_duration_seconds_sum") < 1.2


def test_an_address_in_the_certificate_is_verified_too(start_weir, start_provider, authority, good):
    provider = start_provider(tls=good)
    weir = start_weir(provider, upstreams={"openai": {"tls": {"ca": str(authority.certificate)}}})
    assert weir.chat().status_code == 200


@pytest.mark.parametrize("what", ["wrong name", "expired", "not yet", "another authority", "the system's authorities", "self-signed"])
def test_a_provider_that_is_not_who_it_should_be_is_sent_nothing(start_weir, start_provider, authority, stranger, what, tmp_path):
    ca = authority.certificate
    if what == "wrong name":
        pair = authority.issue("wrong", "DNS:example.com,DNS:localhost.example.com")
    elif what == "expired":
        pair = authority.issue("expired", "DNS:localhost", dates=("20200101000000Z", "20200201000000Z"))
    elif what == "not yet":
        pair = authority.issue("future", "DNS:localhost", dates=("20980101000000Z", "20980201000000Z"))
    elif what == "self-signed":
        pair = (stranger.certificate, stranger.folder / "ca.key")
    else:
        pair = stranger.issue("theirs", "DNS:localhost") if what == "another authority" else authority.issue("own", "DNS:localhost")
    provider = start_provider(tls=pair)
    change = upstream(provider, ca)
    if what == "the system's authorities":
        change["openai"]["tls"] = {}
    weir = start_weir(provider, upstreams=change)
    answer = weir.chat()
    assert answer.status_code in (502, 503) and code_of(answer) in ("upstream_unreachable", "destination_refused", "upstream_malformed")
    assert provider.ledger() == []
    assert weir.last_call()["verdict"] == "allow"
    weir.provider = None


def test_a_server_name_may_be_given(start_weir, start_provider, authority):
    provider = start_provider(tls=authority.issue("named", "DNS:provider.internal"))
    weir = start_weir(provider, upstreams=upstream(provider, authority.certificate, server_name="provider.internal"))
    assert weir.chat().status_code == 200


def test_plain_text_where_tls_is_expected_gets_nothing(start_weir, provider, authority):
    weir = start_weir(provider, upstreams={"openai": {"url": provider.url.replace("http:", "https:"), "tls": {"ca": str(authority.certificate)},
                                                      "timeouts": {"connect": "2s"}}})
    assert weir.chat().status_code in (502, 503, 504)
    assert all(hasattr(e, "bad") for e in provider.ledger())
    weir.provider = None


def test_a_handshake_that_hangs_is_cut(start_weir, start_provider, authority, good):
    provider = start_provider(tls=good, script={"accept": "stall"})
    weir = start_weir(provider, upstreams=upstream(provider, authority.certificate))
    answer = weir.chat()
    assert answer.status_code in (503, 504) and code_of(answer) in ("upstream_timeout", "upstream_unreachable")
    weir.provider = None


def test_faults_under_tls_are_faults(start_weir, start_provider, authority, good):
    provider = start_provider(tls=good)
    weir = start_weir(provider, upstreams=upstream(provider, authority.certificate))
    for fault in ({"kind": "reset", "at": "mid"}, {"kind": "close", "at": "mid"}, {"kind": "garbage", "at": "head"}):
        assert weir.chat(script={"fault": fault}).status_code == 502
        assert weir.chat(script={"text": "next"}).json()["choices"][0]["message"]["content"] == "next"


def test_a_close_that_is_not_announced_does_not_pass_for_an_end(start_weir, start_provider, authority, good):
    """Without a length, only TLS's own goodbye tells the whole from the cut."""
    provider = start_provider(tls=good)
    weir = start_weir(provider, upstreams=upstream(provider, authority.certificate))
    assert weir.chat(script={"framing": "close", "fault": {"kind": "close", "at": "mid"}}).status_code == 502
    assert weir.chat(script={"framing": "close"}).status_code == 200


def test_many_streams_over_tls(start_weir, start_provider, authority, good):
    provider = start_provider(tls=good)
    weir = start_weir(provider, upstreams=upstream(provider, authority.certificate))
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(weir.chat(stream=True, script={"event_delay_ms": 5})))
               for _ in range(30)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert all(events(a)[-1] == "[DONE]" for a in answers) and len(answers) == 30
