# SPDX-License-Identifier: Apache-2.0
"""Which models an agent may use, and what they are called elsewhere."""

import json

import pytest

from rig import PRICE, code_of


def test_a_model_that_is_not_listed_is_refused_like_one_that_does_not_exist(start_weir, provider):
    weir = start_weir(provider, agents=("app", "full"))
    weir.reload(agents={"app": {"models": ["gpt-4o-mini"]}})
    refused, unknown = weir.chat(model="gpt-4o"), weir.chat(model="no-such-model")
    for answer in (refused, unknown):
        assert answer.status_code == 403 and code_of(answer) == "model_denied"
    assert refused.json()["error"]["message"].replace("gpt-4o", "M") == unknown.json()["error"]["message"].replace("no-such-model", "M")
    assert provider.ledger() == []
    assert weir.chat("full", model="gpt-4o").status_code == 200


def test_an_upstream_name_is_what_the_provider_sees(start_weir, provider):
    weir = start_weir(provider, models={"smart": {"upstream": "openai", "upstream_name": "gpt-4o-2024-08-06", "price": PRICE}})
    answer = weir.chat(model="smart")
    assert answer.status_code == 200 and answer.headers["x-weir-model"] in ("smart", "gpt-4o-2024-08-06")
    assert provider.ledger()[-1].model == "gpt-4o-2024-08-06"
    line = weir.last_call()
    assert line["model"] == "smart" and line["upstream_model"] == "gpt-4o-2024-08-06"


def test_a_star_stands_for_what_is_there(start_weir, provider):
    weir = start_weir(provider, ready=None, agents=("app",), models={"ft:gpt-4o:*": {"upstream": "openai", "price": PRICE}})
    weir.write_policy(agents={"app": {"models": ["ft:gpt-4o:*"]}})
    weir.start()
    assert weir.chat(model="ft:gpt-4o:ours:1").status_code == 200
    assert provider.ledger()[-1].model == "ft:gpt-4o:ours:1"
    for model in ("gpt-4o", "ft:gpt-4", "xft:gpt-4o:ours"):
        assert code_of(weir.chat(model=model)) == "model_denied"


def test_the_exact_name_wins_over_a_star(start_weir, start_provider):
    general, special = start_provider(), start_provider()
    special.key = general.key
    weir = start_weir(general, ready=None, agents=("app",), upstreams={"other": {
        "api": "openai", "url": special.url, "credential": {"api_key": "${env:PROVIDER_KEY}"}}},
        models={"gpt-*": {"upstream": "openai", "price": PRICE}, "gpt-4o": {"upstream": "other", "price": PRICE}})
    weir.provider = None
    weir.provider = general
    weir.start()
    assert weir.chat(model="gpt-5-nano").status_code in (200, 403)
    weir.chat(model="gpt-4o")
    assert len(special.ledger()) == 1
    weir.provider = None  # two ledgers: compared above by hand


def test_the_list_shows_names_and_nothing_of_others(start_weir, provider):
    weir = start_weir(provider, agents=("app", "full"))
    weir.reload(agents={"app": {"models": ["gpt-4o-mini"]}})
    with weir.http() as http:
        listed = http.get("/v1/models").json()
        assert [m["id"] for m in listed["data"]] == ["gpt-4o-mini"] and listed["data"][0]["object"] == "model"
        assert http.get("/v1/models/gpt-4o").status_code == 404 or code_of(http.get("/v1/models/gpt-4o")) == "model_denied"
    assert provider.ledger() == []


def test_a_base_path_of_the_upstream_is_kept(start_weir, provider):
    provider.script(status=200, body='{"ok":1}')
    weir = start_weir(provider, upstreams={"openai": {"url": provider.origin + "/openai/v1"}})
    assert weir.chat().json() == {"ok": 1}
    assert provider.ledger()[-1].target == "/openai/v1/chat/completions"


@pytest.mark.parametrize("path, body", [
    ("/v1/embeddings", {"input": "x"}), ("/v1/completions", {"prompt": "x"}), ("/v1/moderations", {"input": "x"})])
def test_every_endpoint_asks_for_the_model(weir, provider, path, body):
    with weir.http() as http:
        assert code_of(http.post(path, json={"model": "gpt-5", **body})) == "model_denied"
        assert http.post(path, json={"model": "gpt-4o", **body}).status_code == 200
    assert len(provider.ledger()) == 1


def test_a_header_credential_is_sent_as_told(start_weir, provider):
    weir = start_weir(provider, ready=None)
    weir.write_policy(upstreams={"openai": {"credential": {"api_key": None, "header": "api-key", "value": "${env:PROVIDER_KEY}"}}})
    weir.provider = None
    weir.start()
    assert weir.chat().status_code == 200
    entry = provider.ledger()[-1]
    assert entry.header("api-key") and entry.header("authorization") is None


def test_a_secret_in_a_file_is_read_and_its_newline_cut(start_weir, provider, tmp_path):
    (tmp_path / "key").write_text(provider.key + "\n")
    (tmp_path / "key").chmod(0o600)
    weir = start_weir(provider, upstreams={"openai": {"credential": {"api_key": "${file:%s}" % (tmp_path / "key")}}})
    assert weir.chat().status_code == 200
