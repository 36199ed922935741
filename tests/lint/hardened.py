#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hardened: a built program is what the compiler was asked for: position-independent, its tables read-only once bound, no
executable stack, stack and buffer checks in it. Usage: hardened.py PROGRAM"""
import re
import subprocess
import sys

import tree

WANTED = [
    ('position-independent', ['-hW'], r'Type:\s+DYN'),
    ('relocations read-only', ['-lW'], r'GNU_RELRO'),
    ('bound at start', ['-dW'], r'BIND_NOW|Flags:.*NOW'),
    ('stack not executable', ['-lW'], r'GNU_STACK.*\sRW\s'),
    ('stack protector', ['-sW', '--dyn-syms'], r'__stack_chk_(fail|guard)'),
    ('fortified calls', ['-sW', '--dyn-syms'], r'__(mem\w+|v?snprintf|read|recv\w*)_chk'),
]


def main():
    program, problems = sys.argv[1], []
    for what, options, pattern in WANTED:
        text = subprocess.run(['readelf', *options, program], capture_output=True, text=True).stdout
        if not re.search(pattern, text):
            problems.append(f'{program}: not {what}')
    tree.report('hardened', problems, f'{len(WANTED)} properties')


main()
