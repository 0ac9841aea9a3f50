"""
Why: tcpack keeps many messages in flight. It must match replies to messages in order, however
sockets split both, and must not deadlock with a server that waits for it.
"""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest
from harness import programs
from harness.peers import Peer, receive_all, receive_until
from harness.tcpack import finish, start, tcpack
from harness.waiting import DEADLINE

# Without sync: this does not test the disk, which other tests use at the same time.
SEQ = {"server.framing": "line", "server.reply": "{seq} {bytes}", "journal.sync": "no"}


def lines(count):
    return [b"message %d " % number + b"." * (number % 97) for number in range(1, count + 1)]


def test_as_many_as_the_window_are_under_way():
    def serve(connection):
        receive_until(connection, lambda data: data.count(b"\n") == 7)
        connection.settimeout(0.3)
        with pytest.raises(socket.timeout):
            connection.recv(1)  # no eighth message: it waits for acknowledgements
        connection.sendall(b"ok\n" * 3)
        connection.settimeout(30)
        assert receive_until(connection, lambda data: data.count(b"\n") == 3).startswith(b"message 8 ")
        connection.sendall(b"ok\n" * 7)
        receive_all(connection)

    with Peer(serve) as peer:
        result = tcpack(peer, "-f", "line", "-w", 7, data=b"\n".join(lines(10)))
    assert (result.status, result.replies) == (0, [b"ok"] * 10)


def check_under_way(count, size, *options):
    """Of 3000 messages of `size` bytes, with the newline, tcpack sends `count` and then waits."""
    def serve(connection):
        data = receive_until(connection, lambda data: len(data) >= count * size)
        connection.settimeout(0.3)
        with pytest.raises(socket.timeout):
            connection.recv(1)
        connection.settimeout(DEADLINE)
        received, answered = len(data), 0
        while answered < 3000:
            connection.sendall(b"ok\n" * (received // size - answered))
            answered = received // size
            received += len(connection.recv(1 << 20))

    with Peer(serve) as peer:
        result = tcpack(peer, "-f", "line", "-q", *options, data=(b"x" * (size - 1) + b"\n") * 3000)
    assert result.status == 0


@pytest.mark.parametrize("count, size, options", [
    (50, 10, ["--window-bytes", 500]),
    (51, 10, ["--window-bytes", 501]),
    (103, 10, ["--window-bytes", "1K"]),
    (7, 10, ["--window-bytes", 500, "-w", 7]),  # what is reached first counts
    (2000, 10, ["-w", 2000]),
    (1, 10, ["--window-bytes", 1]),
    (2048, 512, []),  # the default: 1 MiB
])
def test_bytes_limit_the_window(count, size, options):
    check_under_way(count, size, *options)


def test_window_bytes_of_the_configuration(tmp_path):
    (tmp_path / "ini").write_text("[client]\nwindow_bytes = 1K\n")
    configured = ["-c", tmp_path / "ini"]
    check_under_way(11, 100, *configured)
    check_under_way(1, 100, *configured, "--window-bytes", 100)


@pytest.mark.parametrize("framing", ["line", "nul", "octet", "auto"])
@pytest.mark.parametrize("window", [1, 2, 1000])
def test_replies_belong_to_messages(server, framing, window):
    one = server({**SEQ, "server.framing": framing})
    sent = lines(3000)
    result = tcpack(one, "-f", framing, "-w", window, data=b"\n".join(sent))
    assert result.status == 0
    assert result.replies == [b"%d %d" % (seq, len(line)) for seq, line in enumerate(sent, 1)]
    assert one.messages() == sent


def test_replies_in_pieces():
    """One byte at a time: a reply is complete when its newline arrives."""
    replies = b"".join(b"reply %d\r\n" % number for number in range(50))

    def serve(connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        receive_until(connection, lambda data: data.count(b"\n") == 50)
        for at in range(len(replies)):
            connection.sendall(replies[at:at + 1])
        receive_all(connection)

    with Peer(serve) as peer:
        result = tcpack(peer, "-f", "line", data=b"\n".join(lines(50)))
    assert (result.status, result.replies) == (0, [b"reply %d" % number for number in range(50)])


def test_no_deadlock_when_both_directions_are_full():
    """
    A server with small buffers that reads no further until its replies are read. Replies are longer
    than messages.
    """
    count = 4000

    def serve(connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        left, rest = count, b""
        while left > 0:
            *whole, rest = (rest + connection.recv(4096)).split(b"\n")
            connection.sendall(b"".join(b"reply to " + line * 3 + b"\n" for line in whole))
            left -= len(whole)
        receive_all(connection)

    with Peer(serve, receive_buffer=16384) as peer:
        sent = [b"%d" % number + b"x" * 1000 for number in range(count)]
        result = tcpack(peer, "-f", "line", "--window-bytes", "4M", data=b"\n".join(sent) + b"\n")
    assert result.status == 0
    assert result.replies == [b"reply to " + line * 3 for line in sent]


def start_with_much_to_print(server, tmp_path):
    """Replies of a megabyte: more than the pipe and tcpack's output buffer hold."""
    file = tmp_path / "input"
    file.write_bytes(b"\n".join(lines(6000)))
    one = server({**SEQ, "server.reply": "x" * 150})
    with open(file, "rb") as data:
        client = start(one, "-f", "line", "-t", "4", stdin=data)
    assert os.read(client.stdout.fileno(), 1) == b"x"
    return client


def test_slow_reader_of_the_replies(server, tmp_path):
    """tcpack stops reading replies, and the time-out does not run meanwhile."""
    client = start_with_much_to_print(server, tmp_path)
    with pytest.raises(subprocess.TimeoutExpired):
        client.wait(5)  # longer than -t: the server answered in time, but tcpack did not read
    rest, errors = client.communicate(timeout=30)
    assert (client.returncode, len(rest), errors) == (0, 6000 * 151 - 1, b"")


def test_interrupted_while_nobody_reads_the_replies(server, tmp_path):
    client = start_with_much_to_print(server, tmp_path)
    client.send_signal(signal.SIGTERM)
    assert client.wait(30) == 75
    assert b"interrupted" in client.stderr.read()
    client.stdout.close()
    client.stderr.close()


def test_interrupted_says_where_to_resume(server, tmp_path):
    """INT under load, repeatedly. Resumed with --from, every line is recorded, in order."""
    one = server({**SEQ, "server.reply": "x" * 150})  # too much to print: it does not end before
    sent = lines(20000)
    file = tmp_path / "input"
    file.write_bytes(b"\n".join(sent) + b"\n")
    line, runs = 1, 0
    while True:
        with open(file, "rb") as data:
            client = start(one, "--from", line, "-w", 5, stdin=data)
            if runs < 8:
                client.stdout.read(2000)  # some bytes of replies
                client.send_signal(signal.SIGINT if runs % 2 else signal.SIGTERM)
            result = finish(client)
        runs += 1
        if result.status == 0:
            break
        assert result.status == 75 and "interrupted" in result.stderr
        resumed = int(re.search(r"to resume: --from (\d+)", result.stderr)[1])
        assert resumed > line
        line = resumed
    assert runs > 3
    # Apart from messages sent but not acknowledged, each line is recorded once.
    recorded = one.messages()
    assert list(dict.fromkeys(recorded)) == sent
    assert len(recorded) - len(sent) <= 5 * (runs - 1)


def test_ignored_signals_stay_ignored(server):
    """As under nohup, or in a shell's background job."""
    one = server(SEQ)
    client = start(one, wrap=["sh", "-c", 'trap "" INT HUP; exec "$@"', "sh"])
    client.stdin.write(b"one\n")
    client.stdin.flush()
    assert client.stdout.readline() == b"1 3\n"
    for number in signal.SIGINT, signal.SIGHUP:
        client.send_signal(number)
    result = finish(client, b"two\n")
    assert (result.status, result.stdout, result.stderr) == (0, b"2 3\n", "")


def test_time_counts_from_the_last_acknowledgement():
    """tcpack does not give up on a server that answers slowly but steadily."""
    def serve(connection):
        receive_until(connection, lambda data: data.count(b"\n") == 5)
        for _ in range(5):
            time.sleep(1)
            connection.sendall(b"ok\n")
        receive_all(connection)

    with Peer(serve) as peer:
        assert tcpack(peer, "-f", "line", "-t", "4", data=b"1\n2\n3\n4\n5\n").status == 0


def test_time_goes_on_while_input_comes():
    """Sending more messages does not extend the time-out."""
    with Peer(receive_all) as peer:
        client = start(peer, "-f", "line", "-w", 65536, "-t", "0.5")
        end = time.monotonic() + DEADLINE
        try:
            while client.poll() is None and time.monotonic() < end:
                client.stdin.write(b"line\n")
                client.stdin.flush()
                time.sleep(0.05)  # the pace of the input
        except BrokenPipeError:
            pass
        ended = client.poll() is not None
        client.kill()
        client.stdout.close()
        client.stdin = None
        assert ended and b"no acknowledgement within 0.5 seconds" in client.stderr.read()
        client.stderr.close()


def test_a_message_that_takes_longer_to_send_than_t():
    """tcpack does not give up on a peer that reads slowly but steadily."""
    size, bursts = 20_000_000, 10

    def serve(connection):
        left = size + 1
        for burst in reversed(range(bursts)):
            if burst >= 2:  # by then, the kernel's buffers may hold all of it
                time.sleep(0.5)  # longer than -t in total
            while left > burst * size // bursts:
                left -= len(connection.recv(65536))
        connection.sendall(b"ok\n")
        receive_all(connection)

    with Peer(serve, receive_buffer=65536) as peer:
        result = tcpack(peer, "-f", "line", "-t", "3", data=b"x" * size)
    assert (result.status, result.replies) == (0, [b"ok"])


def test_an_unfinished_message_is_not_left_behind(server):
    """
    A client that gives up in the middle of a message resets the connection. Otherwise the server
    would record the part as a message.
    """
    outcome, ended = [], threading.Event()

    def serve(connection):
        assert ended.wait(DEADLINE)
        outcome.append(receive_all(connection))

    with Peer(serve, receive_buffer=4096) as peer:
        result = tcpack(peer, "-f", "line", "-t", "0.5", data=b"x" * 3_000_000)
        ended.set()
    assert result.status == 75
    assert "0 sent, 0 acknowledged, 1 not" in result.stderr
    assert outcome == [None]


def test_json(server):
    one = server({**SEQ, "server.reply": "recorded {seq} \\xff\"" })
    result = tcpack(one, "--json", data=b"a\nb\n")
    assert result.status == 0
    objects = [json.loads(line) for line in result.replies]
    assert [(one["line"], one["seq"]) for one in objects] == [(1, 1), (2, 2)]
    assert all(one["latency_us"] > 0 and one["reply_base64"] for one in objects)
    result = tcpack(server(SEQ), "--json", "--from", 2, data=b"a\nbb\n")
    assert {**json.loads(result.stdout), "latency_us": 0} == {
        "line": 2, "seq": 1, "latency_us": 0, "reply": "1 2"}


def test_summary(server):
    result = tcpack(server(SEQ), "-v", "-q", data=b"\n".join(lines(500)))
    assert result.status == 0
    assert re.search(r"tcpack: 500 sent, 500 acknowledged, 0 resent in [\d.]+ s: \d+/s\n"
                     r"latency p50 \d+ us, p90 \d+ us, p99 \d+ us, p99.9 \d+ us, max \d+ us\n",
                     result.stderr), result.stderr


def test_memory_does_not_grow_with_the_input(server):
    """40 MB of lines: the window bounds the memory."""
    one = server(SEQ)
    client = start(one, "-q")
    for _ in range(40):
        client.stdin.write(b"x" * 99 + b"\n" + b"\n".join([b"y" * 999] * 1000) + b"\n")
    client.stdin.flush()
    with open(f"/proc/{client.pid}/status", encoding="ascii") as status:
        peak = int(re.search(r"VmHWM:\s+(\d+) kB", status.read())[1])
    result = finish(client)
    assert result.status == 0
    assert peak < 64 * 1024


def test_a_line_that_is_larger_than_memory(server, tmp_path):
    programs.need("prlimit")
    with open(programs.tcpack(), "rb") as program:
        if b"__asan_" in program.read():
            pytest.skip("AddressSanitizer needs more address space than this test allows")
    file = tmp_path / "input"
    file.write_bytes(b"first\n")
    os.truncate(file, 500_000_000)
    with open(file, "rb") as data:
        client = start(server(SEQ), "-f", "line", stdin=data,
                       wrap=["prlimit", f"--as={100 * 1024 * 1024}"])
    result = finish(client)
    assert result.status == 75
    assert "cannot read line 2 of the input: out of memory" in result.stderr
    assert "to resume: --from 2" in result.stderr
