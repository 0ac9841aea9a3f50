"""
Why: a journal has one server, also if a second one inherited the descriptor; and a program that reads
the journal while it is written must know how far it may read: behind that, records can still be cut
back. Both is said by one lock, which POSIX makes easy to lose.
"""

import fcntl
import os
import signal
import struct
import subprocess

from harness import programs
from harness.client import Client
from harness.server import Server
from harness.waiting import DEADLINE, wait_until

FLOCK = "@hhlli"  # struct flock of fcntl(2)


def committed(path):
    """What a reader learns: how many bytes of the file are committed, and by whom; None: nobody."""
    with open(path, "rb") as file:
        asked = struct.pack(FLOCK, fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, start, length, pid = struct.unpack(
            FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, asked)[:struct.calcsize(FLOCK)])
    if kind == fcntl.F_UNLCK:
        return None
    assert kind == fcntl.F_WRLCK and length == 0  # to infinity
    return start, pid


def settings(path, **others):
    return {"server.framing": "line", "journal.file": path, **others}


def test_lock_tells_what_is_committed(server, tmp_path):
    path = tmp_path / "journal"
    one = server(settings(path))
    assert committed(path) == (0, one.pid)
    with Client(one) as client:
        for _ in range(3):
            client.say(b"hello")
            assert committed(path) == (path.stat().st_size, one.pid)
    one.stop()
    assert committed(path) is None
    one.start()
    assert committed(path) == (path.stat().st_size, one.pid)


def test_what_a_failed_write_left_is_not_committed(tmp_path):
    path = tmp_path / "journal"
    with Server(tmp_path, settings(path), wrap=["prlimit", "--fsize=8192"]) as one:
        with Client(one) as client:
            client.say(b"hello")
            good = path.stat().st_size
            client.send(b"m" * 10000 + b"\n")
            assert client.receive_all() == b""
            assert committed(path) == (good, one.pid)


def test_lock_of_standard_output(server):
    one = server({"server.framing": "line"})
    assert committed(one.stdout_path) == (0, one.pid)
    with Client(one) as client:
        client.say(b"hello")
        assert committed(one.stdout_path) == (one.stdout_path.stat().st_size, one.pid)


def test_file_that_is_emptied(server, tmp_path):
    """By copytruncate: the lock goes back with the file."""
    path = tmp_path / "journal"
    one = server(settings(path))
    with Client(one) as client:
        client.say(b"a longer message")
        os.truncate(path, 0)
        client.say(b"hello")
        assert committed(path) == (path.stat().st_size, one.pid)


def test_reload_keeps_the_lock(server, tmp_path):
    """Under its name, by another name, and after a configuration that is refused."""
    path = tmp_path / "journal"
    (tmp_path / "link").symlink_to("journal")
    one = server(settings(path))
    with Client(one) as client:
        client.say(b"hello")
        for count, (line, text) in enumerate((("read again", f"file = {path}"),
                                              ("read again", f"file = {tmp_path}/link"),
                                              ("nothing is changed", "nonsense")), start=1):
            one.config.write_text(f"[server]\nport = 0\nframing = line\n[journal]\n{text}\n")
            one.send_signal(signal.SIGHUP)
            one.log.wait(line, min(count, 2) if line == "read again" else 1)
            wait_until(lambda: committed(path) == (path.stat().st_size, one.pid), "the lock")
            client.say(b"hello")
            assert committed(path) == (path.stat().st_size, one.pid)


def test_rotation_moves_the_lock(server, tmp_path):
    path = tmp_path / "journal"
    one = server(settings(path))
    with Client(one) as client:
        client.say(b"hello")
        path.rename(tmp_path / "rotated")
        one.send_signal(signal.SIGHUP)
        one.log.wait("read again")
        assert committed(tmp_path / "rotated") is None
        assert committed(path) == (0, one.pid)
        client.say(b"hello")
        assert committed(path) == (path.stat().st_size, one.pid)


def refused(arguments, **options):
    result = subprocess.run([programs.tcpackd(), "-c", "/dev/null", "-o", "server.port=0", *arguments],
                            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=DEADLINE,
                            check=False, **options)
    return result.returncode == 74 and b"another tcpackd is using it" in result.stderr


def test_second_server_with_the_same_standard_output(tmp_path):
    """As two jobs of one shell have it after `exec >>journal`."""
    path = tmp_path / "journal"
    with open(path, "ab") as shared:
        with Server(tmp_path, {"server.framing": "line"}, stdout=shared) as one, Client(one) as client:
            client.say(b"hello")
            assert refused([], stdout=shared)
            assert refused(["-o", f"journal.file={path}"])
            client.say(b"hello")
            assert committed(path) == (path.stat().st_size, one.pid)
    with Server(tmp_path, settings(path)) as one:
        assert refused(["-o", f"journal.file={path}"])
        with open(path, "ab") as shared:
            assert refused([], stdout=shared)


def test_from_the_file_to_standard_output_and_back(tmp_path):
    """Both are one file, by two descriptors: closing one of them gives up the lock of both."""
    path = tmp_path / "journal"
    with open(path, "ab") as shared:
        with Server(tmp_path, settings(path), stdout=shared) as one, Client(one) as client:
            for count, file in enumerate(("-", path, "-"), start=1):
                client.say(b"hello")
                one.config.write_text(
                    f"[server]\nport = 0\nframing = line\n[journal]\nfile = {file}\n")
                one.send_signal(signal.SIGHUP)
                one.log.wait("read again", count)
                assert refused(["-o", f"journal.file={path}"])
                assert committed(path) == (path.stat().st_size, one.pid)
