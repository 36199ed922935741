# SPDX-License-Identifier: Apache-2.0
"""proxies: how each proxy of the benchmark is started: one worker, plain HTTP/1.1, kept connections on both sides."""
import hashlib
import os
import shutil
import socket
import subprocess

import payloads

HERE = os.path.dirname(os.path.abspath(__file__))


def free_ports(count):
    """Ports that nobody listens on now; all are held at once, so that they differ."""
    held = [socket.create_server(('127.0.0.1', 0)) for _ in range(count)]
    ports = [sock.getsockname()[1] for sock in held]
    for sock in held:
        sock.close()
    return ports


NAMES = ('direct', 'nginx', 'haproxy', 'weir')
PORTS = dict(zip(NAMES, free_ports(len(NAMES))))
PROVIDER_PORT = PORTS['direct']


def write(run, name, text):
    path = os.path.join(run, name)
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)
    return path


def nginx(run):
    places = ' '.join(f'{kind}_temp_path {run}/nginx-{kind};' for kind in ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))
    path = write(run, 'nginx.conf', f'''daemon off; worker_processes 1; pid {run}/nginx.pid; error_log {run}/nginx.err crit;
worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{
  access_log off; tcp_nodelay on; {places}
  upstream provider {{ server 127.0.0.1:{PROVIDER_PORT}; keepalive 1024; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{PORTS['nginx']} backlog=4096;
    client_max_body_size 8m; client_body_buffer_size 64k; keepalive_requests 100000000; keepalive_timeout 600s;
    location / {{
      proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_buffering off; proxy_buffer_size 16k; proxy_buffers 8 16k; proxy_request_buffering off;
    }}
  }}
}}
''')
    return [shutil.which('nginx') or '/usr/sbin/nginx', '-c', path, '-e', f'{run}/nginx.err']


def haproxy(run):
    path = write(run, 'haproxy.cfg', f'''global
  nbthread 1
  maxconn 6000
defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  option http-keep-alive
  option http-no-delay
  http-reuse always
frontend agents
  bind 127.0.0.1:{PORTS['haproxy']} backlog 4096
  default_backend provider
backend provider
  server one 127.0.0.1:{PROVIDER_PORT} pool-max-conn -1
''')
    return [shutil.which('haproxy') or '/usr/sbin/haproxy', '-db', '-f', path]


def weir(run):
    template = os.environ.get('WEIR_BENCH_POLICY') or os.path.join(HERE, 'policy.yaml')
    digest = hashlib.sha256(payloads.KEY.encode()).hexdigest()
    with open(template, encoding='utf-8') as file:
        text = file.read().format(base=PORTS['weir'], up=PROVIDER_PORT, key=digest, run=run, tls=run)
    return ['env', 'BENCH_KEY=' + 'bench-' * 4, f'XDG_STATE_HOME={run}', binary(), 'run', '-c', write(run, 'weir.yaml', text)]


def binary():
    return os.environ.get('WEIR_BIN') or os.path.join(HERE, '..', '..', 'build', 'gcc', 'weir')


COMMANDS = {'nginx': nginx, 'haproxy': haproxy, 'weir': weir}


def version(name):
    command = {'nginx': [shutil.which('nginx') or '/usr/sbin/nginx', '-v'],
               'haproxy': [shutil.which('haproxy') or '/usr/sbin/haproxy', '-v'], 'weir': [binary(), 'version']}[name]
    done = subprocess.run(command, capture_output=True, text=True)
    return (done.stdout + done.stderr).strip().split('\n')[0].replace(' - https://haproxy.org/', '')
