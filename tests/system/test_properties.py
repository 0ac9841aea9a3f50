"""
Whatever clients send, however it is cut on the way, in whatever order it arrives: on a live server,
the records of each client are its messages in order, its replies are the answers to just these, and
both formats decode back to the bytes that were sent.
"""

import socket
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.client import Client

SPECIAL = [b"\r", b"\\", b"\\n", b"\t", b"\x1b[", b"\x7f", b"\xc2\x9b", b"\xff", b"\xe4\xbd\xa0",
           b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b'"', b"{", b" ", b"0", b"12 "]

MESSAGE = st.one_of(
    st.binary(max_size=40),
    st.lists(st.sampled_from(SPECIAL), max_size=12).map(b"".join),
    st.text(max_size=20).map(str.encode),
    st.binary(min_size=1, max_size=40).map(lambda part: (part * 3000)[:3000]),
)


def line_client(draw):
    """(messages, stream, replies) with either line ending, perhaps with an unended tail."""
    messages, stream, replies = [], b"", b""
    for message in draw(st.lists(MESSAGE, max_size=8)):
        ending = draw(st.sampled_from([b"\n", b"\r\n"]))
        message = message.replace(b"\n", b"N")
        if ending == b"\n":
            message = message.rstrip(b"\r")
        messages.append(message)
        stream += message + ending
        replies += b"%d" % len(message) + ending
    return with_tail(draw, messages, stream, replies, b"\n")


def nul_client(draw):
    messages = [message.replace(b"\0", b"N") for message in draw(st.lists(MESSAGE, max_size=8))]
    stream = b"".join(message + b"\0" for message in messages)
    replies = b"".join(b"%d\0" % len(message) for message in messages)
    return with_tail(draw, messages, stream, replies, b"\0")


def with_tail(draw, messages, stream, replies, delimiter):
    tail = draw(MESSAGE).replace(delimiter, b"N")
    if tail and draw(st.booleans()):
        messages, stream, replies = [*messages, tail], stream + tail, replies + b"%d" % len(tail)
    return messages, stream, replies


def octet_client(draw):
    messages = draw(st.lists(MESSAGE, max_size=8))
    answers = [b"%d" % len(message) for message in messages]
    return (messages,
            b"".join(b"%d %s" % (len(message), message) for message in messages),
            b"".join(b"%d %s" % (len(answer), answer) for answer in answers))


@st.composite
def clients(draw, framing):
    """Some clients: [(messages, [chunk, ...], replies)]."""
    make = {"auto": line_client, "line": line_client, "nul": nul_client, "octet": octet_client}
    drawn = []
    for _ in range(draw(st.integers(1, 4))):
        messages, stream, replies = make[framing](draw)
        # auto: what comes before the first newline must come at once to be one message.
        first = stream.find(b"\n") + 1 or len(stream) if framing == "auto" else 0
        cuts = sorted(draw(st.sets(st.integers(first, len(stream)), max_size=10)))
        bounds = [0, *cuts, len(stream)]
        chunks = [stream[begin:end] for begin, end in zip(bounds, bounds[1:]) if end > begin]
        drawn.append((messages, chunks, replies))
    return drawn


@pytest.mark.parametrize("framing, buffer_size", [
    ("auto", "16384"), ("line", "16384"), ("line", "7"), ("nul", "16384"), ("nul", "1"),
    ("octet", "16384"), ("octet", "5")])
@pytest.mark.parametrize("format", ["text", "json"])
def test_records_and_replies_are_the_messages(server, tmp_path, framing, buffer_size, format, long):
    one = server({"server.framing": framing, "server.reply": "{bytes}",
                  "server.buffer_size": buffer_size, "journal.format": format,
                  "journal.file": tmp_path / "journal", "journal.sync": "no"})
    journal = one.journal()

    @settings(max_examples=1000 if long else 40)
    @given(clients(framing), st.randoms())
    def check(drawn, order):
        connections = [Client(one) for _ in drawn]
        turns = [number for number, (_, chunks, _) in enumerate(drawn) for _ in chunks]
        order.shuffle(turns)
        left = [iter(chunks) for _, chunks, _ in drawn]
        for number in turns:
            connections[number].socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connections[number].send(next(left[number]))
        recorded = defaultdict(list)
        for connection, (_, _, replies) in zip(connections, drawn):
            connection.end_sending()
            assert connection.receive_all() == replies
        for record in journal.read():
            recorded[record.peer].append(record.message)
        for connection, (messages, _, _) in zip(connections, drawn):
            assert recorded.pop(connection.peer, []) == messages
            connection.close()
        assert not recorded

    check()
