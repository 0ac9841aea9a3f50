"""
Why: a long input needs a progress line on a terminal, and scripts must not get one.
"""

import os
import re
import signal
import subprocess
import threading
import time

from harness import programs
from harness.peers import Peer, receive_all, receive_until
from harness.tcpack import address_of, environment, finish, start
from harness.terminal import Terminal
from harness.waiting import DEADLINE


def progress_of(peer, *arguments, data, half, **options):
    """
    Returns the output of a terminal on standard error; standard input is not a terminal.
    half(screen) returns when the server may answer the other half.
    """
    screen = Terminal([programs.tcpack(), "-c", "/dev/null", *address_of(peer), *map(str, arguments)],
                      environment(TERM="xterm"), stdin=data, stdout=subprocess.DEVNULL, **options)
    with screen:
        half(screen)
        peer.rest.set()
        status = screen.end()
    return status, screen.shown


def slow_server(count):
    """A peer that answers half of the lines at once and the other half when `rest` is set."""
    rest = threading.Event()

    def serve(connection):
        receive_until(connection, lambda data: data.count(b"\n") == count)
        connection.sendall(b"ok\n" * (count // 2))
        assert rest.wait(DEADLINE)
        connection.sendall(b"ok\n" * (count - count // 2))
        receive_all(connection)

    peer = Peer(serve)
    peer.rest = rest
    return peer


def test_progress_of_a_file(tmp_path):
    file = tmp_path / "input"
    file.write_bytes(b"line\n" * 100)
    with slow_server(100) as peer, open(file, "rb") as data:
        status, shown = progress_of(peer, "-f", "line", data=data,
                                    half=lambda screen: screen.expect(" 50 acknowledged"))
    assert status == 0
    lines = shown.decode().replace("\r\n", "\n").split("\r")
    assert "\x1b" not in shown.decode()
    half = [line for line in lines if "100 messages, 50 acknowledged, " in line]
    assert half and re.search(r"/s \[#+-+\]  50 %, \d:\d\d left", half[0])
    assert re.fullmatch(r"100 messages, 100 acknowledged, \d+/s \[#+\] 100 % *\n", lines[-1])
    assert all(len(line) <= 80 for line in lines)


def test_progress_of_a_message_that_is_longer_on_the_wire(tmp_path):
    """The newline that the file lacks must not make the progress show 100 % too early."""
    file = tmp_path / "input"
    file.write_bytes(b"line")
    with slow_server(1) as peer, open(file, "rb") as data:
        status, shown = progress_of(peer, "-f", "line", data=data,
                                    half=lambda screen: screen.expect(r"\[-+\]   0 %"))
    assert status == 0 and b"100 %" in shown


def test_progress_fits_a_narrow_terminal(tmp_path):
    file = tmp_path / "input"
    file.write_bytes(b"line\n" * 100)
    with slow_server(100) as peer, open(file, "rb") as data:
        status, shown = progress_of(peer, "-f", "line", data=data, size=(24, 20),
                                    half=lambda screen: screen.expect("\r50 %"))
    assert status == 0
    assert all(len(line) < 20 for line in re.split("[\r\n]+", shown.decode()))


def test_progress_of_a_terminal_that_is_resized(tmp_path):
    """No blank that wipes the wider line goes beyond the narrow screen, where it would wrap."""
    file = tmp_path / "input"
    file.write_bytes(b"line\n" * 100)
    narrow = []

    def resize(screen):
        screen.expect(r"\r100 messages, 50 acknowledged, \d+/s \[#+-+\]  50 %, \d:\d\d left")
        screen.resize(24, 20)
        narrow.append(screen.expect(r"\r50 %( *)"))
        screen.expect(r"\r50 %")  # the screen is still narrow
        narrow.append(screen.expect(r"\r50 %"))
        screen.resize(24, 80)
        screen.expect("100 messages, 50 acknowledged, ")

    with slow_server(100) as peer, open(file, "rb") as data:
        status, shown = progress_of(peer, "-f", "line", data=data, half=resize)
    assert status == 0
    wiped, later = narrow
    assert len(wiped[0]) == 1 + 20  # up to the last column, no further
    assert all(len(line) < 20 for line in shown[wiped.end():later.end()].split(b"\r"))


def test_progress_is_hidden_on_a_terminal_that_became_narrow():
    """A log line wipes the progress line before it: not beyond the narrow screen."""
    lost = threading.Event()

    def first(connection):
        receive_until(connection, lambda data: data.count(b"\n") == 16)
        connection.sendall(b"ok\n" * 8)
        assert lost.wait(DEADLINE)

    def second(connection):
        while data := connection.recv(65536):
            connection.sendall(b"ok\n" * data.count(b"\n"))

    def resize(screen):
        screen.expect("16 messages, 8 acknowledged, ")
        os.kill(screen.process.pid, signal.SIGSTOP)  # it paints nothing more until it is narrow
        screen.resize(24, 20)
        lost.set()
        os.kill(screen.process.pid, signal.SIGCONT)
        screen.expect("warning: ")

    peer = Peer(first, second)
    peer.rest = threading.Event()
    source = subprocess.Popen(["printf", "line\\n%.0s", *map(str, range(16))], stdout=subprocess.PIPE)
    with peer:
        status, shown = progress_of(peer, "-r", "-f", "line", data=source.stdout, half=resize)
        source.stdout.close()
        source.wait()
    assert status == 0
    before, _, _ = shown.partition(b"tcpack: warning: ")
    assert re.search(rb"\r {1,20}\r$", before), before


def test_progress_only_where_it_was_asked_for_or_is_seen(tmp_path):
    # Wait for at least four repaint intervals before concluding that nothing is shown.
    with slow_server(10) as peer:
        data = subprocess.Popen(["printf", "line\\n%.0s", *map(str, range(10))],
                                stdout=subprocess.PIPE)
        status, shown = progress_of(peer, "-f", "line", "--no-progress", data=data.stdout,
                                    half=lambda screen: time.sleep(1))
        data.stdout.close()
        data.wait()
    assert (status, shown) == (0, b"")
    with slow_server(10) as peer:
        client = start(peer, "-f", "line")
        threading.Timer(1, peer.rest.set).start()
        result = finish(client, b"line\n" * 10)
    assert (result.status, result.stderr) == (0, "")
    with slow_server(10) as peer:
        client = start(peer, "-f", "line", "--progress")
        client.stdin.write(b"line\n" * 10)
        client.stdin.flush()
        shown = b""
        while b"10 messages, 5 acknowledged" not in shown:
            more = os.read(client.stderr.fileno(), 65536)
            assert more, shown
            shown += more
        peer.rest.set()
        result = finish(client)
    assert result.status == 0
    shown = shown.decode() + result.stderr
    assert "%" not in shown and "\x1b" not in shown
