"""tcpackd as a process: started with a configuration of its own, awaited, asked, stopped."""

import itertools
import os
import re
import select
import signal
import socket
import subprocess
import threading
import time
from collections import defaultdict
from pathlib import Path

from harness import programs
from harness.journal import Journal, read_journal
from harness.waiting import DEADLINE, wait_until

READY = "tcpackd: wait for connection..."
LISTENING = re.compile(r"tcpackd: server start at (.+?)(?: for \[listener [\w-]+\])?$")
SANITIZER = re.compile(r"Sanitizer|runtime error:")
# A sanitizer must not look for leaks in a traced process, and be content with others' libraries.
SANITIZER_BESIDE = {"ASAN_OPTIONS": "detect_leaks=0:verify_asan_link_order=0"}
numbers = itertools.count(1)


def ini(settings):
    """A configuration file's text from {"section.key": value}."""
    sections = defaultdict(list)
    for name, value in settings.items():
        section, key = name.rsplit(".", 1)
        sections[section].append(f"{key} = {value}\n")
    return "".join(f"[{section}]\n{''.join(keys)}" for section, keys in sections.items())


def parse_address(text):
    """What getaddrinfo and connect take, from `127.0.0.1:80`, `[::1]:80` or `/path`."""
    if text.startswith("/"):
        return socket.AF_UNIX, text
    host, port = text.rsplit(":", 1)
    if host.startswith("["):
        return socket.AF_INET6, (host[1:-1], int(port))
    return socket.AF_INET, (host, int(port))


class Log:
    """
    A process's standard error, read as it comes. Whoever looks at it sees all that the process had
    written by then: what is still in the pipe is read first, not when the thread gets to it.
    """

    def __init__(self, stream):
        self.stream = stream
        self.rest = b""  # of a line that has not ended
        self.taken = []
        self.ended = False
        self.news = threading.Condition()
        os.set_blocking(stream.fileno(), False)
        self.thread = threading.Thread(target=self._follow, daemon=True)
        self.thread.start()

    def _follow(self):
        there = select.poll()
        there.register(self.stream.fileno(), select.POLLIN)
        while not self.ended:
            there.poll()
            self._take()
        self.stream.close()

    def _take(self):
        """Read what the pipe has, and do not wait for more."""
        with self.news:
            while not self.ended:
                data = self.stream.read(65536)
                if data is None:
                    break
                self.ended = data == b""
                *lines, self.rest = (self.rest + data).split(b"\n")
                if self.ended and self.rest:
                    lines.append(self.rest)
                self.taken += [line.decode(errors="backslashreplace") for line in lines]
                self.news.notify_all()

    @property
    def lines(self):
        self._take()
        return self.taken

    def matches(self, pattern):
        return [match for line in self.lines if (match := re.search(pattern, line))]

    def wait(self, pattern, count=1, deadline=DEADLINE):
        """The match in the count-th line that has one; an error at the end of the log without."""
        with self.news:
            self.news.wait_for(lambda: len(self.matches(pattern)) >= count or self.ended, deadline)
            matches = self.matches(pattern)
        assert len(matches) >= count, f"{count} times {pattern!r} is not in:\n{self}"
        return matches[count - 1]

    def __str__(self):
        return "\n".join(self.lines)


def cpu_ticks(pid):
    """Clock ticks of processor time, in user and in system mode."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def spins(pid):
    """Whether a process keeps a processor busy while nobody asks it for anything."""
    seconds, ticks = 0.5, cpu_ticks(pid)
    time.sleep(seconds)  # the length of a measurement; one that spins gets far more than this
    return cpu_ticks(pid) - ticks > 0.15 * seconds * os.sysconf("SC_CLK_TCK")


class Server:
    """
    One tcpackd. `settings` are {"section.key": value}, `arguments` what follows on its command
    line, `wrap` a command in front of it that ends up as the same process (strace -D, prlimit,
    eatmydata, setpriv, ...). It listens on 127.0.0.1 and a port of the kernel's choice unless
    settings say otherwise. As a context manager: started, then stopped, which must go well.
    """

    def __init__(self, folder, settings=None, arguments=(), wrap=(), stdout=None, environment=None,
                 inherited=()):
        self.name = f"tcpackd-{next(numbers)}"
        self.folder = Path(folder)
        self.settings = {"server.port": "0", **(settings or {})}
        self.arguments = list(map(str, arguments))
        self.wrap = list(map(str, wrap))
        self.environment = environment or {}
        self.inherited = inherited  # descriptors
        self.stdout_path = self.folder / f"{self.name}.stdout"
        self.stdout = stdout
        self.config = self.folder / f"{self.name}.ini"
        self.process = None
        self.log = None
        self.addresses = []

    # Its life.

    def spawn(self):
        """Start the process and do not wait for anything."""
        self.config.write_text(ini(self.settings))
        command = [*self.wrap, programs.tcpackd(), "-c", str(self.config), *self.arguments]
        environment = {**os.environ, **(SANITIZER_BESIDE if self.wrap else {}), **self.environment}
        with open(self.stdout_path, "ab") as records:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, env=environment, pass_fds=self.inherited,
                stdout=records if self.stdout is None else self.stdout, stderr=subprocess.PIPE)
        self.log = Log(self.process.stderr)
        self.addresses = []
        return self

    def start(self):
        """Start and wait until it takes connections."""
        self.spawn()
        self.log.wait("^" + re.escape(READY) + "$")
        self.addresses = [parse_address(match[1]) for match in self.log.matches(LISTENING)]
        return self

    @property
    def pid(self):
        return self.process.pid

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def send_signal(self, number):
        self.process.send_signal(number)

    def rest(self):
        """How often it began to wait until now; None while it has something to do."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        fields = dict(line.split(":", 1) for line in status.splitlines())
        is_waiting = fields["State"].split()[0] in ("S", "T")
        return int(fields["voluntary_ctxt_switches"]) if is_waiting else None

    def is_stopped(self):
        """Whether SIGSTOP has taken effect."""
        status = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii")
        return status.rsplit(")", 1)[1].split()[0] in ("T", "t")  # t: under strace

    def wait(self, deadline=DEADLINE):
        """Wait for the process's own end; its exit status, or minus the signal that ended it."""
        status = self.process.wait(deadline)
        self.log.thread.join(deadline)
        assert not self.log.matches(SANITIZER), str(self.log)
        return status

    def stop(self, status=0, by=signal.SIGTERM):
        """Ask it to stop; it must, with this exit status."""
        self.send_signal(by)
        ended = self.wait()
        assert ended == status, f"exit status {ended}, not {status}:\n{self.log}"

    def kill(self):
        """End it at once, whatever it does."""
        if self.running:
            self.process.kill()
        self.process.wait(DEADLINE)
        self.log.thread.join(DEADLINE)

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        if not self.running:
            self.kill()
        elif kind is None:
            self.stop()
        else:
            self.kill()
            print(f"{self.name} said:\n{self.log}")

    # How to reach it.

    @property
    def port(self):
        return self.addresses[0][1][1]

    @property
    def host(self):
        return self.addresses[0][1][0]

    # What it did.

    @property
    def format(self):
        return self.settings.get("journal.format", "text")

    @property
    def journal_path(self):
        file = self.settings.get("journal.file", "-")
        return self.stdout_path if file == "-" else Path(file)

    def journal(self, first=1):
        """A reader of its journal."""
        return Journal(self.journal_path, self.format, first)

    def records(self):
        """The journal as it is now; it must be whole."""
        return read_journal(self.journal_path, self.format)

    def messages(self):
        return [record.message for record in self.records()]

    def wait_messages(self, count, deadline=DEADLINE):
        """The journal's messages once there are `count`; for what nobody acknowledged."""
        journal = self.journal()
        messages = []

        def enough():
            messages.extend(record.message for record in journal.read())
            return len(messages) >= count

        wait_until(enough, lambda: f"{count} messages, not {len(messages)}, in {journal.path}",
                   deadline)
        assert len(messages) == count
        return messages

    # What it uses of the machine.

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def cpu_ticks(self):
        return cpu_ticks(self.pid)

    def spins(self):
        return spins(self.pid)

    def resident_bytes(self, most=False):
        """Now, or the most that it ever was."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            kilobytes = re.search(rf"^{'VmHWM' if most else 'VmRSS'}:\s+(\d+) kB$", file.read(), re.M)
        return 1024 * int(kilobytes[1])
