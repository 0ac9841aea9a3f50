"""
Why: for any bytes in the input, and however the input and the replies are split, the messages are
the lines of the input and the output is the server's replies, in order.
"""

import random
import socket

import pytest
from harness.peers import Peer, receive_all
from harness.server import Server
from harness.tcpack import finish, start, tcpack
from hypothesis import given, settings
from hypothesis import strategies as st

LINES = st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"\r")) |
                 st.just(b"") | st.binary(min_size=1, max_size=3).map(
                     lambda piece: piece.replace(b"\n", b"\0") * 3000), max_size=30)


def lines_of(data):
    """The lines of a file, as wc counts them."""
    lines = data.split(b"\n")
    return lines[:-1] if lines[-1] == b"" else lines


@pytest.fixture(scope="module")
def octet_server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("octet"), {
            "server.framing": "octet", "server.reply": "{seq} {bytes}", "journal.sync": "no"}) as one:
        yield one, one.journal()


@settings(max_examples=40)
@given(lines=LINES, newline=st.booleans(), window=st.integers(1, 40))
def test_messages_are_the_lines_of_the_input(octet_server, lines, newline, window):
    one, journal = octet_server
    data = b"\n".join(lines) + (b"\n" if newline else b"")
    sent = lines_of(data)
    first = journal.next_seq
    result = tcpack(one, "-f", "octet", "-w", window, data=data)
    assert result.status == 0, result.stderr
    assert [record.message for record in journal.read()] == sent
    assert result.replies == [b"%d %d" % (seq, len(line)) for seq, line in enumerate(sent, first)]


@settings(max_examples=30)
@given(replies=st.lists(st.binary(max_size=30).map(lambda reply: reply.replace(b"\n", b"").rstrip(b"\r")) |
                        st.just(b"y" * 5000), min_size=1, max_size=20),
       window=st.integers(1, 30), seed=st.integers(0, 1 << 32))
def test_replies_in_any_pieces(replies, window, seed):
    """A server that answers any number of messages at any time, in pieces of any size."""
    chance = random.Random(seed)

    def serve(connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        received = answered = 0
        while answered < len(replies):
            received += connection.recv(chance.choice([1, 7, 65536])).count(b"\n")
            full = received - answered >= window or received == len(replies)
            ready = received if full else chance.randint(answered, received)
            data = b"".join(reply + b"\n" for reply in replies[answered:ready])
            answered = ready
            while data:
                size = chance.choice([1, 3, 100, 65536])
                connection.sendall(data[:size])
                data = data[size:]
        receive_all(connection)

    with Peer(serve) as peer:
        client = start(peer, "-f", "line", "-w", window)
        result = finish(client, b"".join(b"%d\n" % number for number in range(len(replies))))
    assert result.status == 0, result.stderr
    assert result.replies == replies
