# SPDX-License-Identifier: Apache-2.0
"""The oracle that every test shares: Weir's log, Weir's metrics and the provider's ledger tell one story."""

import re
from collections import Counter
from decimal import Decimal

from rig import PRICE, eventually, sha256

NANO = Decimal("0.000000001")


def cost(usage, price):
    """Nano-dollars, rounded up once: prices are pico-dollars a token."""
    pico = {k: int(Decimal(str(v)) * 10**6) for k, v in price.items() if k != "request"}
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
    written = (usage.get("prompt_tokens_details") or {}).get("cache_write_tokens", 0)
    plain = usage["prompt_tokens"] - cached - written
    total = (plain * pico["input"] + cached * pico.get("cached_input", pico["input"])
             + written * pico.get("cache_write", pico["input"]) + usage.get("completion_tokens", 0) * pico["output"])
    total += int(Decimal(str(price.get("request", 0))) * 10**12)  # USD a request
    return -(-total // 1000)


def nano(amount):
    if amount is None:  # no price: an alarm says so
        return 0
    got = Decimal(str(amount)) / NANO
    assert got == got.to_integral_value(), f"{amount} is finer than a nano-dollar"
    return int(got)


def facts_of_entry(entry, prices):
    usage, details = entry.usage, entry.usage.get("prompt_tokens_details") or {}
    output_details = usage.get("completion_tokens_details") or {}
    return (entry.model, usage["prompt_tokens"], details.get("cached_tokens", 0), usage.get("completion_tokens", 0),
            output_details.get("reasoning_tokens", 0), cost(usage, prices.get(entry.model, PRICE)))


def facts_of_line(line):
    return (line.get("upstream_model") or line["model"], line["tokens_input"], line["tokens_cached"], line["tokens_output"],
            line["tokens_reasoning"], nano(line["cost_usd"]) - nano(line.get("tools_cost_usd", 0)))


def tools_ledger(weir):
    return [entry for server in weir.tool_servers for entry in server.ledger()]


def tool_of_entry(weir, entry):
    """The one tool of the policy that is asked like this."""
    path, found = entry.target.partition("?")[0], []
    for name, tool in weir.in_force["tools"].items():
        upstream = weir.in_force["upstreams"].get(tool.get("upstream"))
        if not upstream or tool.get("method", "POST") != entry.method:
            continue
        base = "/" + upstream["url"].split("/", 3)[3].rstrip("/") if upstream["url"].count("/") > 2 else ""
        form = re.escape(base + tool.get("path", "/" + tool.get("upstream_name", name)))
        if re.fullmatch(re.sub(r"\\\{[^}]*\\\}", r"[^/]+", form), path):
            found.append(name)
    assert len(found) == 1, f"{entry.method} {entry.target} is none of the tools, or several: {found}"
    return found[0]


def check_tools(weir, calls, ledger):
    """Each call of a tool is one request there, of a tool that somebody may use, and costs what the policy says if it ran."""
    theirs, keys = {"sha256:" + sha256(k) for k in weir.keys.values()}, {"sha256:" + sha256(s.key) for s in weir.tool_servers}
    allowed, ran = weir.allowed_tools(), Counter()
    for entry in ledger:
        assert not hasattr(entry, "bad"), f"a tool was sent a broken request: {entry}"
        assert not theirs & {v for _, v in entry.headers}, f"an agent's key went to a tool: {entry}"
        assert entry.header("authorization") in keys | {None}, entry
        assert not [n for n, _ in entry.headers if n.lower().startswith("x-weir-")], entry
        name = tool_of_entry(weir, entry)
        assert allowed is None or name in allowed | weir.hosted_allowed, f"nobody may use {name}, and it was asked"
        ran[name] += not 400 <= entry.status < 500
    charged = Counter()
    for c in calls:
        charged[c.get("tool")] += nano(c["cost_usd"])
    prices = {name: nano(tool.get("cost", 0)) for name, tool in weir.in_force["tools"].items()}
    assert +charged == +Counter({name: n * prices[name] for name, n in ran.items()}), (charged, ran)


def settle(weir, provider):
    """Waits until nothing is under way on either side and the log has stopped growing."""
    def quiet():
        ledger, calls = provider.ledger() + tools_ledger(weir), weir.calls()
        return (all(e.over for e in ledger) and sum(c["attempts"] for c in calls) >= len(ledger)
                and len(calls) >= weir.metric("weir_calls_total"))
    eventually(quiet, 8, "calls that never ended, or that the log does not have")


def check_bytes(weir, provider, ledger):
    """What reached the provider was well formed, carried its own credential and nobody's else."""
    theirs = {"sha256:" + sha256(k) for k in weir.keys.values()}
    for entry in ledger:
        assert not hasattr(entry, "bad"), f"the provider was sent a broken request: {entry}"
        assert entry.header("authorization") == "sha256:" + sha256(provider.key), entry
        assert not theirs & {v for _, v in entry.headers}, f"an agent's key went upstream: {entry}"
        assert not [n for n, _ in entry.headers if n.lower().startswith("x-weir-")], entry
    allowed = weir.allowed_tools()
    if allowed is not None:
        for entry in ledger:
            assert set(entry.tools) <= allowed | weir.hosted_allowed, f"a tool that nobody may use went upstream: {entry.tools}"


def check_attempts(calls, ledger):
    """Each request at the provider is an attempt of the log; an attempt that never arrived is one that failed."""
    attempts = sum(c["attempts"] for c in calls)
    in_vain = sum(c["attempts"] - 1 if c["code"] == "ok" else c["attempts"] for c in calls if c["attempts"])
    assert attempts - in_vain <= len(ledger) <= attempts, f"{attempts} attempts, {in_vain} of them perhaps in vain, {len(ledger)} arrived"


def settled_together(exact, said, cut):
    """Takes out calls for embeddings that were one call upstream: their shares are what it used and cost, to the last of both;
    less of it only where calls were cut, whose shares nobody knows."""
    exact, said = exact - said, said - exact
    for model in {f[0] for f in exact}:
        shares, whole = ([f for f in facts.elements() if f[0] == model] for facts in (exact, said))
        borne, used = ([sum(n) for n in zip(*(f[1:] for f in facts))] for facts in (shares, whole))
        if borne == used:
            exact, said = exact - Counter(shares), said - Counter(whole)
        elif cut and used and all(b <= u for b, u in zip(borne, used)):
            exact = exact - Counter(shares)
    return exact, said


def check_money(weir, calls, ledger):
    """Calls that ended: same tokens, same nano-dollars. Calls that were cut: marked."""
    prices = {m.get("upstream_name", name): m.get("price", PRICE) for name, m in weir.in_force["models"].items()}
    said = Counter(facts_of_entry(e, prices) for e in ledger if e.usage and e.usage_sent)
    exact = Counter(facts_of_line(c) for c in calls if c["tokens_used"] and not c["estimated"])
    cut = sum(1 for c in calls if c["estimated"])
    if any(c.get("action") == "embedding" for c in calls):
        exact, said = settled_together(exact, said, cut)
    assert not exact - said, f"charged what no provider said: {exact - said}; the ledger has {said}"
    missed = sum((said - exact).values())
    assert missed <= cut, f"{missed} answers with usage, only {cut} lines are estimated: {said - exact}"


def check_local_tools(weir, calls):
    """What an answer pays for are calls of tools that the agent runs itself, each at its price."""
    prices = {name: nano(tool.get("cost", 0)) for name, tool in weir.in_force["tools"].items() if not tool.get("upstream")}
    for c in calls:
        paid, called = nano(c.get("tools_cost_usd", 0)), c.get("tool", [])
        most = sum(prices.get(name, 0) for name in ([called] if isinstance(called, str) else called))
        assert paid <= most, f"more was paid for tools than was called: {c}"


def check_metrics(weir, calls):
    page = weir.metrics()
    known = [c for c in calls if c.get("agent")]
    for agent in {c["agent"] for c in known}:
        mine = [c for c in known if c["agent"] == agent]
        assert weir.metric("agent_requests_total", page, agent=agent) == len(mine)
        assert nano(weir.metric("agent_cost_usd_total", page, agent=agent)) == sum(nano(c["cost_usd"]) for c in mine)
        for code, n in Counter(c["code"] for c in mine).items():
            assert weir.metric("weir_calls_total", page, agent=agent, code=code) == n, (agent, code)
    assert weir.metric("weir_calls_total", page) == len(calls)
    assert nano(weir.metric("weir_cost_usd_total", page)) == sum(nano(c["cost_usd"]) for c in calls)
    assert weir.metric("weir_records_dropped_total", page) == 0


def check_secrets(weir):
    texts = [weir.log_path.read_text(errors="replace"), weir.err_path.read_text(errors="replace")]
    for text in texts:
        for canary in weir.canaries:
            assert canary not in text and canary[:20] not in text, "a key stands in a log"


def reconcile(weir, provider):
    settle(weir, provider)
    calls, ledger = weir.calls(), provider.ledger()
    ids = [c["request_id"] for c in calls]
    assert len(ids) == len(set(ids)), "two lines about one call"
    models, tools = ([c for c in calls if (c.get("action") == "tool") == of_tool] for of_tool in (False, True))
    check_attempts(models, ledger)
    check_attempts(tools, tools_ledger(weir))
    check_tools(weir, tools, tools_ledger(weir))
    for c in calls:
        if c["verdict"] == "deny" and (not c.get("tool") or c.get("action") == "tool"):
            assert c["attempts"] == 0, f"denied, and yet sent: {c}"
    check_bytes(weir, provider, ledger)
    check_money(weir, models, ledger)
    check_local_tools(weir, models)
    check_metrics(weir, calls)
    check_secrets(weir)
    return calls, ledger
