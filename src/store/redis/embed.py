#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Turns scripts/*.lua into the constants of script.h; run by the build. Usage: embed.py OUT.c FILE.lua...
# Comments and blank lines stay out, so that what servers keep is short; strings over several lines are not for scripts.
import hashlib
import os
import re
import sys

GREETING_MAX = 4096  # larger ones are loaded when a server says that it does not know them


def stripped(text):
    lines = (line.rstrip() for line in text.split("\n"))
    return "\n".join(line for line in lines if line and not re.match(r"\s*--", line)) + "\n"


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
