"""
Why: standard error and standard output may lead to a program that has stopped reading: a pager that
waits for a key, a terminal after Ctrl-S. No client may have to wait for the log's reader; nor does a
stop wait for the journal's, and nothing is acknowledged then that is not recorded.
"""

import array
import contextlib
import fcntl
import os
import re
import signal
import socket
import subprocess
import termios

import pytest

from harness import programs
from harness.client import Client
from harness.server import Server, spins
from harness.tcpack import address_of, tcpack
from harness.waiting import DEADLINE, wait_until

REPLY = b"server received you message."


def again(descriptor, flags):
    """A non-blocking description of its own of the same pipe or terminal."""
    return os.open(f"/proc/self/fd/{descriptor}", flags | os.O_NONBLOCK | os.O_NOCTTY)


def fill(descriptor):
    """Write until nothing more fits, not through the descriptor itself: it must stay as it is."""
    own = again(descriptor, os.O_WRONLY)
    for size in 4096, 1:
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(own, b"x" * size)
    os.close(own)


class Pipe:
    """Its reader has stopped."""

    def __init__(self):
        self.read_end, self.theirs = os.pipe()
        os.set_blocking(self.read_end, False)
        fill(self.theirs)

    def read(self):
        with contextlib.suppress(BlockingIOError):
            return os.read(self.read_end, 65536)
        return b""

    def is_blocking(self):
        return os.get_blocking(self.theirs)

    def close(self):
        os.close(self.read_end)
        os.close(self.theirs)


class Terminal(Pipe):
    """Ctrl-S was pressed."""

    def __init__(self):
        self.read_end, self.theirs = os.openpty()
        os.set_blocking(self.read_end, False)
        termios.tcflow(self.theirs, termios.TCOOFF)
        self.stopped = True

    def read(self):
        if self.stopped:
            termios.tcflow(self.theirs, termios.TCOON)
            self.stopped = False
        return super().read()


class Socket(Pipe):
    """As a service manager gives it."""

    def __init__(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        ours.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                theirs.send(b"x" * 4096, socket.MSG_DONTWAIT)
        self.read_end, self.theirs = ours.detach(), theirs.detach()


def connect(path):
    """A client, once the server listens: its first line cannot be waited for."""
    def try_it():
        with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
            return Client((socket.AF_UNIX, str(path)))
        return None

    return wait_until(try_it, "a server that listens")


def dropped(metrics):
    with contextlib.suppress(FileNotFoundError):
        found = re.search(r"^tcpackd_log_lines_dropped_total (\d+)$", metrics.read_text(), re.M)
        return int(found[1]) if found else 0
    return 0


@pytest.mark.parametrize("kind", [Pipe, Terminal, Socket])
def test_log_that_nobody_reads(tmp_path, kind):
    stream = kind()
    host, metrics = tmp_path / "socket", tmp_path / "metrics"
    options = {"server.host": host, "server.framing": "line", "journal.file": tmp_path / "journal",
               "metrics.file": metrics}
    process = subprocess.Popen(
        [programs.tcpackd(), "-c", "/dev/null",
         *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))],
        stdin=subprocess.DEVNULL, stderr=stream.theirs)
    with connect(host) as client:
        assert client.say(b"hello") == REPLY
        process.send_signal(signal.SIGUSR1)  # one more line, and the metrics
        # Those of the start, of the connection, of the signal.
        wait_until(lambda: dropped(metrics) >= 3, "the number of dropped lines")
        assert not spins(process.pid)
        assert client.say(b"hello") == REPLY
        assert stream.is_blocking()  # for the others who have it

        said = bytearray()

        def says(pattern):
            process.send_signal(signal.SIGUSR1)
            said.extend(stream.read())
            return re.search(pattern, said)

        found = wait_until(lambda: says(rb"tcpackd: warning: (\d+) log lines were dropped: "
                                        rb"standard error took no more\r?\n"), "the line about them")
        assert int(found[1]) >= 3
        wait_until(lambda: says(rb"\ntcpackd: \d+ messages"), "lines as before")
    process.terminate()
    assert process.wait(DEADLINE) == 0
    stream.close()


def test_log_on_a_full_disk(tmp_path):
    """What of a line did not fit comes first when there is room: no line is torn."""
    log = tmp_path / "log"
    metrics = tmp_path / "metrics"
    with open(log, "ab") as file:
        process = subprocess.Popen(
            ["prlimit", "--fsize=12000:unlimited", programs.tcpackd(), "-c", "/dev/null",
             "-o", f"server.host={tmp_path}/socket", "-o", "journal.file=/dev/null",
             "-o", f"metrics.file={metrics}", "-o", "log.time=no"], stdin=subprocess.DEVNULL, stderr=file)
    connect(tmp_path / "socket").close()

    def full():
        process.send_signal(signal.SIGUSR1)
        return log.stat().st_size == 12000

    wait_until(full, "a full log")
    wait_until(lambda: process.send_signal(signal.SIGUSR1) or dropped(metrics), "a dropped line")
    programs.run("prlimit", f"--pid={process.pid}", "--fsize=unlimited:unlimited")
    wait_until(lambda: process.send_signal(signal.SIGUSR1) or b"dropped" in log.read_bytes(),
               "room again")
    process.terminate()
    assert process.wait(DEADLINE) == 0
    assert all(line.startswith("tcpackd: ") for line in log.read_text().splitlines())
    assert log.read_text().splitlines()[-1] == "tcpackd: stopped"


# The journal.


def unread(client):
    """Bytes that the peer of a Unix socket has not taken yet."""
    number = array.array("i", [0])
    fcntl.ioctl(client.socket.fileno(), termios.TIOCOUTQ, number)
    return number[0]


@contextlib.contextmanager
def recording(folder, stream):
    """A server whose journal is the stream, and a client of it."""
    one = Server(folder, {"server.host": folder / "socket", "server.framing": "line"},
                 stdout=stream.theirs).start()
    try:
        with Client(one) as client:
            yield one, client
    finally:
        one.kill()
        stream.close()


@pytest.mark.parametrize("kind", [Pipe, Terminal, Socket])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_while_the_journal_takes_nothing(tmp_path, kind, number):
    stream = kind()
    with recording(tmp_path, stream) as (one, client):
        client.send(b"hello\n")
        wait_until(lambda: unread(client) == 0, "the message to be taken")
        one.send_signal(number)
        assert client.receive_all() == b""
        client.close()
        assert one.wait() == 0
        assert stream.is_blocking()


def test_stop_with_half_a_record_in_the_pipe(tmp_path):
    stream = Pipe()
    while stream.read():
        pass
    with recording(tmp_path, stream) as (one, client):
        with Client(one) as other:
            client.send(b"m" * 500000 + b"\n")
            wait_until(lambda: unread(client) == 0, "the message to be taken")
            other.send(b"later\n")
            one.send_signal(signal.SIGTERM)
            one.log.wait("took no more data until the server was told to stop: the last messages are not "
                         "acknowledged")
            rest = bytearray()
            while one.running:  # the reader wakes up: what comes is not acknowledged either
                rest += stream.read()
            assert client.receive_all() == other.receive_all() == b""
        assert one.wait() == 0
        while data := stream.read():
            rest += data
        assert rest.startswith(b"1 ") and b"\n" not in rest


def test_stop_while_the_journal_is_read(tmp_path):
    """Whether the reader is in time or not: what is acknowledged is in the pipe, whole."""
    stream = Pipe()
    with recording(tmp_path, stream) as (one, client):
        client.send(b"m" * 500000 + b"\n")
        wait_until(lambda: unread(client) == 0, "the message to be taken")
        one.send_signal(signal.SIGTERM)
        records = bytearray()
        while one.running:
            records += stream.read()
        said = client.receive_all()
        assert one.wait() == 0
        while data := stream.read():
            records += data
        assert said in (b"", REPLY + b"\n")
        assert not said or records.endswith(b" unix " + b"m" * 500000 + b"\n")


@pytest.mark.parametrize("kind", [Pipe, Terminal, Socket])
def test_slow_reader(tmp_path, kind):
    """The server waits, and no signal that came meanwhile is forgotten."""
    stream = kind()
    with recording(tmp_path, stream) as (one, client):
        client.send(b"m" * 200000 + b"\n")
        wait_until(lambda: unread(client) == 0, "the message to be taken")
        one.send_signal(signal.SIGUSR1)
        assert not spins(one.pid)
        records = bytearray()
        client.socket.setblocking(False)

        def answered():
            records.extend(stream.read())
            with contextlib.suppress(BlockingIOError):
                return client.socket.recv(65536)
            return b""

        assert wait_until(answered, "the reply") == REPLY + b"\n"
        while data := stream.read():
            records += data
        assert records.rstrip(b"\r\n").endswith(b" unix " + b"m" * 200000)
        one.log.wait("1 messages")  # the line of figures
        one.stop()


@pytest.mark.parametrize("program", [programs.tcpackd, programs.tcpack, programs.tcpack_journal])
@pytest.mark.parametrize("wrong, status", [(["-?"], 64), (["-c", "wrong.ini"], 78)])
def test_an_error_that_nobody_can_read_keeps_its_exit_status(tmp_path, program, wrong, status):
    """A script that has closed the pipe tells by the status what was wrong, not by a signal."""
    (tmp_path / "wrong.ini").write_text("[server]\nport = x\n")
    read_end, write_end = os.pipe()
    os.close(read_end)
    result = subprocess.run([program(), *wrong], stdin=subprocess.DEVNULL, stderr=write_end,
                            cwd=tmp_path, timeout=DEADLINE, check=False)
    os.close(write_end)
    assert result.returncode == status


@pytest.mark.parametrize("program", ["tcpack", "tcpack-journal"])
def test_output_beyond_the_limit_of_file_sizes(server, tmp_path, program):
    """XFSZ ended the program: without a word, and amid a message that was then recorded as it was."""
    one = server({"server.framing": "line", "journal.file": tmp_path / "journal"})
    lines = b"".join(b"line %d\n" % number for number in range(1000))
    assert tcpack(one, "-f", "line", "-q", data=lines).status == 0
    command = [programs.tcpack_journal(), tmp_path / "journal"]
    status = 74
    if program == "tcpack":
        command = [programs.tcpack(), "-c", "/dev/null", *address_of(one), "-f", "line"]
        status = 75
    with open(tmp_path / "output", "wb") as output:
        result = subprocess.run(["prlimit", "--fsize=4096", *command], input=lines, stdout=output,
                                stderr=subprocess.PIPE, timeout=DEADLINE, check=False)
    assert result.returncode == status and b"File too large" in result.stderr
    assert (tmp_path / "output").stat().st_size == 4096
    assert set(one.messages()) <= set(lines.split(b"\n"))
