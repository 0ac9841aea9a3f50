"""
Why: RELP promises that each message is answered under its own number. So on real sockets, whatever
the commands and however they are cut: only syslog commands are recorded, each is answered once, in
order, after its commit, and nothing that is no RELP is recorded at all.
"""

import re
import signal
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.client import Client
from harness.server import ini
from harness.waiting import wait_until

OPEN = b"1 open 30 relp_version=0\ncommands=syslog\n"
OPENED = re.compile(rb"1 rsp \d+ 200 OK\nrelp_version=0\nrelp_software=tcpackd,[^\n]+\n"
                    rb"commands=syslog\n")
CLOSED = b"0 serverclose 0\n"


def command(number, name, data=b""):
    return b"%d %s %d%s\n" % (number, name, len(data), b" " + data if data else b"")


def response(number, data=b"200 OK"):
    return command(number, b"rsp", data)


def after_open(replies):
    """What follows the response to open."""
    opened = OPENED.match(replies)
    assert opened, replies
    return replies[opened.end():]


@pytest.fixture
def relp(server, tmp_path):
    def start(**more):
        return server({"server.framing": "relp", "journal.file": tmp_path / "journal", **more})
    return start


def test_a_session_byte_by_byte(relp):
    one = relp()
    stream = OPEN + command(2, b"syslog", b"a\nb\n") + command(3, b"syslog") + command(4, b"close")
    with Client(one) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in stream:
            client.send(bytes([byte]))
        replies = client.receive_all()
    assert after_open(replies) == response(2) + response(3) + response(4, b"") + CLOSED
    assert one.messages() == [b"a\nb", b""]


def test_many_under_way(relp):
    one = relp(**{"server.buffer_size": "1000"})
    count = 3000
    with Client(one) as client:
        client.send(OPEN + b"".join(command(number, b"syslog", b"%d" % number)
                                    for number in range(2, count + 2)))
        client.end_sending()
        replies = client.receive_all()
    assert after_open(replies) == b"".join(map(response, range(2, count + 2))) + CLOSED
    assert one.messages() == [b"%d" % number for number in range(2, count + 2)]


@pytest.mark.parametrize("stream, replies", [
    (command(3, b"syslog", b"x"), b""),                       # a number left out
    (command(2, b"syslog", b"x")[:-1] + b"x", b""),           # no LF at its end
    (command(2, b"syslog", b"x")[:-3], b""),                  # half of one, then the end
    (b"<13>no RELP\n", b""),
    (command(2, b"syslog", b"x" * 102), b""),                 # too long
    (command(2, b"open"), response(2, b"500 the session is open already")),
    (command(0, b"syslog", b"x"), b"")])
def test_no_more_is_taken(relp, stream, replies):
    one = relp(**{"server.max_message": "100"})
    with Client(one) as client:
        client.send(OPEN + stream)
        client.end_sending()
        assert after_open(client.receive_all()) == replies + CLOSED
    assert one.messages() == []


def test_without_open_nothing_is_taken(relp):
    one = relp()
    with Client(one) as client:
        client.send(command(1, b"syslog", b"x"))
        assert client.receive_all() == b""
    one.log.wait("malformed relp framing")
    assert one.messages() == []


def test_a_long_open_is_not_called_a_message(relp):
    """max_message, which an administrator would raise, has nothing to do with it."""
    one = relp()
    with Client(one) as client:
        client.send(command(1, b"open", b"x" * 40000))
        assert client.receive_all() == b""
    one.log.wait("refused .*: malformed relp framing")
    assert not one.log.matches("max_message")


def test_acknowledged_after_the_commit_only(relp, tmp_path):
    """A message that cannot be recorded is never answered 500: a sender would drop it."""
    one = relp(**{"journal.file": "/dev/full", "journal.sync": "no"})
    with Client(one) as client:
        client.send(OPEN)
        wait_until(lambda: client.socket.recv(1, socket.MSG_PEEK), "the response")
        client.send(command(2, b"syslog", b"x"))
        assert after_open(client.receive_all()) == CLOSED
    one.log.wait("No space left on device")


def test_serverclose_at_the_end(relp):
    one = relp()
    with Client(one) as client:
        client.send(OPEN + command(2, b"syslog", b"x"))
        wait_until(lambda: one.messages() == [b"x"], "the record")
        one.stop()
        assert after_open(client.receive_all()) == response(2) + CLOSED


def test_serverclose_when_idle(relp):
    one = relp(**{"server.idle_timeout": "3"})
    with Client(one) as client, Client(one) as silent:
        client.send(OPEN)
        assert after_open(client.receive_all()) == CLOSED
        assert silent.receive_all() == b""  # it never opened a session


@pytest.mark.parametrize("framing", ["auto", "line", "octet", "syslog"])
def test_a_session_where_none_is_expected(server, tmp_path, framing):
    one = server({"server.framing": framing, "journal.file": tmp_path / "journal"})
    for _ in range(2):
        with Client(one) as client:
            client.send(OPEN)
            client.end_sending()
            client.receive_all()
    said = one.log.wait("began a RELP session, .* framing = relp")
    assert re.search(r"warning: 127\.0\.0\.1:\d+ began", said.string)
    one.stop()
    assert len(one.log.matches("began a RELP session")) == 1


def test_header_of_a_proxy_in_front(relp):
    one = relp(**{"server.proxy_from": "127.0.0.1", "server.deny": "192.0.2.2"})
    with Client(one) as client:
        client.send(b"PROXY TCP4 192.0.2.1 192.0.2.9 1000 2000\r\n" + OPEN +
                    command(2, b"syslog", b"x") + command(3, b"close"))
        assert after_open(client.receive_all()) == response(2) + response(3, b"") + CLOSED
    with Client(one) as client:
        client.send(b"PROXY TCP4 192.0.2.2 192.0.2.9 1000 2000\r\n" + OPEN)
        assert client.receive_all() == b""
    [record] = one.records()
    assert (record.peer, record.message) == ("192.0.2.1:1000", b"x")


def test_a_proxy_that_speaks_for_itself_is_admitted_first(relp):
    """An open is answered only after the peer's address was looked at."""
    one = relp(**{"server.proxy_from": "127.0.0.1", "server.deny": "127.0.0.1"})
    with Client(one) as client:
        client.send(b"PROXY UNKNOWN\r\n" + OPEN)
        assert client.receive_all() == b""
    one.log.wait("its address is not allowed")


def test_a_reload_takes_no_response_away(relp):
    """A listener that stops to answer: who has a RELP session goes on with it."""
    one = relp()
    with Client(one) as client:
        client.send(OPEN)
        wait_until(lambda: client.socket.recv(1, socket.MSG_PEEK), "the response")
        one.settings.update({"server.framing": "line", "server.acknowledge": "no"})
        one.config.write_text(ini(one.settings))
        one.send_signal(signal.SIGHUP)
        one.log.wait("the configuration was read again")
        client.send(command(2, b"syslog", b"x") + command(3, b"close"))
        assert after_open(client.receive_all()) == response(2) + response(3, b"") + CLOSED


# ------------------------------------------------------------------------------- any commands

DATA = st.one_of(st.binary(max_size=30), st.sampled_from([b"\n", b"a\n\n", b"2 syslog 1 x\n"]),
                 st.integers(1, 5000).map(lambda size: b"x" * size))
COMMAND = st.one_of(
    st.tuples(st.just(b"syslog"), DATA),
    st.tuples(st.sampled_from([b"starttls", b"abort", b"Z" * 32]), st.binary(max_size=9)),
    st.tuples(st.sampled_from([b"rsp", b"hint"]), st.binary(max_size=9)))


@st.composite
def sessions(draw):
    """(messages, replies, chunks) of a session that ends with close or without."""
    stream, messages, replies, number = OPEN, [], b"", 1
    for name, data in draw(st.lists(COMMAND, max_size=12)):
        if name == b"hint":
            stream += command(0, name, data)
            continue
        if name == b"rsp":
            stream += command(draw(st.integers(0, 999999999)), name, data)
            continue
        number += 1
        stream += command(number, name, data)
        if name == b"syslog":
            messages.append(data[:-1] if data.endswith(b"\n") else data)
        replies += response(number, b"200 OK" if name == b"syslog" else b"500 unknown command")
    if draw(st.booleans()):
        stream += command(number + 1, b"close")
        replies += response(number + 1, b"")
    bounds = [0, *sorted(draw(st.sets(st.integers(0, len(stream)), max_size=10))), len(stream)]
    return messages, replies, [stream[begin:end] for begin, end in zip(bounds, bounds[1:])
                               if end > begin]


@pytest.mark.parametrize("buffer_size", ["16384", "7"])
def test_any_commands_in_any_pieces(relp, buffer_size, long):
    one = relp(**{"server.buffer_size": buffer_size, "journal.sync": "no"})
    journal = one.journal()

    @settings(max_examples=1000 if long else 60)
    @given(sessions())
    def check(session):
        messages, replies, chunks = session
        with Client(one) as client:
            client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for chunk in chunks:
                client.send(chunk)
            client.end_sending()
            assert after_open(client.receive_all()) == replies + CLOSED
        assert [record.message for record in journal.read()] == messages

    check()


def test_no_session_is_left_without_its_response(server, tmp_path):
    """
    A commit fails, and another client opens its session in the same round. The replies of the round
    are taken back; a client that has lost one must not wait for it until its time-out.
    """
    one = server({"server.framing": "relp", "journal.file": tmp_path / "journal"},
                 wrap=["prlimit", "--fsize=1000"])
    with Client(one) as full, Client(one) as other:
        full.send(OPEN)
        after_open(full.receive_until(b"commands=syslog\n") + b"commands=syslog\n")
        one.send_signal(signal.SIGSTOP)
        wait_until(one.is_stopped, "the server stops")
        full.send(command(2, b"syslog", b"x" * 2000))
        other.send(OPEN)
        one.send_signal(signal.SIGCONT)
        assert full.receive_all() == CLOSED
        assert other.receive_all() == CLOSED
