"""
Why: with bare replies (without an ending), only time tells whether a reply is complete and which
message it belongs to. If the timing misleads tcpack, it must not count a message as acknowledged by
the reply to another message or to a part of the message.
"""

import contextlib
import socket
import threading

import pytest
from harness.classroom import REPLY
from harness.peers import Peer, receive_all, receive_until, send_pieces
from harness.tcpack import finish, start, tcpack
from harness.waiting import DEADLINE


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def answer_pieces(connection):
    """Replies to each recv(), as the classroom server does, and tcpackd with framing auto."""
    with contextlib.suppress(ConnectionError):
        while connection.recv(1448):
            connection.sendall(REPLY)


def answer_one_piece(connection):
    """The rest of the message is lost, or the server stops."""
    connection.recv(1448)
    connection.sendall(REPLY)


def answer_one_piece_and_stop(connection):
    connection.recv(1448)
    connection.sendall(REPLY)
    finished.wait(DEADLINE)


finished = threading.Event()


@pytest.mark.parametrize("serve", [answer_pieces, answer_one_piece, answer_one_piece_and_stop])
@pytest.mark.parametrize("arguments", [[], ["-r"], ["-q", "-r"]], ids=" ".join)
@pytest.mark.parametrize("size", [512, 3000, 20_000_000])
def test_a_long_message_is_not_acknowledged_by_an_answer_to_a_part(serve, arguments, size):
    """Nor by several such replies, nor before it is sent completely. -r does not resend it."""
    finished.clear()
    with Peer(serve) as peer:
        result = tcpack(peer, *arguments, data=b"x" * size + b"\n")
        finished.set()
    assert (result.status, result.replies) == (75, [])
    assert f"the reply to {size + 1} bytes has no newline" in result.stderr
    assert "-f line" in result.stderr and "framing = line" in result.stderr
    assert "0 acknowledged, 1 not" in result.stderr
    assert "to resume: --from 1" in result.stderr


def test_a_long_message_to_a_server_that_is_known_to_be_bare():
    with Peer(answer_pieces) as peer:
        result = tcpack(peer, "-r", data=b"first\n" + b"x" * 600 + b"\nthird\n")
    assert (result.status, result.replies) == (75, [REPLY])
    assert "the reply to 601 bytes has no newline" in result.stderr
    assert "2 sent, 1 acknowledged, 1 not" in result.stderr


def test_a_long_message_of_a_load():
    with Peer(answer_pieces) as peer:
        result = tcpack(peer, "--load", 3, "--size", 1000)
    assert result.status == 75
    assert "the reply to 1001 bytes has no newline" in result.stderr


def test_short_messages_are_acknowledged_by_what_a_bare_server_answers():
    with Peer(answer_pieces) as peer:
        result = tcpack(peer, data=b"x" * 511 + b"\n" + b"y" * 511 + b"\n")
    assert (result.status, result.replies, result.stderr) == (0, [REPLY] * 2, "")


def test_long_messages_are_acknowledged_by_lines():
    """Even if the network splits the first reply right before its newline."""
    in_time = []

    def serve(connection):
        receive_until(connection, lambda data: data.endswith(b"\n"))
        in_time.append(send_pieces(connection, REPLY, b"\n"))
        if in_time[-1]:
            receive_until(connection, lambda data: data.endswith(b"\n"))
            connection.sendall(b"ok\n")
            receive_all(connection)

    while not any(in_time):
        with Peer(serve) as peer:
            result = tcpack(peer, data=(b"x" * 100_000 + b"\n") * 2)
    assert (result.status, result.replies) == (0, [REPLY, b"ok"])


@pytest.mark.parametrize("size, status", [(80, 0), (300, 75)])
def test_a_path_with_small_segments(size, status):
    """A message sent in one piece arrives in several if it is larger than a segment."""
    with Peer(answer_pieces) as peer:
        peer.listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 128)
        result = tcpack(peer, data=b"x" * size)
    assert result.status == status
    assert ("the reply to 301 bytes has no newline" in result.stderr) == (status != 0)


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


def test_a_reply_that_goes_on_and_on():
    """It ends neither with a newline nor with a pause."""
    ended = threading.Event()

    def serve(connection):
        receive_until(connection, lambda data: data == b"x" * 10_000 + b"\n")
        with contextlib.suppress(ConnectionError):
            while not ended.wait(0.02):  # shorter than the settling time
                connection.sendall(b"ok")

    with Peer(serve) as peer:
        result = tcpack(peer, "-t", "1", data=b"x" * 10_000 + b"\n")
        ended.set()
    assert result.status == 75
    assert "-f line" in result.stderr


def test_the_rest_of_a_reply_is_no_reply_to_the_next_message():
    """The newline of the first reply arrives too late."""
    def serve(connection):
        receive_until(connection, lambda data: data == b"a\n")
        connection.sendall(b"server received")
        receive_until(connection, lambda data: data == b"b\n")
        connection.sendall(b" you message.\n")
        reset(connection)

    with Peer(serve) as peer:
        result = tcpack(peer, data=b"a\nb\n")
    assert result.status == 75
    assert "a reply ends with a newline, but the first one did not" in result.stderr
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
        assert client.wait(DEADLINE) == 75  # its input is still open
        result = finish(client)
    assert "a reply ends with a newline, but the first one did not" in result.stderr


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
        receive_until(connection, lambda data: data == b"c\nd\n")  # both at once, after a line
        connection.sendall(b"two\nthree\n")
        receive_all(connection)

    with Peer(first, second) as peer:
        result = tcpack(peer, "-r", data=b"a\nb\nc\nd\n")
    assert (result.status, result.replies) == (0, [b"server received", b"one", b"two", b"three"])


@pytest.mark.parametrize("first", [b"", b"ok"])
def test_a_reply_without_an_end_is_not_kept_in_memory(first):
    """Neither the first reply, which shows the kind of server, nor a later one."""
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


@pytest.mark.parametrize("size", [1, 100, 511])
def test_a_small_buffer_of_the_server_cuts_no_short_message(server, size):
    """Each piece was recorded, and the reply to the first acknowledged the whole message."""
    one = server({"server.buffer_size": size})
    message = "x" * 511
    result = tcpack(one, message)
    assert (result.status, result.stdout) == (0, b"server received you message.\n")
    assert one.messages() == [message.encode()]
