#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sizes: no C file over 700 lines, no function over 100; prints how long functions are and the longest of them."""
import statistics

import tree

FILE_MAX, FUNCTION_MAX = 700, 100


def functions(path):
    """Name, first line and length of each function: its body begins with { and ends with } in the first column."""
    lines = tree.code_of(tree.read(path)).split('\n')
    start = None
    for number, line in enumerate(lines):
        if line.rstrip() == '{' and start is None:
            start = number
        elif line.startswith('}') and start is not None:
            head = start - 1
            while head > 0 and not (lines[head][:1].strip() and '(' in lines[head]):
                head -= 1
            name = lines[head].split('(')[0].split()[-1].lstrip('*') if '(' in lines[head] else '?'
            yield name, head + 1, number - start + 1
            start = None


def main():
    problems, shipped, longest, n = [], [], [], 0
    for path in tree.files('.c', '.h', under=('src', 'include', 'tests')):
        n += 1
        length = tree.read(path).count('\n')
        if length > FILE_MAX:
            problems.append(f'{path}: {length} lines, at most {FILE_MAX}')
        for name, line, size in functions(path):
            if not path.startswith('tests/'):
                shipped.append(size)
                longest.append((size, f'{path}:{line} {name}'))
            if size > FUNCTION_MAX:
                problems.append(f'{path}:{line}: {name} has {size} lines, at most {FUNCTION_MAX}')
    for size, where in sorted(longest, reverse=True)[:5]:
        print(f'sizes: {size} lines {where}')
    median = statistics.median(shipped) if shipped else 0
    tree.report('sizes', problems, f'{n} files, {len(shipped)} functions in src, median {median:g} lines')


main()
