"""
Servers that end their replies with nothing: what of a reply is whole, and whose it is, only time
can tell. Where it told a lie, no message may count as acknowledged by what was not its reply.
"""

import socket
import threading

import pytest
from harness.peers import Peer, receive_all, receive_until
from harness.tcpack import finish, start, tcpack
from harness.waiting import DEADLINE


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def test_several_replies_to_a_large_message_count_once():
    """The classroom server answers each recv(): no answer to a part is one to the next message."""
    large = b"x" * 100_000 + b"\n"

    def serve(connection):
        assert connection.recv(1024) == b"first\n"
        connection.sendall(b"server received you message.")
        receive_until(connection, lambda data: data == large)
        connection.sendall(b"server received you message." * 1000)  # more than one recv() takes
        assert connection.recv(1) == b"t"
        reset(connection)

    with Peer(serve) as peer:
        result = tcpack(peer, data=b"first\n" + large + b"third\n")
    assert result.status == 75
    assert "3 sent, 2 acknowledged, 1 not" in result.stderr
    assert result.replies == [b"server received you message.", b"server received you message." * 1000]


def test_a_server_that_resets_has_not_read_a_large_message():
    def serve(connection):
        assert connection.recv(1024) == b"first\n"
        connection.sendall(b"ok")
        connection.recv(1024)
        connection.sendall(b"ok")
        reset(connection)

    with Peer(serve) as peer:
        result = tcpack(peer, data=b"first\n" + b"x" * 10_000 + b"\n")
    assert result.status == 75
    assert "2 sent, 1 acknowledged, 1 not" in result.stderr


def test_a_large_message_may_be_answered_for_longer_than_t():
    """Each answer says that the server reads on."""
    answered = threading.Event()

    def serve(connection):
        assert connection.recv(1024) == b"first\n"
        connection.sendall(b"ok")
        receive_until(connection, lambda data: data == b"x" * 10_000 + b"\n")
        for _ in range(40):
            connection.sendall(b"ok")
            answered.wait(0.05)  # shorter than what settles, in all longer than -t
        receive_all(connection)

    with Peer(serve) as peer:
        result = tcpack(peer, "-t", "1", data=b"first\n" + b"x" * 10_000 + b"\n")
    assert (result.status, result.stderr) == (0, "")


def test_the_rest_of_a_reply_is_no_reply_to_the_next_message():
    """The first came without its newline, which followed too late."""
    def serve(connection):
        receive_until(connection, lambda data: data == b"a\n")
        connection.sendall(b"server received")
        receive_until(connection, lambda data: data == b"b\n")
        connection.sendall(b" you message.\n")
        reset(connection)

    with Peer(serve) as peer:
        result = tcpack(peer, data=b"a\nb\n")
    assert result.status == 75
    assert "a reply ends with a newline, the first one did not" in result.stderr
    assert "-f line" in result.stderr
    assert "2 sent, 1 acknowledged, 1 not" in result.stderr


def test_the_rest_of_a_reply_while_nothing_is_under_way():
    settled = threading.Event()

    def serve(connection):
        receive_until(connection, lambda data: data == b"a\n")
        connection.sendall(b"server received")
        assert settled.wait(DEADLINE)
        connection.sendall(b" you message.\n")
        receive_all(connection)

    with Peer(serve) as peer:
        client = start(peer)
        client.stdin.write(b"a\n")
        client.stdin.flush()
        assert client.stdout.readline() == b"server received\n"
        settled.set()
        assert client.wait(DEADLINE) == 75  # its input goes on
        result = finish(client)
    assert "a reply ends with a newline, the first one did not" in result.stderr


def test_how_the_server_speaks_is_found_out_anew_over_the_next_connection():
    def first(connection):
        receive_until(connection, lambda data: data == b"a\n")
        connection.sendall(b"server received")
        receive_until(connection, lambda data: data == b"b\n")
        connection.sendall(b" you message.\n")
        receive_all(connection)

    def second(connection):
        receive_until(connection, lambda data: data == b"b\n")
        connection.sendall(b"one\n")
        receive_until(connection, lambda data: data == b"c\nd\n")  # both at once: it speaks lines
        connection.sendall(b"two\nthree\n")
        receive_all(connection)

    with Peer(first, second) as peer:
        result = tcpack(peer, "-r", data=b"a\nb\nc\nd\n")
    assert (result.status, result.replies) == (0, [b"server received", b"one", b"two", b"three"])


@pytest.mark.parametrize("first", [b"", b"ok"])
def test_a_reply_without_an_end_is_not_kept_in_memory(first):
    """Neither the one that decides how the server speaks nor a later one."""
    def serve(connection):
        if first:
            assert connection.recv(1024) == b"first\n"
            connection.sendall(first)
        receive_until(connection, lambda data: data.endswith(b"x\n"))
        with pytest.raises(ConnectionError):
            while True:
                connection.sendall(b"z" * 65536)

    with Peer(serve) as peer:
        result = tcpack(peer, data=(b"first\n" if first else b"") + b"x" * 1000 + b"\n")
    assert result.status == 75
    assert "a reply of more than 1 MiB" in result.stderr
