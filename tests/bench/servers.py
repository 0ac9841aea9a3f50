"""The servers that the bench measures, each a process of its own on loopback, stopped by its pid.

Servers run on the first CPU and loads on the others, so that neither moves the other about; on
one CPU they share it.
"""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time

START_SECONDS = 20
STOP_SECONDS = 10
CLIENTS_MOST = 12000  # connections that a server must be able to hold

CPUS = sorted(os.sched_getaffinity(0))
SERVER_CPUS = CPUS[:1]
LOAD_CPUS = CPUS[1:] or CPUS  # where the bench itself runs, and what it starts but servers

TCPACKD_INI = """\
[server]
host = 127.0.0.1
port = {port}
backlog = 4096
framing = {framing}
reply = "{reply}"
{server}
[journal]
file = {journal}
sync = {sync}
[log]
level = warning
"""


IMRELP_CONF = """\
global(workDirectory="{work}")
module(load="imrelp")
template(name="raw" type="string" string="%rawmsg%\\n")
input(type="imrelp" address="127.0.0.1" port="{port}" ruleset="write")
ruleset(name="write") {{ action(type="omfile" file="{output}" template="raw" sync="{sync}") }}
"""


class BenchError(Exception):
    """The bench cannot go on; the text says why."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def read(path):
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read()


class Server:
    """A running server: its port, and what the kernel accounts to it."""

    def __init__(self, process, port):
        self.process = process
        self.pid = process.pid
        self.port = port

    def _threads(self):
        return os.listdir(f"/proc/{self.pid}/task")

    def cpu_ns(self):
        """CPU time used so far, user and system, of all its threads and of children that ended."""
        children = read(f"/proc/{self.pid}/stat").rpartition(")")[2].split()[13:15]
        return sum(
            int(read(f"/proc/{self.pid}/task/{thread}/schedstat").split()[0])
            for thread in self._threads()
        ) + sum(map(int, children)) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")

    def wakeups(self):
        """How often one of its threads has been put on a CPU so far."""
        return sum(
            int(read(f"/proc/{self.pid}/task/{thread}/schedstat").split()[2])
            for thread in self._threads()
        )

    def resident_bytes(self):
        status = read(f"/proc/{self.pid}/smaps_rollup")
        return 1024 * int(re.search(r"^Rss:\s+(\d+) kB", status, re.M).group(1))

    def resident_bytes_most(self):
        status = read(f"/proc/{self.pid}/status")
        return 1024 * int(re.search(r"^VmHWM:\s+(\d+) kB", status, re.M).group(1))

    def settle(self, quiet=0.3, share=0.03, most=15.0):
        """Waits until what it was last asked to do is done: until it uses less than `share` of a
        CPU over `quiet` seconds, or for `most` seconds."""
        end = time.monotonic() + most
        before = self.cpu_ns()
        while time.monotonic() < end:
            time.sleep(quiet)
            now = self.cpu_ns()
            if now - before <= share * quiet * 1e9:
                return
            before = now


def stop(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_listening(process, port, errors):
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.02)
    errors.seek(0)
    text = errors.read().decode(errors="replace").strip()
    raise BenchError(f"{' '.join(process.args)}: does not listen on port {port}: {text}")


@contextlib.contextmanager
def run(command, port, scratch, environment=None):
    """A Server that listens on `port` until the block ends."""
    with open(os.path.join(scratch, "server.err"), "w+b") as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
            cwd=scratch,
            env={**os.environ, **(environment or {})},
            preexec_fn=lambda: os.sched_setaffinity(0, SERVER_CPUS),
        )
        try:
            wait_until_listening(process, port, errors)
            yield Server(process, port)
            if process.poll() is not None:
                errors.seek(0)
                text = errors.read().decode(errors="replace").strip()
                raise BenchError(f"{command[0]} ended by itself ({process.returncode}): {text}")
        finally:
            stop(process)


class Machine:
    """Where the programs are and where files may be written; starts each kind of server."""

    def __init__(self, tcpackd, programs, scratch):
        self.tcpackd_path = os.path.abspath(tcpackd)
        self.tcpack_path = os.path.join(os.path.dirname(self.tcpackd_path), "tcpack")
        self.programs = os.path.abspath(programs)
        self.scratch = os.path.abspath(scratch)

    def program(self, name):
        return os.path.join(self.programs, name)

    def path(self, name):
        return os.path.join(self.scratch, name)

    def tcpackd(
        self,
        readiness=None,
        journal="/dev/null",
        sync="no",
        reply="+PONG",
        server="",
        under=(),
        framing="line",
    ):
        """`readiness`: TCPACKD_READINESS; `server`: more lines for [server]; `under`: a command
        to run it under."""
        port = free_port()
        with open(self.path("bench.ini"), "w", encoding="ascii") as file:
            file.write(
                TCPACKD_INI.format(
                    port=port,
                    journal=journal,
                    sync=sync,
                    reply=reply,
                    server=server,
                    framing=framing,
                )
            )
        environment = {"TCPACKD_READINESS": readiness} if readiness else {}
        command = [*under, self.tcpackd_path, "-c", self.path("bench.ini")]
        return run(command, port, self.scratch, environment)

    def plain(self):
        return self.tcpackd(readiness="plain")

    def redis(self, *settings, under=()):
        port = free_port()
        command = [*under, "redis-server", "--port", str(port), "--bind", "127.0.0.1"]
        command += ["--save", "", "--maxclients", str(CLIENTS_MOST), "--tcp-backlog", "4096"]
        command += ["--dir", self.scratch, "--daemonize", "no"]
        return run([*command, *(settings or ("--appendonly", "no"))], port, self.scratch)

    def imrelp(self, output, sync):
        """rsyslogd that writes what it gets by RELP to `output`."""
        port = free_port()
        config = self.path("imrelp.conf")
        with open(config, "w", encoding="ascii") as file:
            file.write(IMRELP_CONF.format(port=port, output=output, sync=sync, work=self.scratch))
        command = ["rsyslogd", "-n", "-f", config, "-i", self.path("imrelp.pid")]
        return run(command, port, self.scratch)

    def floor(self, under=(), output=None):
        """With `output`, it writes what it gets to that file."""
        port = free_port()
        command = [*under, self.program("floor"), str(port)]
        return run(command + ([output] if output else []), port, self.scratch)


def end_on_signals():
    """TERM and HUP end the bench as an exception does: through every `with`."""

    def end(number, _frame):
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGHUP, end)
