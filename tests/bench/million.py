#!/usr/bin/python3
"""What `make bench-million` runs: one tcpackd with a million connected, idle clients.

Prints a table with the targets at the end, and writes it and the samples as CSV to the output
directory. Exits 0 if every target is met, or if this machine does not allow it, which it says;
1 if a target is missed; 2 if it could not measure. Everything happens in a network namespace of its
own: the clients take no port from others.
"""

import argparse
import contextlib
import os
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time

import loads
import report
import servers
from rows import IDLE_MOST, Figure

HOLDERS = 4  # processes that hold the clients
SPARE = 100  # descriptors of a process that are no clients
KERNEL_BYTES = 9000  # of memory for both ends of a connection, and some of it for the programs
FLOOR_CLIENTS = 19_000  # for the bare server
AT_ONCE = 1000  # clients that wake
LOOK_MS = 50  # what a look at a million clients may take, besides reading the ready ones
SECONDS = 3600  # the most that one step takes
INSIDE = "TCPACK_BENCH_NAMESPACE"


class Stopped(Exception):
    """The server was stopped, and nothing is left to measure."""


class Skip(Exception):
    """This machine does not allow it; the text says why."""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--tcpackd", default="./tcpackd", help="the server (%(default)s)")
    parser.add_argument("--programs", default="tests/bench", help="where hold is (%(default)s)")
    parser.add_argument("--output", default="bench-results", help="directory (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="of each figure (%(default)s)")
    parser.add_argument("--messages", type=int, default=20_000, help="of a figure (%(default)s)")
    parser.add_argument("--clients", type=int, default=1_000_000, help="(%(default)s)")
    return parser.parse_args()


# ------------------------------------------------------------------------------- what it needs


def raise_descriptor_limit(clients):
    wanted = max(clients, IDLE_MOST) + SPARE
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))
    except (OSError, ValueError):
        raise Skip(
            f"{clients:,} clients need {wanted:,} descriptors, and the limit of {hard:,} cannot be "
            f"raised (RLIMIT_NOFILE, fs.nr_open, CAP_SYS_RESOURCE); fewer: --clients"
        ) from None


def check_memory(clients):
    meminfo = servers.read("/proc/meminfo")
    free = 1024 * int(re.search(r"^MemAvailable:\s+(\d+)", meminfo, re.M).group(1))
    if free < clients * KERNEL_BYTES:
        wanted = clients * KERNEL_BYTES / 1e9
        raise Skip(f"{clients:,} clients need {wanted:.1f} GB of memory, {free / 1e9:.1f} are free")


def enter_namespace():
    """Starts this program again in a network namespace of its own."""
    if INSIDE not in os.environ:
        os.environ[INSIDE] = "1"
        os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def check(given):
    lacking = [name for name in ("unshare", "ip", "redis-benchmark") if not shutil.which(name)]
    if lacking:
        raise Skip(f"missing: {', '.join(lacking)}; ./bootstrap --deps brings them")
    if os.geteuid() != 0:
        raise Skip("only root may make a network namespace and raise limits")
    raise_descriptor_limit(given.clients)
    check_memory(given.clients)


# ------------------------------------------------------------------------------------- clients


class Holder:
    """A process that holds clients, all from addresses of its own. If it shares a CPU with the
    server, the server goes first: when its backlog is full, a connection takes a second."""

    def __init__(self, machine, server, at, count):
        command = [machine.program("hold"), str(server.port), str(count), f"127.{at + 1}.0.0"]
        self.process = subprocess.Popen(
            ["nice", "-n", "10", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def expect(self, word):
        line = self.process.stdout.readline()
        if not line.startswith(word):
            raise servers.BenchError(f"hold: {line}{self.process.stderr.read().strip()}")
        return line

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def select_ns(self):
        """CPU time of a bare select() over its connections, divided by their number."""
        self.tell("select")
        return float(self.expect("selected").split()[1])


def wait_for_all(server, count):
    """A client is connected before the server has accepted it, or even if that fails."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        found = len(os.listdir(f"/proc/{server.pid}/fd"))
        if found > count:
            return
        time.sleep(0.1)
    raise servers.BenchError(f"the server has only {found:,} descriptors for {count:,} clients")


@contextlib.contextmanager
def held(machine, server, count):
    """Connects `count` clients; yields their holders and the seconds that it took."""
    each = [count // HOLDERS + (at < count % HOLDERS) for at in range(HOLDERS)]
    start = time.monotonic()
    holders = [Holder(machine, server, at, part) for at, part in enumerate(each)]
    try:
        for holder in holders:
            holder.expect("opened")
        wait_for_all(server, count)
        yield holders, time.monotonic() - start
    finally:
        for holder in holders:
            holder.process.kill()
        for holder in holders:
            holder.process.wait()


# ------------------------------------------------------------------------------------- figures


def message_us(server, rounds, messages):
    """CPU time of a message of one client, in each round."""
    loads.redis_benchmark(server, 1, messages // 10)
    samples = []
    for _ in range(rounds):
        before = server.cpu_ns()
        loads.redis_benchmark(server, 1, messages)
        samples.append((server.cpu_ns() - before) / 1e3 / messages)
    return samples


def accept_us(server, count, before):
    """CPU time of a server to accept one of `count` clients, if it had used `before`."""
    return (server.cpu_ns() - before) / 1e3 / count


def floor_accept_us(machine, count):
    with machine.floor() as server:
        before = server.cpu_ns()
        with held(machine, server, count):
            return accept_us(server, count, before)


def wake_ms(server, holder, count):
    """CPU time of the server for `count` clients that speak at once, until all are answered."""
    os.kill(server.pid, signal.SIGSTOP)
    try:
        holder.tell(f"wake {count}")
        holder.expect("sent")
        before = server.cpu_ns()
    finally:
        os.kill(server.pid, signal.SIGCONT)
    holder.expect("woken")
    return (server.cpu_ns() - before) / 1e6


@contextlib.contextmanager
def pending_signals(server, most):
    """A signal queue that is full after `most` of them."""
    old = resource.prlimit(server.pid, resource.RLIMIT_SIGPENDING)
    resource.prlimit(server.pid, resource.RLIMIT_SIGPENDING, (most, old[1]))
    yield
    resource.prlimit(server.pid, resource.RLIMIT_SIGPENDING, old)


@contextlib.contextmanager
def stuck(server):
    """A client that sends until nothing more fits, and never reads."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", server.port))
        client.settimeout(1)
        with contextlib.suppress(TimeoutError):
            while True:
                client.sendall(b"PING\r\n" * 10_000)
        yield


def kernel_bytes():
    meminfo = servers.read("/proc/meminfo")
    sizes = dict(re.findall(r"^(\w+):\s+(\d+) kB", meminfo, re.M))
    return 1024 * (int(sizes["SUnreclaim"]) + int(sizes["SReclaimable"]))


def seconds_to_stop(server):
    start = time.monotonic()
    server.process.terminate()
    server.process.wait(SECONDS)
    return time.monotonic() - start


class Million:
    """Collects the figures."""

    def __init__(self, machine, given):
        self.machine = machine
        self.clients = given.clients
        self.rounds = given.rounds
        self.messages = given.messages
        self.figures = []

    def add(self, name, title, unit, samples, **target):
        """`samples`: those of tcpackd, or a dictionary of several."""
        samples = samples if isinstance(samples, dict) else {"tcpackd": samples}
        figure = Figure(name, title, unit, samples=samples, **target)
        self.figures.append(figure)
        value, text, wanted, verdict = report.judge(figure)
        print(f"{title}: {text}{f', {wanted}: {verdict}' if verdict else ''}", flush=True)

    def run(self):
        settings = "idle_timeout = 86400\nkeepalive = 0\n"
        with self.machine.tcpackd(server=settings) as server:
            with held(self.machine, server, IDLE_MOST):
                server.settle()
                few = message_us(server, self.rounds, self.messages)
        try:
            with self.machine.tcpackd(server=settings) as server:
                self.measure(server, few)
        except Stopped:
            pass

    def measure(self, server, few):
        with held(self.machine, server, 4 * AT_ONCE) as (holders, _):
            wake_ms(server, holders[0], AT_ONCE)
            with stuck(server):
                pass  # the buffers that every server has by then
        server.settle()
        floor = floor_accept_us(self.machine, min(self.clients, FLOOR_CLIENTS))
        rss, kernel, before = server.resident_bytes(), kernel_bytes(), server.cpu_ns()
        with held(self.machine, server, self.clients) as (holders, seconds):
            title = f"{self.clients:,} connections opened"
            most = 30 * self.clients / 1e6
            self.add("million-accept", title, "s", [seconds], at_most=most)
            accept = {"tcpackd": [accept_us(server, self.clients, before)], "floor": [floor]}
            self.add("million-accept-cpu", "to accept one", "us", accept, against="floor")
            server.settle()
            self.memory(server, rss, kernel)
            self.beside(f"cpu-1-beside-{self.clients}", server, few, "")
            with stuck(server):
                self.beside("million-stuck", server, few, ", one of which never reads")
            self.wake(server, holders[0])
            self.spoken(server, holders, rss)
            self.end(server, holders[0])

    def beside(self, name, server, few, addition):
        title = f"1 client beside {self.clients:,} idle{addition}"
        samples = {"tcpackd": message_us(server, self.rounds, self.messages), "beside 9,900": few}
        self.add(name, title, "us/message", samples, against="beside 9,900", at_most=1.3)

    def end(self, server, holder):
        """A part of the clients goes at once; the server stops while it has the others."""
        before = server.cpu_ns()
        holder.process.kill()
        holder.process.wait()
        server.settle(quiet=1, share=0, most=SECONDS)
        seconds = (server.cpu_ns() - before) / 1e9
        gone = self.clients // HOLDERS
        self.add("million-gone", f"{gone:,} connections reset at once, CPU time", "s", [seconds])
        title = f"TERM with {self.clients - gone:,} clients"
        self.add("million-stop", title, "s", [seconds_to_stop(server)])
        raise Stopped

    def memory(self, server, rss, kernel):
        each = (server.resident_bytes() - rss) / self.clients
        kernel = (kernel_bytes() - kernel) / self.clients
        self.add("million-memory", f"memory of one of {self.clients:,}", "bytes", [each], at_most=300)
        self.add("million-kernel", "the kernel's, for both ends", "bytes", [kernel])

    def wake(self, server, holder):
        count = min(AT_ONCE, self.clients // HOLDERS)
        wake_ms(server, holder, count)
        plain = [wake_ms(server, holder, count) for _ in range(self.rounds)]
        self.add("million-wake", f"{count:,} wake at once, CPU time", "ms", plain)
        with pending_signals(server, count // 10):
            lost = [wake_ms(server, holder, count) for _ in range(self.rounds)]
        self.add("million-lost", f"{count:,} wake, most signals lost", "ms", lost)
        plain = statistics.median(plain)
        look = [max(value - plain, 0) for value in lost]
        self.look("million-look", "the look at all clients for it", plain, look)
        bare = [holder.select_ns() * self.clients / 1e6 for _ in range(self.rounds)]
        samples = {"tcpackd": look, "select()": bare}
        title = "the same, beside a bare select() of them"
        self.add("million-look-bare", title, "ms", samples, against="select()", at_most=1.5)
        self.flood(server, holder, plain / count)

    def look(self, name, title, reading, look):
        most = round(reading + LOOK_MS * self.clients / 1e6, 1)
        self.add(name, title, "ms", look, at_most=most)

    def flood(self, server, holder, each):
        """More wake than the signal queue holds."""
        queue = resource.prlimit(server.pid, resource.RLIMIT_SIGPENDING)[0]
        count = queue + queue // 10
        if count > self.clients // HOLDERS:
            return
        taken = [wake_ms(server, holder, count) for _ in range(self.rounds)]
        look = [max(value - each * count, 0) for value in taken]
        self.add("million-flood", f"{count:,} wake at once, CPU time", "ms", taken)
        title = f"the look at all clients, of more than {queue:,} signals"
        self.look("million-flood-look", title, each * count, look)

    def spoken(self, server, holders, rss):
        for holder in holders:
            holder.tell("speak")
        for holder in holders:
            holder.expect("spoken")
        each = (server.resident_bytes() - rss) / self.clients
        title = "memory of one after one message"
        self.add("million-memory-spoken", title, "bytes", [each], at_most=300)


def description(machine):
    memory = int(re.search(r"^MemTotal:\s+(\d+)", servers.read("/proc/meminfo"), re.M).group(1))
    return [
        f"date       {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}",
        f"machine    {len(servers.CPUS)} CPUs, {memory / 1024 / 1024:.0f} GiB, Linux {os.uname().release}",
        f"tcpackd    {report.version([machine.tcpackd_path, '-V'])}",
        f"load       average {os.getloadavg()[0]:.2f} at the end (a quiet machine: below 2)",
    ]


def write(given, machine, figures):
    lines = [*description(machine), "", *report.table(figures, [])]
    with open(os.path.join(given.output, "million.txt"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    report.write_csv(os.path.join(given.output, "million.csv"), figures, [])
    print("", *lines, "", f"Written to {given.output}.", sep="\n", flush=True)


def main():
    given = arguments()
    machine = servers.Machine(given.tcpackd, given.programs, os.path.join(given.output, "tmp"))
    try:
        check(given)
        enter_namespace()
        servers.end_on_signals()
        os.sched_setaffinity(0, servers.LOAD_CPUS)
        os.makedirs(machine.scratch, exist_ok=True)
        million = Million(machine, given)
        try:
            million.run()
        finally:
            shutil.rmtree(machine.scratch, ignore_errors=True)
            if million.figures:
                write(given, machine, million.figures)
        return int(any(report.judge(figure)[3] == "MISSED" for figure in million.figures))
    except Skip as reason:
        print(f"bench-million: skipped: {reason}")
        return 0
    except (servers.BenchError, OSError, subprocess.SubprocessError) as error:
        print(f"bench-million: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
