"""What is measured: each load with the servers it is put on and the figures that come out of it."""

import contextlib
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field

import loads
from servers import BenchError

IDLE_MOST = 9900
IDLE_STEPS = (0, 100, 1000, 3000, IDLE_MOST)  # of the plot
IDLE_STEPS_QUICK = (0, 1000, IDLE_MOST)


@dataclass
class Figure:
    """One row of the table. `against`: the contender whose median divides tcpackd's; without it
    tcpackd's median is judged itself. Neither `at_most` nor `at_least`: no target. `times`: the table
    says how many times as much tcpackd does as each of the others, or how many times less it takes.
    """

    name: str
    title: str
    unit: str
    against: str = ""
    at_most: float = None
    at_least: float = None
    times: bool = False
    samples: dict = field(default_factory=dict)  # contender -> list of values
    absent: dict = field(default_factory=dict)  # contender -> why it was not measured


@dataclass
class Load:
    """`contenders`: name -> a function that measures once and returns a value per figure. `warm`:
    one more round goes before, which does not count. `swings`: its figures differ much from one round
    to the next, so that their median takes more than twice as many rounds."""

    name: str
    figures: list
    contenders: dict
    rounds_most: int = 1000
    warm: bool = False
    swings: bool = False


class Loads:
    """Builds the list of loads. `quick`: a fraction of the messages, and short waits."""

    def __init__(self, machine, quick):
        self.machine = machine
        self.quick = quick

    def all(self):
        steps = IDLE_STEPS_QUICK if self.quick else IDLE_STEPS
        return [
            self.active("50", "50 clients", 50, 150_000, 1.05),
            self.active("50-pipelined", "50 clients, 16 pipelined", 50, 1_000_000, 0.80, 16),
            self.active("1000", "1,000 clients", 1000, 200_000, 1.10),
            self.active("10000", "10,000 clients, all active", 10_000, 200_000, 1.10),
            *[self.beside(1, idle, 20_000) for idle in steps],
            self.beside(50, IDLE_MOST, 200_000),
            self.latency(),
            self.memory(),
            self.accept(),
            self.journal(),
            self.sync(1, 3000),
            self.sync(50, 60_000),
            self.sync(500, 60_000),
            self.long_lines(),
            self.idle(),
            self.client_lines(),
            self.client_load(),
            self.relp(),
        ]

    # ------------------------------------------------------------------ CPU time per message

    def active(self, name, title, clients, messages, at_most, pipeline=1):
        figure = Figure(f"cpu-{name}", title, "us/message", "redis", at_most)
        most = 1 if self.quick and clients >= 10_000 else 1000
        contenders = self.cpu(clients, messages, 0, pipeline)
        return Load(figure.name, [figure], contenders, most, swings=clients == 50)

    def beside(self, clients, idle, messages):
        title = f"{clients} client{'s' if clients > 1 else ''} beside {idle:,} idle"
        at_most = {1: 1.10, 50: 1.05}[clients] if idle == IDLE_MOST else None
        figure = Figure(f"cpu-{clients}-beside-{idle}", title, "us/message", "redis", at_most)
        return Load(figure.name, [figure], self.cpu(clients, messages, idle))

    def cpu(self, clients, messages, idle, pipeline=1):
        """A plain select() over many gets fewer messages: some of its milliseconds are enough."""
        if self.quick:
            messages //= 4
        plain = messages if idle < 1000 else max(messages // (idle // 100), 10 * clients)

        def measure(start, count):
            with start() as server, loads.hold(self.machine, server, idle):
                if idle > 0:
                    server.settle()
                    loads.redis_benchmark(server, clients, count // 10, pipeline)
                before = server.cpu_ns()
                loads.redis_benchmark(server, clients, count, pipeline)
                return [(server.cpu_ns() - before) / 1e3 / count]

        contenders = {
            "tcpackd": lambda: measure(self.machine.tcpackd, messages),
            "redis": lambda: measure(self.machine.redis, messages),
            "floor": lambda: measure(self.machine.floor, messages),
            "plain select": lambda: measure(self.machine.plain, plain),
        }
        if self.quick:
            del contenders["plain select"]
            if clients >= 10_000:
                del contenders["floor"]
        return contenders

    # ------------------------------------------------------------------ clients that wait

    def latency(self):
        silence, samples = (5, 300) if self.quick else (60, 1000)

        def measure(start):
            with start() as server:
                seen = loads.latency(self.machine, server, IDLE_MOST, 50, silence, samples)
            worst = max(seen["silent_p99"], seen["busy_p99_max"])
            return [seen["silent_p99"] / 1e3, worst / seen["busy_p99_median"]]

        beside = f"silent for {silence} s beside 9,900 idle and 50 busy"
        figures = [
            Figure("latency-silent", f"p99 of one {beside}", "ms", at_most=5),
            Figure("latency-worst", "worst client's p99 to the busy ones' median", "x", at_most=3),
        ]
        contenders = {
            "tcpackd": lambda: measure(self.machine.tcpackd),
            "redis": lambda: measure(self.machine.redis),
        }
        if self.quick:
            del contenders["redis"]
        return Load("latency", figures, contenders, 1 if self.quick else 3)

    def memory(self):
        count = IDLE_MOST

        def measure(start):
            with start() as server:
                with loads.hold(self.machine, server, 10) as warm:
                    warm.speak()
                before = server.resident_bytes()
                with loads.hold(self.machine, server, count) as held:
                    server.settle()
                    silent = server.resident_bytes()
                    held.speak()
                    time.sleep(1 if self.quick else 5)  # redis takes buffers back by and by
                    spoken = server.resident_bytes()
            return [(silent - before) / count, (spoken - before) / count]

        figures = [
            Figure("memory", "memory of an idle client", "bytes", at_most=300),
            Figure("memory-spoken", "the same, after one message", "bytes", at_most=300),
        ]
        contenders = {
            "tcpackd": lambda: measure(self.machine.tcpackd),
            "redis": lambda: measure(self.machine.redis),
        }
        return Load("memory", figures, contenders)

    def accept(self):
        def measure(start):
            with start() as server, loads.hold(self.machine, server, 10_000) as held:
                held.speak()  # none was refused or reset
                return [held.seconds * 1e3]

        figure = Figure("accept", "10,000 connections opened", "ms", "redis", at_most=1.10)
        contenders = {
            "tcpackd": lambda: measure(self.machine.tcpackd),
            "redis": lambda: measure(self.machine.redis),
            "floor": lambda: measure(self.machine.floor),
        }
        return Load(figure.name, [figure], contenders, swings=True)

    def idle(self):
        seconds = 5 if self.quick else 10
        timeouts = "idle_timeout = 3600\nstall_timeout = 600\n"

        def measure(start):
            with start() as server, loads.hold(self.machine, server, 1000) as held:
                held.speak()
                server.settle(quiet=1.5, share=0)
                before = server.wakeups()
                time.sleep(seconds)
                return [server.wakeups() - before]

        title = f"wake-ups in {seconds} s with 1,000 idle clients"
        contenders = {"tcpackd": lambda: measure(lambda: self.machine.tcpackd(server=timeouts))}
        if not self.quick:
            contenders["redis"] = lambda: measure(self.machine.redis)
        return Load("idle", [Figure("idle", title, "times", at_most=0)], contenders, 2)

    # ------------------------------------------------------------------ journals

    def journal_file(self, measure, sync, server="", framing="line"):
        """Calls `measure` with a tcpackd on a new journal, which is deleted afterwards."""
        path = self.machine.path("journal")
        os.sync()  # nothing of the load before is still on its way to the disk
        try:
            with self.machine.tcpackd(
                journal=path, sync=sync, server=server, framing=framing
            ) as running:
                return measure(running)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def journal(self):
        messages = 100_000 if self.quick else 400_000

        def measure(server):
            return [loads.redis_benchmark(server, 50, messages)]

        def without():
            with self.machine.tcpackd() as server:
                return measure(server)

        title = "50 clients, journal file, sync = no"
        figure = Figure("journal", title, "messages/s", "no journal", at_least=0.85)
        contenders = {"tcpackd": lambda: self.journal_file(measure, "no"), "no journal": without}
        return Load(figure.name, [figure], contenders)

    @contextlib.contextmanager
    def redis_that_syncs(self):
        settings = "--appendonly yes --appendfsync always --auto-aof-rewrite-percentage 0"
        os.sync()
        try:
            with self.machine.redis(*settings.split()) as server:
                yield server
        finally:
            shutil.rmtree(self.machine.path("appendonlydir"), ignore_errors=True)

    def sync(self, clients, messages):
        if self.quick:
            messages //= 3

        def tcpackd():
            return self.journal_file(
                lambda server: [loads.redis_benchmark(server, clients, messages)], "yes"
            )

        def redis():
            with self.redis_that_syncs() as server:
                return [loads.redis_benchmark(server, clients, messages, test="set")]

        title = f"{clients} client{'s' if clients > 1 else ''}, sync = yes (redis: SET, always)"
        figure = Figure(f"sync-{clients}", title, "messages/s", "redis", at_least=1.0)
        contenders = {"tcpackd": tcpackd, "redis": redis}
        return Load(figure.name, [figure], contenders, swings=True)

    def long_lines(self):
        count = 1024 if self.quick else 4096
        size = 65536
        text = b"The quick brown fox jumps over the lazy dog 0123456789. "
        line = (text * (size // len(text) + 1))[: size - 1] + b"\n"
        copy = self.machine.path("copy")

        def measure(server):
            data = line * count
            return [len(data) / loads.lines(server, data, count) / 1e6]

        def tcpackd(buffer_size):
            return self.journal_file(measure, "no", f"buffer_size = {buffer_size}")

        def floor():
            os.sync()
            try:
                with self.machine.floor(output=copy) as server:
                    return measure(server)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(copy)

        title = "64 KiB lines to a journal file, buffer_size = 1 MiB"
        figure = Figure("long", title, "MB/s", "recv, write", at_least=0.8)
        contenders = {
            "tcpackd": lambda: tcpackd(1 << 20),
            "recv, write": floor,
            "tcpackd, 16 KiB (default)": lambda: tcpackd(1 << 14),
        }
        # The first to write so much pays for memory that a virtual machine has not touched yet.
        return Load(figure.name, [figure], contenders, warm=True)

    # ------------------------------------------------------------------ the client

    def client_lines(self):
        """A file of lines, each acknowledged when it is synced, beside what others take for it."""
        count = 50_000 if self.quick else 200_000
        lines = [b"%092d" % number for number in range(count)]
        plain, commands = self.machine.path("lines"), self.machine.path("commands")

        def write(path, pieces):
            with open(path, "wb") as file:
                file.writelines(pieces)

        def tcpack():
            write(plain, (line + b"\n" for line in lines))
            return self.journal_file(
                lambda server: [loads.tcpack_lines(self.machine, server, plain)] * 2, "yes"
            )

        def redis():
            write(commands, (b"SET key:%d %b\r\n" % pair for pair in enumerate(lines)))
            with self.redis_that_syncs() as server:
                return [loads.redis_pipe(server, commands)] * 2

        def logger():
            write(plain, (line + b"\n" for line in lines))
            return self.journal_file(
                lambda server: [loads.logger(server, plain)] * 2, "yes", "acknowledge = no"
            )

        title = f"{count:,} lines of 92 bytes, tcpack, sync = yes"
        figures = [
            Figure("client-redis", f"{title} (redis-cli --pipe)", "s", "redis", at_most=1.0),
            Figure("client-logger", f"{title} (logger --tcp)", "s", "logger", at_most=1.0),
        ]
        contenders = {"tcpackd": tcpack, "redis": redis, "logger": logger}
        return Load("client-lines", figures, contenders)

    def client_load(self):
        """tcpack --load must find what redis-benchmark finds, where the server is what takes the
        time; without a sync it is redis-benchmark itself."""
        messages = 30_000 if self.quick else 60_000

        def measure(load):
            return self.journal_file(lambda server: [load(server)], "yes")

        contenders = {
            "tcpackd": lambda: measure(
                lambda server: loads.tcpack_load(self.machine, server, 50, messages)
            ),
            "redis-benchmark": lambda: measure(
                lambda server: loads.redis_benchmark(server, 50, messages)
            ),
        }
        title = "50 clients, sync = yes, as tcpack --load measures"
        figure = Figure("client-load", title, "messages/s", "redis-benchmark", 1.15, 0.85)
        return Load(figure.name, [figure], contenders, swings=True)

    # ------------------------------------------------------------------ rsyslog

    def relp(self):
        """Syslog messages from one omrelp, with a window of 1,000: acknowledged when they are synced
        by tcpackd, and before they are written by imrelp, with omfile's sync and without."""
        count = 20_000 if self.quick else 100_000
        lines = [b"<13>1 2026-01-01T00:00:00Z host bench - - - %053d\n" % at for at in range(count)]
        journal, output = self.machine.path("journal"), self.machine.path("imrelp.log")

        def tcpackd():
            return self.journal_file(
                lambda server: loads.omrelp(self.machine, server, lines, journal),
                "yes",
                framing="relp",
            )

        def imrelp(sync):
            os.sync()
            try:
                with self.machine.imrelp(output, sync) as server:
                    return loads.omrelp(self.machine, server, lines, output)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(output)

        title = "omrelp, window 1,000, sync = yes (imrelp: omfile"
        figures = [
            Figure("relp", f'{title} sync="on")', "messages/s", "imrelp, sync", at_least=1.0),
            Figure("relp-cpu", "CPU time of the same", "us/message", "imrelp, sync", at_most=1.0),
        ]
        contenders = {
            "tcpackd": tcpackd,
            "imrelp, sync": lambda: imrelp("on"),
            "imrelp": lambda: imrelp("off"),
        }
        return Load("relp", figures, contenders, swings=True)
