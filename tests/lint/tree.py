# SPDX-License-Identifier: Apache-2.0
"""tree: what the lint tests share: the files of the project, C text without comments and strings, one way to report."""
import os
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
IGNORED = ('.git', '.venv', '.cache', 'build', 'node_modules', '__pycache__')


def committed():
    """What git tracks or would track; None where there is no git or no repository."""
    try:
        git = subprocess.run(['git', '-C', TOP, 'ls-files', '-co', '--exclude-standard', '-z'], capture_output=True)
    except FileNotFoundError:
        return None
    return git.stdout.decode().split('\0') if git.returncode == 0 and git.stdout else None


def walked():
    found = []
    for folder, inner, names in os.walk(TOP):
        inner[:] = [name for name in inner if not name.startswith(IGNORED)]
        found += [os.path.relpath(os.path.join(folder, name), TOP) for name in names]
    return found


def files(*suffixes, under=()):
    """Paths from the top of what is or will be committed, chosen by ending and by first folder."""
    return sorted(f for f in committed() or walked() if f and os.path.isfile(os.path.join(TOP, f))
                  and (not suffixes or f.endswith(suffixes))
                  and (not under or f.split('/')[0] in under))


def read(path):
    with open(os.path.join(TOP, path), encoding='utf-8', errors='replace') as file:
        return file.read()


PIECES = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def code_of(text):
    """C text with comments and the insides of literals blanked; every line keeps its number."""
    def blank(match):
        piece = match.group()
        if piece[0] == '/':
            return re.sub(r'[^\n]', ' ', piece)
        return piece[0] + piece[-1]
    return PIECES.sub(blank, text)


def report(name, problems, summary):
    """Prints every problem and ends the command: 0 when there is none."""
    for problem in problems:
        print(f'{name}: {problem}')
    print(f'{name}: {summary}, {len(problems)} problems')
    sys.exit(1 if problems else 0)
