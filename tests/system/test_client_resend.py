"""
Why: tcpack -r must not lose a message. However often the server is killed or the connection breaks,
each line of the input is recorded, in order, and only resent messages may be recorded twice.
"""

import contextlib
import re
import select
import socket
import threading
from collections import Counter

import pytest
from harness.peers import Peer, receive_all, receive_until
from harness.server import Server
from harness.tcpack import finish, start, tcpack
from harness.waiting import DEADLINE, wait_until


class Lines:
    """Reads and counts the lines that a process prints."""

    def __init__(self, stream):
        self.lines = []
        self.thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self.thread.start()

    def _read(self, stream):
        with stream:
            self.lines.extend(stream)

    def wait(self, count):
        wait_until(lambda: len(self.lines) >= count, lambda: f"{count} lines, not {len(self.lines)}")

    def all(self):
        self.thread.join(30)
        return self.lines


class Feeder:
    """Writes numbered lines without a pause until told to stop."""

    def __init__(self, stream):
        self.sent = []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._write, args=(stream,), daemon=True)
        self.thread.start()

    def _write(self, stream):
        with stream:
            while not self.stopping.is_set():
                lines = [b"line %d" % (len(self.sent) + number) for number in range(100)]
                stream.write(b"".join(line + b"\n" for line in lines))
                self.sent.extend(lines)

    def stop(self):
        self.stopping.set()
        self.thread.join(30)
        return self.sent


@pytest.mark.parametrize("option, window", [
    ("-w16", 16), ("-w100", 100),
    ("--window-bytes=700", 101),  # the shortest line has 7 bytes
])
def test_server_killed_over_and_over(tmp_path, free_port, long, option, window):
    """
    SIGKILL in the middle of a stream of lines. A kill loses what is in flight, and then perhaps one
    message more: the kernel may close the listener last, and take a connection until then.
    """
    kills = 300 if long else 8
    settings = {"server.port": free_port, "server.framing": "line", "server.reply": "{seq}",
                "journal.file": tmp_path / "journal"}
    one = Server(tmp_path, settings).start()
    client = start(one, "-r", option, "-f", "line", "-v")
    replies, log, feeder = Lines(client.stdout), Lines(client.stderr), Feeder(client.stdin)
    for _ in range(kills):
        replies.wait(len(replies.lines) + 200)
        one.kill()
        one = Server(tmp_path, settings).start()
    sent = feeder.stop()
    assert client.wait(60) == 0
    recorded = one.messages()
    one.stop()
    assert len(replies.all()) == len(sent)
    assert list(dict.fromkeys(recorded)) == sent
    twice = [count - 1 for count in Counter(recorded).values() if count > 1]
    resent = int(re.search(r"(\d+) resent", b"".join(log.all()).decode())[1])
    # A killed server's listener may outlive its connections for a moment: then one message more, on
    # a connection that nobody will serve.
    assert 0 < resent <= kills * (window + 1)
    assert sum(twice) <= resent
    print(f"{kills} kills, {len(sent)} lines, {resent} resent, {len(twice)} recorded twice")


def test_only_what_is_not_acknowledged_is_resent():
    def first(connection):
        receive_until(connection, lambda data: data == b"a\nb\nc\nd\n")
        connection.sendall(b"ok\nok\nhalf")

    def second(connection):
        receive_until(connection, lambda data: data == b"c\n")
        connection.sendall(b"OK\n")
        receive_until(connection, lambda data: data == b"d\n")
        connection.sendall(b"OK\n")
        receive_all(connection)

    with Peer(first, second) as peer:
        result = tcpack(peer, "-r", "-v", "-f", "line", data=b"a\nb\nc\nd")
    assert (result.status, result.replies) == (0, [b"ok", b"ok", b"OK", b"OK"])
    assert "warning: 127.0.0.1:" in result.stderr and "the server closed" in result.stderr
    assert "4 sent, 4 acknowledged, 2 resent" in result.stderr


def test_the_window_begins_with_one_and_doubles_after_a_loss():
    def second(connection):
        for window in 1, 2, 4, 8:
            receive_until(connection, lambda data: data.count(b"\n") == window)
            connection.settimeout(0.2)
            with pytest.raises(socket.timeout):
                connection.recv(1)  # no more messages until these are acknowledged
            connection.settimeout(DEADLINE)
            connection.sendall(b"ok\n" * window)
        take_all(connection)

    def first(connection):
        receive_until(connection, lambda data: data.count(b"\n") == 4)

    lines = [b"%d" % number for number in range(100)]
    with Peer(first, second) as peer:
        client = start(peer, "-r", "-f", "line")
        client.stdin.write(b"0\n1\n2\n3\n")
        client.stdin.flush()
        assert b"the server closed" in client.stderr.readline()
        result = finish(client, b"\n".join(lines[4:]))
    assert (result.status, len(result.replies)) == (0, len(lines))


def take_all(connection):
    """Acknowledge each line, unless the client has given up on it."""
    with contextlib.suppress(ConnectionError):
        while data := connection.recv(65536):
            connection.sendall(b"ok\n" * data.count(b"\n"))


class BadLink:
    """
    A proxy between client and server. It forwards everything that the client sends, but only the
    first `size` bytes of the replies. Then the connection ends, perhaps with a reset.
    """

    host = "127.0.0.1"

    def __init__(self, server, size, reset):
        self.server, self.size, self.reset = server, size, reset
        self.connections = 0
        self.listener = socket.create_server((self.host, 0), backlog=16)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            with client, socket.create_connection((self.host, self.server.port), DEADLINE) as server:
                self._carry(client, server)
                if self.reset:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    def _carry(self, client, server):
        left = self.size
        while left > 0:
            ready, _, _ = select.select([client, server], [], [], DEADLINE)
            if client in ready:
                data = client.recv(65536)
                if not data:
                    return
                server.sendall(data)
            if server in ready:
                replies = server.recv(left)
                client.sendall(replies)
                left -= len(replies)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(DEADLINE)
        self.listener.close()


@pytest.mark.parametrize("reset", [False, True], ids=["end", "reset"])
@pytest.mark.parametrize("size, count", [(3, 100), (10, 300), (128, 1000), (1000, 1000)])
def test_a_bad_link_multiplies_nothing(server, size, count, reset):
    """Each connection yields a few replies of three bytes; the last one may be incomplete."""
    one = server({"server.framing": "line", "server.reply": "ok", "journal.sync": "no"})
    lines = [b"line %d" % number for number in range(count)]
    with BadLink(one, size, reset) as link:
        result = tcpack(link, "-q", "-r", "-f", "line", data=b"\n".join(lines))
    assert result.status == 0
    recorded = one.messages()
    assert list(dict.fromkeys(recorded)) == lines
    assert len(recorded) <= 2 * count + 16
    print(f"{link.connections} connections, {len(recorded)} records for {count} messages")


def test_acknowledgements_that_came_before_the_reset_count():
    """The connection is gone when tcpack sends again, but replies that arrived before are read."""
    def first(connection):
        receive_until(connection, lambda data: data == b"a\nb\n")
        connection.sendall(b"ok\nok\n")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    def second(connection):
        receive_until(connection, lambda data: data == b"c\n")
        connection.sendall(b"ok\n")
        receive_all(connection)

    with Peer(first, second) as peer:
        client = start(peer, "-r", "-f", "line")
        client.stdin.write(b"a\nb\n")
        client.stdin.flush()
        replies = Lines(client.stdout)
        replies.wait(2)
        client.stdin.write(b"c\n")
        client.stdin.close()
        assert client.wait(30) == 0
        assert replies.all() == [b"ok\n"] * 3
        client.stderr.close()


def test_replies_are_printed_before_the_next_connection_is_there():
    """The server may be down for a long time."""
    def serve(connection):
        receive_until(connection, lambda data: data == b"a\nb\n")
        connection.sendall(b"ok\n")

    peer = Peer(serve)
    with peer:
        client = start(peer, "-r", "-f", "line")
        client.stdin.write(b"a\nb\n")
        client.stdin.flush()
        replies = Lines(client.stdout)
    replies.wait(1)  # the server no longer listens
    client.terminate()
    assert client.wait(30) == 75
    client.stdin.close()
    client.stderr.close()


def test_silence_counts_as_lost():
    with Peer(receive_all, then=take_all) as peer:
        result = tcpack(peer, "-r", "-t", "0.3", "a")
    assert (result.status, result.replies) == (0, [b"ok"])
    assert "no acknowledgement within 0.3 seconds" in result.stderr


def test_waits_for_a_server_that_is_not_there_yet(tmp_path, free_port):
    client = start(None, "-H", "127.0.0.1", "-p", free_port, "-r", "hello")
    assert b"refused" in client.stderr.readline()
    with Server(tmp_path, {"server.port": free_port}) as one:
        assert finish(client).status == 0
        assert one.messages() == [b"hello"]


def test_interrupted_before_there_was_a_connection_says_where_to_resume(free_port):
    client = start(None, "-H", "127.0.0.1", "-p", free_port, "-r", "--from", 7)
    assert b"refused" in client.stderr.readline()
    client.terminate()
    result = finish(client, b"line\n" * 10)
    assert result.status == 75
    assert "sent, " not in result.stderr
    assert "to resume: --from 7" in result.stderr


def test_retries_are_counted(free_port):
    result = tcpack(None, "-H", "127.0.0.1", "-p", free_port, "--retries", 2, "-t", "0.2", "hello")
    assert result.status == 69
    assert result.stderr.count("refused") == 3
    assert result.stderr.count("connecting again") == 2


def test_retries_that_end_after_a_loss_leave_a_count():
    """The count of messages is logged even if the last failure is a refused connection."""
    def serve(connection):
        receive_until(connection, lambda data: data == b"a\nb\n")
        peer.listener.close()
        connection.sendall(b"ok\n")

    peer = Peer(serve)
    with peer:
        result = tcpack(peer, "--retries", 1, "-f", "line", data=b"a\nb\n")
    assert (result.status, result.replies) == (75, [b"ok"])
    assert "refused" in result.stderr
    assert "2 sent, 1 acknowledged, 1 not" in result.stderr
    assert "to resume: --from 2" in result.stderr


def test_retries_end_with_a_server_that_never_acknowledges():
    with Peer(receive_all, receive_all) as peer:
        result = tcpack(peer, "--retries", 1, "-t", "0.2", "hello")
    assert result.status == 75
    assert "1 sent, 0 acknowledged, 1 not" in result.stderr


def test_a_success_makes_the_count_begin_anew():
    def acknowledge_one(connection):
        receive_until(connection, lambda data: b"\n" in data)
        connection.sendall(b"ok\n")

    with Peer(*[acknowledge_one] * 6) as peer:
        result = tcpack(peer, "--retries", 1, "-f", "line", data=b"1\n2\n3\n4\n5\n6\n")
    assert (result.status, len(result.replies)) == (0, 6)


def test_an_idle_connection_that_ends_is_replaced_when_needed():
    """tcpack does not reconnect to a server with an idle_timeout until it has a message."""
    connections = []

    def serve(connection):
        connections.append(1)
        receive_until(connection, lambda data: b"\n" in data)
        connection.sendall(b"ok\n")

    with Peer(serve, serve) as peer:
        client = start(peer, "-r", "-f", "line")
        log = Lines(client.stderr)
        client.stdin.write(b"a\n")
        client.stdin.flush()
        log.wait(1)  # the server closed the connection
        assert len(connections) == 1
        client.stdin.write(b"b\n")
        client.stdin.close()
        assert client.wait(30) == 0
        client.stdout.close()
    assert len(connections) == 2


def test_without_r_a_lost_connection_is_the_end():
    with Peer(lambda connection: None) as peer:
        client = start(peer)
        assert client.wait(30) == 75  # it does not wait for its input to end
        result = finish(client)
    assert "the server closed the connection" in result.stderr
    assert "to resume: --from 1" in result.stderr


@pytest.mark.parametrize("framing", ["auto", "line", "nul", "octet"])
@pytest.mark.parametrize("before", [0, 2, 100])
def test_a_message_that_the_server_never_takes_ends_the_transfer(server, framing, before):
    """A message longer than max_message. Resending it forever would block those after it."""
    one = server({"server.framing": framing, "server.max_message": "1000"})
    first = [b"line %d" % number for number in range(before)]
    lines = [*first, b"\x1b" + b"x" * 4999, b"after"]
    result = tcpack(one, "-r", "-t", "2", "-f", framing, data=b"\n".join(lines))
    assert (result.status, len(result.replies)) == (65, before)
    assert one.messages() == first
    assert f"message {before + 1} was refused three times" in result.stderr
    assert "its 5000 bytes, which begin with '\\x1B" + "x" * 39 + "'" in result.stderr
    assert re.search(rf"sent, {before} acknowledged, \d+ not", result.stderr)
    assert f"to resume: --from {before + 1}; to skip that message: --from {before + 2}" \
        in result.stderr


def test_words_that_the_server_never_takes(server):
    one = server({"server.max_message": "10"})
    result = tcpack(one, "-r", "-t", "0.5", "a message of more than ten bytes")
    assert (result.status, result.replies) == (65, [])
    assert "message 1 was refused three times" in result.stderr and "--from" not in result.stderr


def test_what_is_no_refusal():
    """
    Connections that end with several messages in flight, a silent server, and fewer than three
    refusals in a row, as from a server that restarts or has a full disk for a while.
    """
    def refuse(connection):
        connection.recv(65536)

    def take_one(connection):
        with contextlib.suppress(ConnectionError):
            connection.recv(65536)
            connection.sendall(b"ok\n")
            refuse(connection)

    with Peer(*[refuse] * 3, receive_all, *[refuse] * 2, take_one, refuse, then=take_all) as peer:
        result = tcpack(peer, "-r", "-t", "0.3", "-f", "line", data=b"1\n2\n3\n4\n")
    assert (result.status, len(result.replies)) == (0, 4)


def test_a_server_that_is_away_refuses_no_message(tmp_path, free_port):
    """It fails whenever it has a message, and is started again."""
    client = start(None, "-H", "127.0.0.1", "-p", free_port, "-r", "-t", "0.2", "hello")
    log = Lines(client.stderr)

    def refused():
        return sum(b"Connection refused" in line for line in log.lines)

    for _ in range(4):
        seen = refused()
        wait_until(lambda: refused() > seen, "another attempt")
        with socket.create_server(("127.0.0.1", free_port)) as listener:
            listener.settimeout(DEADLINE)
            connection, _ = listener.accept()
            listener.close()
            with connection:
                receive_until(connection, lambda data: data == b"hello\n")
    with Server(tmp_path, {"server.port": free_port}) as one:
        assert client.wait(DEADLINE) == 0
        assert set(one.messages()) == {b"hello"}  # on a slow machine, perhaps sent again
    for stream in client.stdin, client.stdout:
        stream.close()
