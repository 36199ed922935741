#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""banned: functions that nobody calls, a licence line first, no notes to self, no path or package host of one machine."""
import re

import tree

CALLS = 'strcpy strcat sprintf vsprintf gets strtok atoi atol atoll atof alloca'.split()
HEAP = 'malloc calloc realloc reallocarray free strdup strndup asprintf vasprintf'.split()
HEAP_HOME = 'src/base/mem.c'
LICENSED = ('.c', '.h', '.py', '.sh', '.build', '.yaml', '.yml', '.js', '.mjs', '.wrap', 'meson_options.txt',
            'requirements.txt', 'Dockerfile')
SPDX = 'SPDX-License-Identifier: ' + 'Apache-2.0'
NOTES = re.compile(r'\b(TO' r'DO|FIX' r'ME|XX' r'X)\b')
PLACES = re.compile(r'(?<![\w.*])/(?:wo' r'rk|ro' r'ot|ho' r'me)/[\w.]')
HOSTS = re.compile('|'.join(re.escape(first + '.' + rest) for first, rest in (
    ('registry', 'npmjs.org'), ('registry', 'yarnpkg.com'), ('pypi', 'org'), ('pypi', 'python.org'),
    ('pythonhosted', 'org'), ('deb', 'debian.org'), ('security', 'debian.org'), ('snapshot', 'debian.org'),
    ('archive', 'ubuntu.com'), ('proxy', 'golang.org'), ('crates', 'io'), ('deb', 'nodesource.com'))))


def function_problems(path, text):
    code = tree.code_of(text)
    words = CALLS + (HEAP if path.startswith(('src/', 'include/')) and path != HEAP_HOME else [])
    for match in re.finditer(r'(?<![\w.>])(' + '|'.join(words) + r')\s*\(', code):
        yield f'{path}:{code.count(chr(10), 0, match.start()) + 1}: {match[1]}() is banned'


def text_problems(path, text):
    for number, line in enumerate(text.split('\n'), 1):
        for pattern, what in ((NOTES, 'a note to self'), (PLACES, 'a path of one machine'), (HOSTS, 'a package host')):
            if match := pattern.search(line):
                yield f'{path}:{number}: {what}: {match.group()}'


def licence_problem(path, text):
    lines = text.split('\n')[:2]
    wants = path.endswith(LICENSED) or lines[0].startswith('#!')
    first = lines[1:] if lines[0].startswith('#!') else lines[:1]
    return wants and not any(SPDX in line for line in first)


def main():
    problems, n = [], 0
    for path in tree.files():
        if path.startswith(('tests/fuzz/corpus/', 'tests/e2e/broken/', 'LICENSE')):
            continue
        text = tree.read(path)
        if '\0' in text:
            continue
        n += 1
        if path.endswith(('.c', '.h')):
            problems += function_problems(path, text)
        if licence_problem(path, text):
            problems.append(f'{path}: the first line is not the licence line')
        problems += text_problems(path, text)
    tree.report('banned', problems, f'{n} files')


main()
