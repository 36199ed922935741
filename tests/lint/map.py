#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""map: src/README.md is true: every folder of src is named in it, and every file or folder named there exists."""
import glob
import os
import re

import tree

MAP = 'src/README.md'
STARTS = ('src', 'include', '.', 'src/*', 'src/*/*', 'include/*')


def exists(name):
    return any(glob.glob(os.path.join(tree.TOP, start, name)) for start in STARTS)


def main():
    problems = []
    if not os.path.isfile(os.path.join(tree.TOP, MAP)):
        tree.report('map', [f'{MAP} is missing'], 'no map')
    text = tree.read(MAP)
    named = {span for span in re.findall(r'`([^`\s]+)`', text) if re.fullmatch(r'[\w.*/-]+(\.[ch]|/)', span)}
    problems += [f'{MAP} names {name}, which does not exist' for name in sorted(named) if not exists(name)]
    folders = {path.split('/')[1] for path in tree.files(under=('src',)) if path.count('/') > 1}
    plain = {name.removeprefix('src/').split('/')[0] for name in named}
    problems += [f'{MAP} does not name src/{folder}/' for folder in sorted(folders - plain)]
    tree.report('map', problems, f'{len(folders)} folders, {len(named)} names')


main()
