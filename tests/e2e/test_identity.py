# SPDX-License-Identifier: Apache-2.0
"""Who is calling, and who is nobody."""

import secrets

import httpx
import pytest

from rig import SLOWER, code_of, free_port, sha256

BODY = {"model": "gpt-4o", "messages": [{"role": "user", "content": "?"}]}


def ask(weir, headers, url=None, **how):
    return httpx.post((url or weir.url) + "/v1/chat/completions", json=BODY, headers=headers, timeout=30 * SLOWER,
                      trust_env=False, verify=False, **how)


@pytest.mark.parametrize("header, scheme", [
    ("authorization", "Bearer "), ("authorization", "bearer "), ("x-weir-key", ""), ("x-api-key", ""), ("x-goog-api-key", ""),
    ("api-key", "")])
def test_a_key_is_known_in_every_place_that_sdks_put_it(weir, provider, header, scheme):
    assert ask(weir, {header: scheme + weir.keys["app"]}).status_code == 200
    assert weir.last_call()["agent"] == "app"
    assert len(provider.ledger()) == 1


@pytest.mark.parametrize("headers", [
    {}, {"authorization": "Bearer nobody"}, {"authorization": "Basic YTpi"}, {"x-api-key": "nobody"},
    {"authorization": "Bearer weir_" + "a" * 49}, {"cookie": "key=x"}], ids=str)
def test_who_is_not_known_is_refused(weir, provider, headers):
    answer = ask(weir, headers)
    assert answer.status_code == 401 and code_of(answer) == "unauthenticated"
    assert answer.json()["error"]["type"] == "authentication_error"
    assert provider.ledger() == []


def test_a_key_must_be_whole(weir, provider):
    key = weir.keys["app"]
    for wrong in (key[:-1], key + "x", key.upper(), key + " x", '"' + key + '"'):
        assert ask(weir, {"authorization": "Bearer " + wrong}).status_code in (400, 401)
    assert provider.ledger() == []


def test_two_keys_that_disagree_are_refused(weir, provider):
    app, full = weir.keys["app"], weir.keys["full"]
    assert ask(weir, {"authorization": "Bearer " + app, "x-api-key": full}).status_code == 401
    assert ask(weir, {"x-weir-key": full, "authorization": "Bearer " + app}).status_code == 401
    assert ask(weir, {"authorization": "Bearer " + app, "x-api-key": "weir_" + "b" * 49}).status_code == 401
    assert provider.ledger() == []
    assert ask(weir, {"authorization": "Bearer " + app, "x-api-key": app}).status_code == 200
    assert ask(weir, {"x-weir-key": app, "authorization": "Bearer sk-something-an-sdk-sends"}).status_code == 200


def test_two_of_one_header_are_refused(weir, provider):
    headers = [("authorization", "Bearer " + weir.keys["app"]), ("authorization", "Bearer " + weir.keys["full"])]
    assert ask(weir, headers).status_code in (400, 401)
    assert provider.ledger() == []


def test_several_keys_of_one_agent_overlap_and_end(start_weir, provider):
    weir = start_weir(provider, agents=("app",))
    old, new = "old-" + secrets.token_hex(16), "new-" + secrets.token_hex(16)
    weir.canaries += [old, new]
    both = [{"api_key": "sha256:" + sha256(old), "not_after": "2020-01-01"}, {"api_key": "sha256:" + sha256(new), "not_after": "2099-01-01"}]
    weir.reload(agents={"app": {"identity": both}})
    assert ask(weir, {"authorization": "Bearer " + new}).status_code == 200
    assert ask(weir, {"authorization": "Bearer " + old}).status_code == 401
    assert ask(weir, {"authorization": "Bearer " + weir.keys["app"]}).status_code == 401


def test_the_agents_own_key_never_goes_upstream_nor_the_providers_back(weir, provider):
    answer = ask(weir, {"x-api-key": weir.keys["app"], "cookie": "session=1"})
    entry = provider.ledger()[-1]
    assert entry.header("authorization") == "sha256:" + sha256(provider.key) and entry.header("x-api-key") is None
    assert provider.key not in answer.text + str(answer.headers)


def test_a_suspended_agent_is_stopped(start_weir, provider):
    weir = start_weir(provider)
    assert weir.chat().status_code == 200
    weir.reload(agents={"app": {"suspended": True}})
    answer = weir.chat()
    assert answer.status_code == 403 and code_of(answer) == "agent_suspended"
    assert weir.chat("full").status_code == 200
    weir.reload()
    assert weir.chat().status_code == 200


def test_guessing_is_slowed_down(weir, provider):
    with weir.http(agent=None) as http:
        statuses = [http.post("/v1/chat/completions", json=BODY, headers={"authorization": f"Bearer guess-{i}"}).status_code
                    for i in range(100)]
    assert statuses[0] == 401 and 429 in statuses
    assert weir.chat().status_code == 200, "who is known is not slowed down"


def test_attribution_is_recorded_and_must_be_plain(weir, provider):
    answer = weir.chat(headers={"x-weir-workflow": "refund-17", "x-weir-session": "s1", "x-weir-user": "u.1"}, user="ignored")
    assert answer.status_code == 200
    line = weir.last_call()
    assert line["workflow_id"] == "refund-17" and line["session"] == "s1" and line["user"] == "u.1"
    for bad in ("a b", "a/b", "x" * 129, "ü"):
        assert weir.chat(headers={"x-weir-workflow": bad.encode()}).status_code == 400
    assert len(provider.ledger()) == 1


def test_an_email_address_is_not_written_down(weir):
    weir.chat(headers={"x-weir-user": "jane.doe@example.com"})
    weir.last_call()
    assert "jane.doe" not in weir.log_path.read_text()


# A listener with a default agent

@pytest.fixture
def laptop(start_weir, provider):
    weir = start_weir(provider, ready=None, agents=("app", "full"))
    weir.write_policy(listeners={"agents": {"default_agent": "app"}})
    return weir.start()


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer whatever-the-sdk-sends"}, {"x-api-key": "x"}], ids=str)
def test_whoever_shows_no_key_of_ours_is_the_default_agent(laptop, provider, headers):
    assert ask(laptop, headers).status_code == 200
    assert laptop.last_call()["agent"] == "app"
    assert provider.ledger()[-1].header("authorization") == "sha256:" + sha256(provider.key)


def test_a_key_of_ours_still_says_who_it_is(laptop):
    assert ask(laptop, {"authorization": "Bearer " + laptop.keys["full"]}).status_code == 200
    assert laptop.last_call()["agent"] == "full"


def test_what_looks_like_a_key_of_ours_and_is_none_is_refused(laptop, provider):
    assert ask(laptop, {"authorization": "Bearer weir_" + "a" * 49}).status_code == 401
    assert provider.ledger() == []


@pytest.mark.parametrize("headers, code", [
    ({"origin": "https://evil.example"}, "origin_denied"), ({"origin": "null"}, "origin_denied"),
    ({"origin": "http://localhost.evil.example"}, "origin_denied"), ({"sec-fetch-site": "cross-site"}, "origin_denied"),
    ({"host": "evil.example"}, "misdirected"), ({"host": "evil.example:80"}, "misdirected"),
    ({"content-type": "text/plain"}, "unsupported_media_type")], ids=str)
def test_browsers_do_not_get_at_a_default_agent(laptop, provider, headers, code):
    answer = ask(laptop, headers)
    assert 400 <= answer.status_code < 500 and code_of(answer) == code
    assert provider.ledger() == []


def test_a_host_by_another_name_of_loopback_is_ours(laptop):
    for host in (f"localhost:{laptop.port}", f"127.0.0.1:{laptop.port}"):
        assert ask(laptop, {"host": host}).status_code == 200


def test_a_preflight_gets_no_permission(laptop):
    answer = httpx.options(laptop.url + "/v1/chat/completions", trust_env=False, headers={
        "origin": "https://evil.example", "access-control-request-method": "POST"})
    assert "access-control-allow-origin" not in answer.headers and answer.status_code >= 400


def test_a_foreign_origin_is_refused_with_a_key_too(weir, provider):
    assert code_of(weir.chat(headers={"origin": "https://evil.example"})) == "origin_denied"
    assert provider.ledger() == []


def test_a_unix_socket_serves(start_weir, provider, tmp_path):
    path = str(tmp_path / "s.sock")
    weir = start_weir(provider, ready=None, agents=("app",))
    weir.write_policy(listeners={"local": {"address": "unix:" + path, "kind": "agents", "default_agent": "app"}})
    weir.start()
    with httpx.Client(transport=httpx.HTTPTransport(uds=path, verify=False), base_url="http://localhost") as http:
        assert http.post("/v1/chat/completions", json=BODY).status_code == 200
    assert weir.last_call()["listener"] == "local"
    assert (tmp_path / "s.sock").stat().st_mode & 0o777 == 0o600


def test_several_listeners_serve(start_weir, provider):
    port = free_port()
    weir = start_weir(provider, ready=None, agents=("app",))
    weir.write_policy(listeners={"second": {"address": f"127.0.0.1:{port}", "kind": "agents"}})
    weir.start()
    assert ask(weir, weir.headers("app"), url=f"http://127.0.0.1:{port}").status_code == 200
    assert weir.last_call()["listener"] == "second"
