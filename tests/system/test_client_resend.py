"""
tcpack -r loses nothing: however often the server is killed or the connection cut, each line of the
input is recorded, in order, and only what was resent can be there twice.
"""

import re
import socket
import threading
from collections import Counter

import pytest
from harness.peers import Peer, receive_all, receive_until
from harness.server import Server
from harness.tcpack import finish, start, tcpack
from harness.waiting import wait_until


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Lines:
    """What a process prints, counted as it comes."""

    def __init__(self, stream):
        self.lines = []
        self.thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self.thread.start()

    def _read(self, stream):
        with stream:
            self.lines.extend(stream)

    def wait(self, count):
        wait_until(lambda: len(self.lines) >= count, f"{count} lines")

    def all(self):
        self.thread.join(30)
        return self.lines


class Feeder:
    """Writes numbered lines without a pause, until told to stop."""

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


@pytest.mark.parametrize("window", [16, 100])
def test_server_killed_over_and_over(tmp_path, long, window):
    """SIGKILL in the middle of a stream of lines."""
    kills = 300 if long else 8
    settings = {"server.port": free_port(), "server.framing": "line", "server.reply": "{seq}",
                "journal.file": tmp_path / "journal"}
    one = Server(tmp_path, settings).start()
    client = start(one, "-r", "-w", window, "-f", "line", "-v")
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
    assert 0 < resent <= kills * window
    assert sum(twice) <= resent
    print(f"{kills} kills, {len(sent)} lines, {resent} resent, {len(twice)} recorded twice")


def test_only_what_is_not_acknowledged_is_resent():
    def first(connection):
        receive_until(connection, lambda data: data == b"a\nb\nc\nd\n")
        connection.sendall(b"ok\nok\nhalf")

    def second(connection):
        receive_until(connection, lambda data: data == b"c\nd\n")
        connection.sendall(b"OK\nOK\n")
        receive_all(connection)

    with Peer(first, second) as peer:
        result = tcpack(peer, "-r", "-v", "-f", "line", data=b"a\nb\nc\nd")
    assert (result.status, result.replies) == (0, [b"ok", b"ok", b"OK", b"OK"])
    assert "warning: 127.0.0.1:" in result.stderr and "the server closed" in result.stderr
    assert "4 sent, 4 acknowledged, 2 resent" in result.stderr


def test_acknowledgements_that_came_before_the_reset_count():
    """The connection is gone when tcpack next sends; what arrived before is still read."""
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
    """The server may be away for long."""
    def serve(connection):
        receive_until(connection, lambda data: data == b"a\nb\n")
        connection.sendall(b"ok\n")

    peer = Peer(serve)
    with peer:
        client = start(peer, "-r", "-f", "line")
        client.stdin.write(b"a\nb\n")
        client.stdin.flush()
        replies = Lines(client.stdout)
    replies.wait(1)  # nobody listens any more
    client.terminate()
    assert client.wait(30) == 75
    client.stdin.close()
    client.stderr.close()


def test_silence_counts_as_lost():
    def second(connection):
        receive_until(connection, lambda data: data == b"a\n")
        connection.sendall(b"ok\n")
        receive_all(connection)

    with Peer(receive_all, second) as peer:
        result = tcpack(peer, "-r", "-t", "0.3", "a")
    assert (result.status, result.replies) == (0, [b"ok"])
    assert "no acknowledgement within 0.3 seconds" in result.stderr


def test_waits_for_a_server_that_is_not_there_yet(tmp_path):
    port = free_port()
    client = start(None, "-H", "127.0.0.1", "-p", port, "-r", "hello")
    assert b"refused" in client.stderr.readline()
    with Server(tmp_path, {"server.port": port}) as one:
        assert finish(client).status == 0
        assert one.messages() == [b"hello"]


def test_interrupted_before_there_was_a_connection_says_where_to_resume():
    client = start(None, "-H", "127.0.0.1", "-p", free_port(), "-r", "--from", 7)
    assert b"refused" in client.stderr.readline()
    client.terminate()
    result = finish(client, b"line\n" * 10)
    assert result.status == 75
    assert "0 sent, 0 acknowledged, 0 not" in result.stderr
    assert "to resume: --from 7" in result.stderr


def test_retries_are_counted():
    port = free_port()
    result = tcpack(None, "-H", "127.0.0.1", "-p", port, "--retries", 2, "-t", "0.2", "hello")
    assert result.status == 69
    assert result.stderr.count("refused") == 3
    assert result.stderr.count("trying again") == 2


def test_retries_that_end_after_a_loss_leave_a_count():
    """That nobody listens any more does not hide that messages were sent."""
    def serve(connection):
        receive_until(connection, lambda data: data == b"a\nb\n")
        peer.listener.close()
        connection.sendall(b"ok\n")

    peer = Peer(serve)
    with peer:
        result = tcpack(peer, "--retries", 1, "-t", "0.2", "-f", "line", data=b"a\nb\n")
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
    """A server with an idle_timeout is not connected to again and again."""
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
