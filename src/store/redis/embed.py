#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Turns scripts/*.lua into the constants of script.h; run by the build. Usage: embed.py OUT.c FILE.lua...
# Comments and blank lines stay out, so that what servers keep is short; strings over several lines are not for scripts. Numbers
# that have a name in capitals (local A, B = 1, 2) are put in its place: to each function that uses one, a name costs time.
import hashlib
import os
import re
import sys

GREETING_MAX = 4096  # larger ones are loaded when a server says that it does not know them


def numbers_of(lines):
    """The names of numbers, and the lines without them."""
    numbers, rest = {}, []
    for line in lines:
        found = re.fullmatch(r"local ([A-Z][A-Z0-9_]*(?:, [A-Z][A-Z0-9_]*)*) = (-?\d+(?:, -?\d+)*)", line)
        if found:
            numbers.update(zip(found[1].split(", "), found[2].split(", "), strict=True))
        else:
            rest.append(line)
    return numbers, rest


def stripped(text):
    lines = (line.rstrip() for line in text.split("\n"))
    numbers, lines = numbers_of(line for line in lines if line and not re.match(r"\s*--", line))
    text = "\n".join(lines) + "\n"
    for word in re.findall(r"\w+", "".join(re.findall(r"'[^'\n]*'", text))):
        if word in numbers:
            sys.exit(f"{word} is a number's name and stands in quotes")
    return re.sub(r"\b[A-Z][A-Z0-9_]*\b", lambda word: numbers.get(word[0], word[0]), text)


def quoted(text):
    lines = text.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t").split("\n")
    return "\n".join('\t"' + line + '\\n"' for line in lines[:-1])


def main():
    out, *files = sys.argv[1:]
    parts = [
        "/* SPDX-License-Identifier: Apache-2.0 */\n/* Made by embed.py from scripts/. */\n",
        '#include "store/redis/script.h"\n',
    ]
    names = []
    for path in sorted(files):
        name = os.path.basename(path).removesuffix(".lua")
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            sys.exit(f"{path}: a script's name is small letters, digits and _")
        with open(path, encoding="ascii") as f:
            text = stripped(f.read())
        sha1 = hashlib.sha1(text.encode()).hexdigest()
        parts.append(
            f"const struct redis_script redis_script_{name} = {{\n"
            f'\t.name = "{name}",\n\t.text = SLICE_INIT(\n{quoted(text)}),\n\t.sha1 = "{sha1}",\n}};\n'
        )
        if len(text) <= GREETING_MAX:
            names.append(f"&redis_script_{name}")
    parts.append(
        "const struct redis_script *const redis_scripts[] = {" + ", ".join(names + ["NULL"]) + "};\n"
        f"const unsigned redis_scripts_n = {len(names)};\n"
    )
    with open(out, "w", encoding="ascii") as f:
        f.write("\n".join(parts))


main()
