"""The loads: redis-benchmark, and the small programs beside this file for what it cannot do."""

import contextlib
import csv
import glob
import io
import json
import os
import re
import select
import shutil
import socket
import subprocess
import threading
import time

from servers import BenchError, stop

# The Debian package of each program that is run.
PACKAGES = {
    "gnuplot": "gnuplot-nox",
    "logger": "bsdutils",
    "redis-benchmark": "redis-tools",
    "redis-cli": "redis-tools",
    "redis-server": "redis-server",
    "rsyslogd": "rsyslog",
    "socat": "socat",
    "valgrind": "valgrind",
}

LOAD_SECONDS = 300  # no single load takes as long; redis-benchmark never gives up by itself


def run(command, seconds=LOAD_SECONDS, stdin=subprocess.DEVNULL):
    """Runs a load to its end and returns what it printed."""
    try:
        done = subprocess.run(
            command,
            stdin=stdin,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BenchError(f"{' '.join(command)}: not done after {seconds} s") from None
    if done.returncode != 0:
        said = done.stderr.strip() or done.stdout.strip()
        raise BenchError(f"{' '.join(command)}: status {done.returncode}: {said}")
    return done.stdout


def figure_in(output, pattern=r"^([0-9.]+)$"):
    """The first number in what a load has printed that the pattern's group finds."""
    found = re.search(pattern, output, re.M)
    if found is None:
        raise BenchError(f"no figure in {output.strip()!r}")
    return float(found[1])


def redis_benchmark(server, clients, messages, pipeline=1, test="ping_inline"):
    """Messages a second."""
    command = ["redis-benchmark", "-p", str(server.port), "-c", str(clients), "-n", str(messages)]
    output = run([*command, "-P", str(pipeline), "-t", test, "--csv"])
    rows = [row for row in csv.reader(io.StringIO(output)) if row and row[0] != "test"]
    try:
        return float(rows[0][1])
    except (IndexError, ValueError):
        raise BenchError(f"redis-benchmark printed no figure: {output!r}") from None


class Held:
    """COUNT connections that are there and do nothing."""

    def __init__(self, process, seconds):
        self.process = process
        self.seconds = seconds  # from the first connect to the answer on the last connection

    def speak(self):
        """Each of them sends one message and gets its answer."""
        self.process.stdin.write("speak\n")
        self.process.stdin.flush()
        if expect_line(self.process) != "spoken\n":
            raise BenchError(f"hold: {self.process.stderr.read().strip()}")


def expect_line(process):
    if not select.select([process.stdout], [], [], LOAD_SECONDS)[0]:
        raise BenchError(f"{' '.join(process.args)}: nothing after {LOAD_SECONDS} s")
    return process.stdout.readline()


@contextlib.contextmanager
def hold(machine, server, count):
    process = subprocess.Popen(
        [machine.program("hold"), str(server.port), str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        words = expect_line(process).split()
        if len(words) != 2 or words[0] != "opened":
            raise BenchError(process.stderr.read().strip())
        yield Held(process, float(words[1]))
        _, errors = process.communicate(timeout=LOAD_SECONDS)
        if process.returncode != 0:
            raise BenchError(errors.strip())
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def latency(machine, server, idle, busy, silence, samples):
    """What latency.c prints, as a dictionary."""
    numbers = [str(number) for number in (server.port, idle, busy, silence, samples)]
    output = run([machine.program("latency"), *numbers])
    try:
        return json.loads(output)
    except json.JSONDecodeError:
        raise BenchError(f"no figures in {output.strip()!r}") from None


def lines(server, data, count):
    """Sends `data` (`count` lines) on one connection while the answers are read; seconds."""
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.settimeout(LOAD_SECONDS)
        start = time.monotonic()
        sender = threading.Thread(target=client.sendall, args=(data,), daemon=True)
        sender.start()
        answers = 0
        while answers < count:
            got = client.recv(65536)
            if not got:
                raise BenchError(f"the server closed after {answers} of {count} long lines")
            answers += got.count(b"\n")
        seconds = time.monotonic() - start
        sender.join()
    return seconds


def rally(server, bursts, size):
    """Sends `size` short lines at once and waits for their answers, `bursts` times over: the
    server does exactly the same each time."""
    burst = b"PING\r\n" * size
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.settimeout(LOAD_SECONDS)
        for _ in range(bursts):
            client.sendall(burst)
            answers = 0
            while answers < size:
                got = client.recv(65536)
                if not got:
                    raise BenchError("the server closed a short connection")
                answers += got.count(b"\n")


def seconds_of(command, path=os.devnull):
    """Of a command that reads the file from its standard input."""
    with open(path, "rb") as file:
        start = time.monotonic()
        run(command, stdin=file)
        return time.monotonic() - start


def tcpack_lines(machine, server, path):
    command = [machine.tcpack_path, "-c", os.devnull, "-p", str(server.port), "-f", "line", "-q"]
    return seconds_of(command, path)


def redis_pipe(server, path):
    return seconds_of(["redis-cli", "-p", str(server.port), "--pipe"], path)


def logger(server, path):
    address = ["-n", "127.0.0.1", "-P", str(server.port)]
    return seconds_of(["logger", "--tcp", *address, "--rfc3164", "-f", path])


OMRELP_CONF = """\
global(workDirectory="{work}")
module(load="imfile" mode="inotify")
module(load="omrelp")
input(type="imfile" file="{source}" tag="x" ruleset="send" freshStartTail="off")
template(name="raw" type="string" string="%msg%")
ruleset(name="send") {{
  action(type="omrelp" target="127.0.0.1" port="{port}" template="raw" windowSize="1000"
         queue.type="linkedList" queue.size="1000000" queue.dequeueBatchSize="1000"
         action.resumeRetryCount="-1" action.resumeInterval="1")
}}
"""


def wait_for_lines(path, count):
    """Seconds from the first line in a file that grows to the one after `count` more."""
    end = time.monotonic() + LOAD_SECONDS
    found, start = 0, None
    with open(path, "rb") as file:
        while time.monotonic() < end:
            found += file.read().count(b"\n")
            if start is None and found > 0:
                start, first = time.monotonic(), found
            if start is not None and found >= count:
                return (time.monotonic() - start) * count / max(found - first, 1)
            time.sleep(0.005)
    raise BenchError(f"omrelp: {found} of {count} messages after {LOAD_SECONDS} s")


def omrelp(machine, server, lines, output):
    """Messages a second from rsyslog's omrelp until they are in `output`; CPU us a message."""
    if not glob.glob("/usr/lib*/rsyslog/omrelp.so") + glob.glob("/usr/lib/*/rsyslog/omrelp.so"):
        raise BenchError("omrelp.so: not installed (Debian: rsyslog-relp)")
    source, config = machine.path("omrelp.lines"), machine.path("omrelp.conf")
    work = machine.path("omrelp")
    os.makedirs(work)
    with open(config, "w", encoding="ascii") as file:
        file.write(OMRELP_CONF.format(work=work, source=source, port=server.port))
    with open(source, "wb") as file:
        file.writelines(lines)
    with open(output, "ab"):
        pass  # it must be there to be read
    before = server.cpu_ns()
    process = subprocess.Popen(
        ["rsyslogd", "-n", "-f", config, "-i", machine.path("omrelp.pid")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        seconds = wait_for_lines(output, len(lines))
        return [len(lines) / seconds, (server.cpu_ns() - before) / 1e3 / len(lines)]
    finally:
        stop(process)
        os.unlink(source)
        shutil.rmtree(work)


def tcpack_load(machine, server, clients, messages):
    """Messages a second, each the one that redis-benchmark sends."""
    command = [machine.tcpack_path, "-c", os.devnull, "-p", str(server.port), "-f", "line"]
    command += ["--load", str(messages), "--clients", str(clients), "--size", "4"]
    return figure_in(run([*command, "--no-progress"]), r" s: (\d+)/s")
