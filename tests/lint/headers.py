#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""headers: each header compiles alone, so that an include never depends on the one before it."""
import concurrent.futures
import os
import subprocess

import tree

COMMAND = [os.environ.get('CC', 'cc'), '-std=gnu17', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Wundef', '-Werror',
           '-fsyntax-only', '-Isrc', '-Iinclude', '-Itests', '-xc', '-']


def compile_alone(path):
    name = path.split('/', 1)[1]
    text = f'#include "{name}"\n#include "{name}"\n'
    done = subprocess.run(COMMAND, input=text, text=True, capture_output=True, cwd=tree.TOP)
    return f'{path} does not compile alone:\n{done.stderr.strip()}' if done.returncode else None


def main():
    headers = tree.files('.h', under=('src', 'include')) + [f for f in tree.files('.h') if f.startswith('tests/rig/')]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        problems = [problem for problem in pool.map(compile_alone, headers) if problem]
    tree.report('headers', problems, f'{len(headers)} headers')


main()
