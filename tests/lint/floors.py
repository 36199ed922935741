#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""floors: includes go downward only, carry their folder, and every outside library stays in its folders."""
import os
import re

import tree

FLOOR_2 = {'base', 'crypto', 'net', 'http', 'json', 'config', 'scan', 'price',
           'text', 'journal', 'store', 'dialect', 'upstream'}
FLOOR_4 = FLOOR_2 | {'exchange', 'policy', 'observe'}
MAY_INCLUDE = {
    'base': set(),
    'crypto': {'base', 'json'},
    'net': {'base'},
    'http': {'base'},
    'json': {'base'},
    'config': {'base', 'crypto'},
    'scan': {'base'},
    'price': {'base'},
    'text': {'base', 'json', 'scan'},
    'journal': {'base', 'crypto'},
    'store': {'base', 'net', 'config', 'crypto', 'journal'},
    'dialect': {'base', 'http', 'json', 'price'},
    'upstream': {'base', 'net', 'http', 'config', 'crypto'},
    'exchange': FLOOR_2,
    'policy': FLOOR_2 | {'exchange'},
    'observe': FLOOR_2 | {'exchange'},
    'admin': FLOOR_4,
    'app': FLOOR_4 | {'admin'},
    'weir': {'base', 'price'},
}
# Contracts of floor 3 and above hold these values by name.
CONTRACT_EXTRAS = {'config/conf.h', 'net/deadline.h'}
# The contracts are for every floor, so "weir/" may be included from everywhere.
LIBRARIES = [
    (r'uv\.h|uv/', {'net'}),
    (r'openssl/', {'crypto', 'net'}),
    (r'llhttp\.h', {'http'}),
    (r'nghttp2/', {'http'}),
    (r'yyjson\.h', {'json'}),
    (r'libfyaml\.h', {'config'}),
    (r'hs/|hs\.h', {'scan'}),
    (r'msgpack', {'journal'}),
    (r'sqlite3\.h', {'store'}),
    (r'hiredis/', {'store'}),
    (r'seccomp\.h', {'app'}),
    (r'cmocka\.h', set()),
]
LIBC = set('''assert ctype dirent errno fcntl float getopt grp ifaddrs inttypes iso646 limits locale math netdb poll pthread
pwd sched semaphore setjmp signal spawn stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string strings
syslog termios threads time unistd wchar fnmatch glob malloc endian byteswap execinfo immintrin libgen'''.split())
LIBC_FOLDERS = {'sys', 'netinet', 'arpa', 'linux', 'net', 'bits'}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)


def room_of(path):
    parts = path.split('/')
    return 'weir' if parts[0] == 'include' else parts[1]


def outside(room, name):
    for pattern, rooms in LIBRARIES:
        if re.match(pattern, name):
            return None if room in rooms else f'<{name}> belongs to {" and ".join(sorted(rooms)) or "tests"}, not to {room}/'
    if name.split('/')[0] in LIBC_FOLDERS or name.removesuffix('.h') in LIBC:
        return None
    return f'<{name}> is not known: say in floors.py which folder it belongs to'


def inside(room, name):
    target = name.split('/')[0]
    if '/' not in name:
        return f'"{name}" does not carry its folder'
    if not any(os.path.isfile(os.path.join(tree.TOP, start, name)) for start in ('src', 'include')):
        return f'"{name}" is neither in src nor in include'
    if target in (room, 'weir') or target in MAY_INCLUDE[room] or room == 'weir' and name in CONTRACT_EXTRAS:
        return None
    return f'"{name}": {room}/ may include {" ".join(sorted(MAY_INCLUDE[room])) or "nothing"}, not {target}/'


def main():
    problems, n = [], 0
    for path in tree.files('.c', '.h', under=('src', 'include')):
        room = room_of(path)
        if room not in MAY_INCLUDE:
            problems.append(f'{path}: {room}/ has no floor in floors.py')
            continue
        text = tree.read(path)
        for match in INCLUDE.finditer(text):
            problem = (outside if match[1] == '<' else inside)(room, match[2])
            if problem:
                problems.append(f'{path}:{text.count(chr(10), 0, match.start()) + 1}: {problem}')
        n += 1
    tree.report('floors', problems, f'{n} files')


main()
