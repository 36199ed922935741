# SPDX-License-Identifier: Apache-2.0
"""payloads: the bytes of the benchmark: requests as an SDK sends them, answers as a provider does. The same each time."""
import json
import os

KEY = 'weir_bench_' + '0123456789abcdef' * 2
EVENTS = 100


def tool(name, about, **fields):
    return {'type': 'function', 'function': {'name': name, 'description': about, 'parameters': {
        'type': 'object', 'properties': {field: {'type': kind} for field, kind in fields.items()},
        'required': list(fields)[:1]}}}


TOOLS = [
    tool('search_tickets', 'Finds support tickets by words and state.', query='string', state='string', limit='integer'),
    tool('get_customer', 'Reads one customer by number or address.', number='string', email='string'),
    tool('refund', 'Gives back the price of an order, whole or in part.', order='string', cents='integer', reason='string'),
    tool('send_email', 'Writes to a customer.', to='string', subject='string', body='string'),
]
SYSTEM = ('You help the customers of a shop for glassware. Use the tools where they help, keep what is internal to yourself, '
          'answer in the language of the question and in no more than five sentences.')
QUESTION = ('Good morning, two of the four glasses of order 88-10442 came in pieces; the box had been left in the rain behind the '
            'house. Could you refund the two, or send new ones before Friday the 14th? I have photographs of the box and of the '
            'glasses if that helps. The number of the parcel is 0034 0434 1610 and my customer number is C-204417. ') * 2
ANSWER = ('I am sorry that the glasses arrived broken. Two new ones leave our house today and will be with you on Thursday; you '
          'need not send the broken ones back, but please keep them until then. ') * 4
USAGE = {'prompt_tokens': 612, 'completion_tokens': 141, 'total_tokens': 753,
         'prompt_tokens_details': {'cached_tokens': 512, 'audio_tokens': 0},
         'completion_tokens_details': {'reasoning_tokens': 0, 'audio_tokens': 0}}
HEADERS = '''Accept: application/json
Content-Type: application/json
User-Agent: OpenAI/Python 3.54.0
X-Stainless-Lang: python
X-Stainless-Package-Version: 3.54.0
X-Stainless-OS: Linux
X-Stainless-Arch: x64
X-Stainless-Runtime: CPython
X-Stainless-Runtime-Version: 3.11.2
X-Stainless-Async: false
X-Stainless-Retry-Count: 0'''


def dump(value):
    return json.dumps(value, separators=(',', ':'))


def request(model, stream=False, filling=0):
    messages = [{'role': 'system', 'content': SYSTEM}]
    for turn in range(filling // len(QUESTION)):
        messages.append({'role': 'assistant' if turn % 2 else 'user', 'content': f'{turn}: {QUESTION}'})
    messages.append({'role': 'user', 'content': QUESTION})
    body = {'model': model, 'messages': messages, 'tools': TOOLS, 'tool_choice': 'auto', 'temperature': 0.2, 'max_tokens': 512}
    if stream:
        body |= {'stream': True, 'stream_options': {'include_usage': True}}
    return dump(body)


def post(body):
    head = f'POST /v1/chat/completions HTTP/1.1\nHost: bench.local\nAuthorization: Bearer {KEY}\n{HEADERS}\n'
    return (head + f'Content-Length: {len(body)}\n\n').replace('\n', '\r\n') + body


def answer(**head):
    return ('HTTP/1.1 200 OK\r\nx-request-id: req_0123456789abcdef\r\n'
            + ''.join(f'{name.replace("_", "-")}: {value}\r\n' for name, value in head.items()) + '\r\n')


def chunk(text):
    return f'{len(text):x}\r\n{text}\r\n'


def event(**fields):
    common = {'id': 'chatcmpl-BenchBenchBenchBenchBench', 'object': 'chat.completion.chunk', 'created': 1741569952,
              'model': 'bench-model-2026-11-01'}
    return f'data: {dump(common | fields)}\n\n'


def delta(**fields):
    return event(choices=[{'index': 0, 'delta': fields, 'finish_reason': None}])


def write(folder):
    """All payloads as files of folder: *.req for the load generator, *.http for the mock provider."""
    os.makedirs(folder, exist_ok=True)
    unary = dump({'id': 'chatcmpl-BenchBenchBenchBenchBench', 'object': 'chat.completion', 'created': 1741569952,
                  'model': 'bench-model-2026-11-01', 'usage': USAGE, 'choices': [
                      {'index': 0, 'message': {'role': 'assistant', 'content': ANSWER, 'refusal': None}, 'finish_reason': 'stop'}]})
    head = answer(Content_Type='text/event-stream; charset=utf-8', Transfer_Encoding='chunked')
    first = chunk(delta(role='assistant', content=''))
    last = (chunk(event(choices=[{'index': 0, 'delta': {}, 'finish_reason': 'stop'}])) + chunk(event(choices=[], usage=USAGE))
            + chunk('data: [DONE]\n\n') + '0\r\n\r\n')
    stamped = chunk(delta(content='@' + '0' * 19 + ' token'))
    files = {
        'chat.req': post(request('bench-chat')),
        'burst.req': post(request('bench-burst', stream=True)),
        'paced.req': post(request('bench-paced', stream=True)),
        'big.req': post(request('bench-chat', filling=256 << 10)),
        'models.req': f'GET /v1/models HTTP/1.1\r\nHost: bench.local\r\nAuthorization: Bearer {KEY}\r\n\r\n',
        'chat.http': answer(Content_Type='application/json', Content_Length=len(unary)) + unary,
        'stream-head.http': head, 'stream-first.http': first, 'stream-event.http': stamped, 'stream-last.http': last,
        'burst.http': head + first + stamped * EVENTS + last,
    }
    for name, text in files.items():
        with open(os.path.join(folder, name), 'w', encoding='ascii', newline='') as file:
            file.write(text)
