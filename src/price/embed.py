#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Turns policies/prices/prices.tsv into the constant tables of price_rows.h; run by the build.
# Usage: embed.py PRICES.tsv price.h OUT.c. What the columns mean stands at the top of the file;
# a line that does not follow them stops the build.
import datetime
import re
import sys

CLOCK = r"(\d\d):(\d\d):(\d\d)"


class Tables:
    def __init__(self, units, rows):
        self.units, self.rows = units, rows
        self.text, self.places = "", {}
        self.providers, self.models, self.lists = [], [], []
        self.exacts, self.rules, self.terms, self.fallbacks = [], [], [], []
        self.values, self.runs = [], {}
        self.version = ""

    def put(self, text):
        """A place in the one long string; equal texts share theirs."""
        if text not in self.places:
            at = self.text.find(text)
            if at < 0:
                at = len(self.text)
                self.text += text
            self.places[text] = at
        return f"{{{self.places[text]}, {len(text)}}}"

    def put_rules(self, words, model):
        first = len(self.rules)
        for word in words:
            terms = word.split("&")
            self.rules.append((model, len(self.terms), len(terms)))
            for term in terms:
                negated = term.startswith("!")
                sign, what = term[negated], term[negated + 1 :].lower()
                if sign not in "=^$~%" or not what:
                    raise ValueError(f"no such rule: {word}")
                self.terms.append((self.put(what), sign, negated))
        return first, len(self.rules) - first

    def put_values(self, column):
        values = []
        for word in [] if column in ("free", "unknown") else column.split(" "):
            unit, _, prices = word.partition("=")
            base, *tiers = prices.split(">")
            values.append((0, self.units[unit], int(base)))
            for tier in tiers:
                above, _, each = tier.partition(":")
                if int(above) == 0:
                    raise ValueError(f"a tier begins at 0: {word}")
                values.append((int(above), self.units[unit], int(each)))
        values = tuple(sorted(values))
        if len({above for above, _, _ in values}) > self.rows:
            raise ValueError("more tiers than PRICE_ROWS")
        if values not in self.runs:
            self.runs[values] = len(self.values)
            self.values += values
        return self.runs[values], len(values), column == "free"


def split_column(column):
    return [] if column == "-" else column.split(" ")


def condition(text):
    if not text:
        return "PRICE_ALWAYS", 0, 0
    kind, _, when = text.partition(" ")
    if kind == "since":
        day = datetime.datetime.strptime(when, "%Y-%m-%d").replace(tzinfo=datetime.timezone.utc)
        return "PRICE_SINCE", int(day.timestamp()), 0
    h, m, s, h2, m2, s2 = (int(n) for n in re.fullmatch(f"{CLOCK}-{CLOCK}", when).groups())
    return "PRICE_DAILY", h * 3600 + m * 60 + s, h2 * 3600 + m2 * 60 + s2


def read(path, units, rows):
    t = Tables(units, rows)
    current = None
    for number, line in enumerate(open(path, encoding="ascii"), 1):
        line = line.rstrip("\n")
        if not line or line.startswith("#"):
            continue
        try:
            fields = line.split("\t")
            if fields[0] == "version":
                t.version = fields[1]
            elif fields[0] == "provider":
                current = dict(
                    zip(("name", "names", "own", "hosts", "fallbacks"), fields[1:], strict=True)
                )
                current["models"] = []
                t.providers.append(current)
            elif fields[0] == "":
                _, when, prices = fields
                current["models"][-1][2].append((when, prices))
            else:
                name, rules, prices = fields
                current["models"].append((name, rules, [("", prices)]))
        except (ValueError, TypeError, IndexError) as e:
            sys.exit(f"{path}:{number}: not a line of prices: {e}")
    return t


def lay_out(t):
    """All in the order of the file, so that the first rule that fits is the one that counts."""
    order = [p["name"] for p in t.providers]
    for index, p in enumerate(t.providers):
        first_model, first_exact, first_rule = len(t.models), len(t.exacts), len(t.rules)
        exact = {}
        for name, rules, lists in p["models"]:
            model = len(t.models)
            words = [f"={name}" if w == "=" else w for w in split_column(rules)]
            for word in [w for w in words if w[0] == "=" and "&" not in w]:
                exact.setdefault(word[1:].lower(), model)
            t.put_rules([w for w in words if w[0] != "=" or "&" in w], model)
            t.models.append((t.put(name), len(t.lists), len(lists), index))
            t.lists += [condition(when) + t.put_values(prices) for when, prices in lists]
        p["rules"] = first_rule, len(t.rules) - first_rule
        p["exacts"] = first_exact, len(exact)
        p["all"] = first_model, len(t.models) - first_model
        t.exacts += [(t.put(k), m) for k, m in sorted(exact.items())]
    for p in t.providers:
        hosts = [("%" if "*" in h else "=") + h for h in split_column(p["hosts"])]
        fallbacks = [order.index(f) for f in split_column(p["fallbacks"])]
        ranges = [p["all"], p["exacts"], p["rules"]]
        ranges += [t.put_rules(split_column(p[k]), 0) for k in ("names", "own")] + [
            t.put_rules(hosts, 0)
        ]
        ranges += [(len(t.fallbacks), len(fallbacks))]
        t.fallbacks += fallbacks
        p["row"] = t.put(p["name"]), *("{%d, %d}" % r for r in ranges)


def array(kind, name, rows):
    def cell(v):
        return str(v).lower() if isinstance(v, bool) else str(v)

    lines = ("\t{" + ", ".join(cell(v) for v in row) + "}," for row in rows)
    return f"const struct price_{kind} {name}[] = {{\n" + "\n".join(lines) + "\n};\n"


def write(t, out):
    chunks = [t.text[i : i + 80] for i in range(0, len(t.text), 80)]
    quoted = "\n".join('\t"' + c.replace("\\", "\\\\").replace('"', '\\"') + '"' for c in chunks)
    parts = [
        "/* SPDX-License-Identifier: MIT */\n"
        "/* Made by embed.py from prices.tsv, whose licence it has. */\n",
        '#include "price/price_rows.h"\n',
        f'const char price_version[] = "{t.version}";\n',
        f"const char price_text[] =\n{quoted};\n",
        array("provider", "price_providers", [p["row"] for p in t.providers]),
        f"const unsigned price_providers_n = {len(t.providers)};\n",
        array("model", "price_models", t.models),
        f"const unsigned price_models_n = {len(t.models)};\n",
        array("exact", "price_exacts", t.exacts),
        array("rule", "price_rules", t.rules),
        array(
            "term", "price_terms", [(text, f"'{sign}'", negated) for text, sign, negated in t.terms]
        ),
        array("list", "price_lists", t.lists),
        array("value", "price_values", [(each, above, unit) for above, unit, each in t.values]),
        "const unsigned char price_fallbacks[] = {"
        + ", ".join(str(f) for f in t.fallbacks + [0])
        + "};\n",
    ]
    if (
        max(len(t.models), len(t.rules), len(t.terms), len(t.values), len(t.lists), len(t.exacts))
        >= 65536
    ):
        sys.exit("the table has outgrown the 16-bit indexes of price_rows.h")
    with open(out, "w", encoding="ascii") as f:
        f.write("\n".join(parts))


def main():
    prices, header, out = sys.argv[1:]
    text = open(header, encoding="ascii").read()
    body = text.split("#define PRICE_UNIT_LIST", 1)[1].split("enum", 1)[0].split("\n", 1)[1]
    units = {name: i for i, name in enumerate(re.findall(r"\bX\((\w+)\)", body))}
    tables = read(prices, units, int(re.search(r"#define PRICE_ROWS (\d+)", text)[1]))
    lay_out(tables)
    write(tables, out)


main()
