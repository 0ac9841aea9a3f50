"""Rows of lines that go into a file: tcpackd beside what a user would take instead."""

import contextlib
import os

import loads
import peers
from rows import Figure, Load

MB = 1024 * 1024


class LineLoads:
    """`quick`: a fraction of the lines."""

    def __init__(self, machine, quick):
        self.machine = machine
        self.quick = quick

    def all(self):
        return [
            self.synced(1, at_least=2_000_000),
            self.synced(50, at_least=3_800_000),
            self.unsynced(1),
            self.unsynced(50),
            self.client_file(),
            self.beside_bulk(),
        ]

    def count(self, lines):
        return lines // 5 if self.quick else lines

    # ------------------------------------------------------------------ contenders

    @contextlib.contextmanager
    def output(self):
        """The path of a new file for the lines, which is deleted afterwards."""
        path = self.machine.path("output")
        with open(path, "wb"):
            pass
        os.sync()  # nothing of the load before is still on its way to the disk
        try:
            yield path
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def measure(self, start, senders, lines, acknowledged=False):
        """Lines a second, CPU time of a line, memory before and at most. `start`: a function from the
        path of the output to a server that runs."""
        lines = self.count(lines)
        with self.output() as path, start(path) as server:
            idle = server.resident_bytes() / MB
            before = server.cpu_ns()
            seconds = peers.senders(
                self.machine, server, senders, lines, None if acknowledged else path
            )
            server.settle(quiet=0.1)  # a socat for each sender counts when it has ended
            cpu = (server.cpu_ns() - before) / 1e3 / lines
            return [lines / seconds, cpu, idle, server.resident_bytes_most() / MB]

    def tcpackd(self, sync):
        """As it is by default but for the framing; or as fast as it can, without an answer."""

        def start(path):
            return self.machine.tcpackd(
                journal=path,
                sync="yes" if sync else "no",
                reply="server received you message.",
                server="" if sync else "acknowledge = no",
            )

        return start

    # ------------------------------------------------------------------ rows

    def figures(self, name, title, at_least=None):
        return [
            Figure(name, title, "lines/s", at_least=at_least, times=True),
            Figure(f"{name}-cpu", "CPU time of the same", "us/line", times=True),
            Figure(f"{name}-idle", "memory before", "MB"),
            Figure(f"{name}-memory", "memory at most", "MB"),
        ]

    def synced(self, senders, at_least):
        """Only tcpackd answers: the others' time ends when the lines are in the file."""
        machine = self.machine

        def rsyslog(lines, fast):
            return self.measure(
                lambda path: peers.rsyslog(machine, path, True, fast), senders, lines
            )

        contenders = {
            "tcpackd": lambda: self.measure(self.tcpackd(True), senders, 2_000_000, True),
            "syslog-ng": lambda: self.measure(
                lambda path: peers.syslog_ng(machine, path, True), senders, 500_000
            ),
            "rsyslog": lambda: rsyslog(500_000, True),
            "rsyslog, default sizes": lambda: rsyslog(20_000, False),
        }
        name = f"lines-{senders}-sync"
        title = f"{number(senders)}, 91-byte lines, on disk (tcpackd: and acknowledged)"
        return Load(name, self.figures(name, title, at_least), contenders)

    def unsynced(self, senders):
        machine = self.machine
        contenders = {
            "tcpackd": lambda: self.measure(self.tcpackd(False), senders, 2_000_000),
            "syslog-ng": lambda: self.measure(
                lambda path: peers.syslog_ng(machine, path, False), senders, 500_000
            ),
            "rsyslog": lambda: self.measure(
                lambda path: peers.rsyslog(machine, path, False), senders, 500_000
            ),
            "socat": lambda: self.measure(
                lambda path: peers.socat(machine, path), senders, 2_000_000
            ),
        }
        name = f"lines-{senders}"
        title = f"{number(senders)}, 91-byte lines, not synced, not acknowledged"
        return Load(name, self.figures(name, title)[:2], contenders)

    def client_file(self):
        """A file that tcpack sends."""
        lines = self.count(1_000_000)
        source = self.machine.path("lines")

        def tcpack():
            with open(source, "wb") as file:
                file.writelines(b"%090d\n" % at for at in range(lines))
            try:
                with self.output() as path, self.tcpackd(True)(path) as server:
                    return [lines / loads.tcpack_lines(self.machine, server, source)]
            finally:
                os.unlink(source)

        title = f"tcpack -q <FILE of {lines:,} lines, acknowledged and on disk"
        figure = Figure("client-file", title, "lines/s", at_least=1_200_000)
        return Load(figure.name, [figure], {"tcpackd": tcpack})

    def beside_bulk(self):
        """How long small clients wait beside one that sends as fast as it can."""
        samples = 50 if self.quick else 200

        def tcpackd():
            with self.output() as path, self.tcpackd(True)(path) as server:
                with peers.bulk_sender(self.machine, server):
                    seen = loads.latency(self.machine, server, samples, 1, 0, samples)
            return [seen["busy_p99_max"] / 1e3, seen["silent_p99"] / 1e3]

        figures = [
            Figure("latency-bulk", "p99 of a small client beside a bulk sender, synced", "ms"),
            Figure("latency-bulk-silent", "of clients that speak up seldom, at the same time", "ms"),
        ]
        return Load("latency-bulk", figures, {"tcpackd": tcpackd})


def number(senders):
    return "1 sender" if senders == 1 else f"{senders} senders"
