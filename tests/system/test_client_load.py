"""
Why: --load must send what was asked for, measure the delays that a user of the server would see,
and report errors.
"""

import contextlib
import re
import signal
import socketserver
import threading
import time

import pytest
from harness import programs
from harness.peers import Peer, receive_all, receive_until
from harness.tcpack import finish, start, tcpack
from harness.waiting import wait_until

# Without sync: this does not test the disk, which other tests use at the same time.
SEQ = {"server.framing": "line", "server.reply": "{seq} {bytes}", "journal.sync": "no"}


def test_load(server):
    one = server(SEQ)
    result = tcpack(None, *where(one), "--load", 5000, "--clients", 20, "--size", 40, "-w", 8)
    assert result.status == 0
    assert re.match(rb"5000 sent, 5000 acknowledged, 0 resent in [\d.]+ s: \d+/s\nlatency p50 ",
                    result.stdout)
    messages = one.messages()
    assert sorted(messages) == [b"%010d" % number + b"x" * 30 for number in range(5000)]
    peers = {record.peer for record in one.records()}
    assert len(peers) == 20


def where(server):
    return ["-H", server.host, "-p", server.port]


def test_load_beyond_fd_setsize(server):
    one = server({**SEQ, "server.backlog": 2000})
    result = tcpack(None, *where(one), "--load", 1500, "--clients", 1100)
    assert result.status == 0, result.stderr
    assert len({record.peer for record in one.records()}) == 1100


def test_load_with_a_rate_keeps_to_it(server):
    one = server(SEQ)
    result = tcpack(None, *where(one), "--load", 300, "--clients", 3, "--rate", 600)
    assert result.status == 0
    seconds = float(re.search(rb"in ([\d.]+) s", result.stdout)[1])
    assert seconds + 0.001 >= 299 / 600  # it is rounded


def test_load_counts_waiting_as_latency():
    """With a rate, latency counts from the time a message was due (coordinated omission)."""
    def serve(connection):
        time.sleep(1)
        for _ in range(50):
            receive_until(connection, lambda data: data.endswith(b"\n"))
            connection.sendall(b"ok\n")
        receive_all(connection)

    with Peer(serve) as peer:
        result = tcpack(peer, "--load", 50, "--rate", 100, "-f", "line")
    assert result.status == 0
    # 100 per second for half a second, but no reply in the first second: half wait over 0.7 s.
    assert int(re.search(rb"p50 (\d+) us", result.stdout)[1]) > 500_000


def test_load_that_is_not_acknowledged():
    with Peer(receive_all) as peer:
        result = tcpack(peer, "--load", 5, "-t", "0.3")
    assert result.status == 75
    assert "connection 1: no acknowledgement within 0.3 seconds" in result.stderr
    assert "1 sent, 0 acknowledged, 5 not" in result.stderr
    assert result.stdout.startswith(b"1 sent, 0 acknowledged")


def test_load_with_a_rate_gives_up_a_server_that_is_silent():
    """It gives up long before the window is full."""
    with Peer(receive_all) as peer:
        result = tcpack(peer, "--load", 500, "-w", 400, "--rate", 50, "-t", "0.5", "-f", "line")
    assert result.status == 75
    assert "connection 1: no acknowledgement within 0.5 seconds" in result.stderr
    assert int(re.match(rb"(\d+) sent, 0 acknowledged", result.stdout)[1]) < 400


def test_load_interrupted_says_how_far_it_came(server):
    one = server(SEQ)
    client = start(one, "--load", 1_000_000, "--rate", 1000)
    wait_until(lambda: len(one.journal().read()) > 5, "some messages")
    client.send_signal(signal.SIGTERM)
    result = finish(client)
    assert result.status == 75
    assert re.search(r"interrupted\n.*[1-9]\d* sent, [1-9]\d* acknowledged, [1-9]\d* not",
                     result.stderr)
    assert re.match(rb"[1-9]\d* sent, [1-9]\d* acknowledged", result.stdout)


def test_load_of_a_server_that_closes_what_is_done_with():
    """Such as one with an idle_timeout, or with a limit of messages per connection."""
    def first(connection):
        receive_until(connection, lambda data: data.count(b"\n") == 2)
        connection.sendall(b"ok\nok\n")

    def second(connection):  # the first connection is already closed
        receive_until(connection, lambda data: data.count(b"\n") == 2)
        connection.sendall(b"ok\nok\n")
        receive_all(connection)

    with Peer(first, second) as peer:
        result = tcpack(peer, "--load", 4, "--clients", 2, "-w", 2, "-f", "line")
    assert (result.status, result.stderr) == (0, "")


def test_load_of_a_server_that_closes_before_it_is_done():
    def serve(connection):
        receive_until(connection, lambda data: data.count(b"\n") == 1)
        connection.sendall(b"ok\n")

    with Peer(serve) as peer:
        result = tcpack(peer, "--load", 2, "-f", "line")
    assert result.status == 75
    assert "connection 1: " in result.stderr  # end of file, or a reset
    assert re.search(r"[12] sent, 1 acknowledged, 1 not", result.stderr)


def test_load_of_a_bare_server():
    """The time that it takes to recognize such a server does not count as latency."""
    def serve(connection):
        for _ in range(20):
            assert receive_until(connection, lambda data: b"\n" in data).count(b"\n") == 1
            connection.sendall(b"ok")
        receive_all(connection)

    with Peer(serve) as peer:
        result = tcpack(peer, "--load", 20, "-w", 5)
    assert result.status == 0
    assert int(re.search(rb"p50 (\d+) us", result.stdout)[1]) < 100_000  # which it takes each time


class Many(socketserver.ThreadingTCPServer):
    request_queue_size = 64
    daemon_threads = True


class Bare(socketserver.BaseRequestHandler):
    """The classroom server, for many clients."""

    def handle(self):
        with contextlib.suppress(ConnectionError):
            while self.request.recv(1024):
                self.request.sendall(b"ok")


def test_memory_that_runs_out_is_said():
    """At any point: when a client is added, a reply arrives, or a time-out expires."""
    programs.need("prlimit")
    with open(programs.tcpack(), "rb") as program:
        if b"__asan_init" in program.read():
            pytest.skip("AddressSanitizer ends a process that is out of memory")
    failed = 0
    with Many(("127.0.0.1", 0), Bare) as bare:
        threading.Thread(target=bare.serve_forever, daemon=True).start()
        for kibibytes in range(600, 4000, 200):
            client = start(None, "-H", "127.0.0.1", "-p", bare.server_address[1], "--load", 40,
                           "--clients", 20, "-w", 1024,
                           wrap=["prlimit", f"--data={kibibytes * 1024}"])
            result = finish(client)
            assert result.status == 0 or "Cannot allocate memory" in result.stderr, kibibytes
            failed += result.status != 0
        bare.shutdown()
    assert failed > 1
