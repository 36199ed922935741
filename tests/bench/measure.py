# SPDX-License-Identifier: Apache-2.0
"""measure: processes of the benchmark: started on a core, waited for, their CPU time, memory and system calls read."""
import glob
import json
import os
import re
import signal
import socket
import subprocess
import time


def spawn(command, core, output):
    """A process on one core, with its output in a file; it runs before others when we may say so."""
    def place():
        os.sched_setaffinity(0, {core})
        try:
            os.setpriority(os.PRIO_PROCESS, 0, -10)
        except OSError:
            pass
    with open(output, 'wb') as log:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=place,
                                start_new_session=True)


def family(pid):
    """The process and all that it started."""
    found = [pid]
    for path in glob.glob(f'/proc/{pid}/task/*/children'):
        try:
            with open(path) as file:
                for child in file.read().split():
                    found += family(int(child))
        except OSError:
            pass
    return found


def stop(process):
    for pid in reversed(family(process.pid)):
        try:
            os.kill(pid, signal.SIGTERM)
        except OSError:
            pass
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def first_answer(port, request, began, limit=10):
    """Milliseconds from began until the request is answered with 200."""
    while time.monotonic() - began < limit:
        try:
            with socket.create_connection(('127.0.0.1', port), timeout=1) as sock:
                sock.sendall(request)
                if b' 200' in sock.recv(4096)[:16]:
                    return (time.monotonic() - began) * 1000
        except OSError:
            pass
        time.sleep(0.0005)
    raise TimeoutError(f'port {port} did not answer within {limit} s')


def cpu_ns(pids):
    """Time on a core of all threads, as the scheduler counts it."""
    total = 0
    for pid in pids:
        for path in glob.glob(f'/proc/{pid}/task/*/schedstat'):
            with open(path) as file:
                total += int(file.read().split()[0])
    return total


def private_dirty_kib(pids):
    total = 0
    for pid in pids:
        with open(f'/proc/{pid}/smaps_rollup') as file:
            total += int(re.search(r'Private_Dirty: +(\d+)', file.read())[1])
    return total


def busy_ticks():
    with open('/proc/stat') as file:
        numbers = [int(n) for n in file.readline().split()[1:9]]
    return sum(numbers) - numbers[3] - numbers[4]


def load(program, port, request, output, **options):
    """Runs the load generator on the other core; returns what it counted."""
    command = [program, '-p', str(port), '-f', request]
    for name, value in options.items():
        command += ['-' + name] + ([] if value is True else [str(value)])
    process = spawn(command, cores()[-1], output)
    process.wait()
    with open(output) as file:
        lines = file.read().strip().split('\n')
    if process.returncode:
        raise RuntimeError(f'load generator: {lines[-1]}')
    return json.loads(lines[-1])


def cores():
    return sorted(os.sched_getaffinity(0))


def count_syscalls(pids, output, during):
    """Calls of during() and the system calls that the processes made meanwhile, by name."""
    tracer = subprocess.Popen(['strace', '-c', '-f', '-o', output] + [a for pid in pids for a in ('-p', str(pid))],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.7)
    result = during()
    tracer.send_signal(signal.SIGINT)
    tracer.wait()
    counts = {}
    with open(output) as file:
        for line in file:
            fields = line.split()
            if len(fields) >= 5 and fields[0][0].isdigit() and fields[-1] != 'total':
                counts[fields[-1]] = int(fields[3])
    return result, counts
