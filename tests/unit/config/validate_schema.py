# SPDX-License-Identifier: Apache-2.0
"""validate_schema: what a JSON Schema validator makes of policies/weir.schema.json. Exit 77 where there is none."""
import json
import sys

try:
    from jsonschema import Draft202012Validator
except ImportError:
    sys.exit(77)


def agent(**keys):
    return {'version': 1, 'agents': {'a': keys}}


def upstream(**keys):
    return {'version': 1, 'upstreams': {'openai': keys}}


GOOD = [
    {'version': 1},
    {'version': 1, 'drain': {'quiet': '30s'}, 'workers': 2},
    {'version': 1, 'teams': {'t': {'models': ['m']}}, 'defaults': {'on_denied_tool': 'refuse'}},
    agent(tools=['get_*', 'any-local'], models=['gpt-4o']),
    agent(identity=[{'api_key': 'sha256:' + 64 * '0', 'not_after': '2030-01-01'}]),
    agent(mode='enforce'),
    agent(mode={'shadow': ['tools']}),
    agent(rate_limit='none', budget={}, team=None),
    agent(rate_limit=['100/hour', '10/minute per user burst 3']),
    upstream(credential={'api_key': '${env:KEY}'}),
    upstream(credential='passthrough', retry='none'),
]
BAD = [
    {},
    {'version': 2},
    {'version': 1, 'agnets': {}},
    {'version': 1, 'agents': {'Big': {}}},
    {'version': 1, 'drain': {'quiet': '30'}},
    {'version': 1, 'models': {'m': {}}},
    agent(tools='search'),
    agent(tools=['a b']),
    agent(suspended='yes'),
    agent(mode='shadow'),
    agent(identity=[{'api_key': 'x'}]),
    upstream(credential={'api_key': 'sk-x'}),
    upstream(url='api.openai.com'),
]

with open('policies/weir.schema.json', encoding='utf-8') as file:
    schema = json.load(file)
Draft202012Validator.check_schema(schema)
is_valid = Draft202012Validator(schema).is_valid
wrong = [p for p in GOOD if not is_valid(p)] + [p for p in BAD if is_valid(p)]
for policy in wrong:
    print('judged wrongly:', policy)
sys.exit(1 if wrong else 0)
