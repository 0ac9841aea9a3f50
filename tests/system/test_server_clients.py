"""
What clients do on the wire, from the polite to the rude: each gets what tcpack-protocol(7) says,
and none of them costs the others anything.
"""

import array
import collections
import fcntl
import signal
import socket
import termios

import pytest

from harness import programs
from harness.classroom import REPLY
from harness.client import Client, send_until_stuck
from harness.waiting import wait_until


def answers(server, sent):
    """Everything that comes back for these bytes and an end of sending."""
    with Client(server) as client:
        client.send(sent)
        client.end_sending()
        return client.receive_all()


def unacknowledged_bytes(client):
    """Bytes that the peer's kernel has not taken yet: ioctl SIOCOUTQ, tcp(7)."""
    count = array.array("i", [0])
    fcntl.ioctl(client.socket, termios.TIOCOUTQ, count)
    return count[0]


@pytest.mark.parametrize("framing", ["auto", "line"])
@pytest.mark.parametrize("sent, messages, replies", [
    (b"one\ntwo\n", [b"one", b"two"], b"ok\nok\n"),
    (b"one\r\ntwo\nthree\r\n", [b"one", b"two", b"three"], b"ok\r\nok\nok\r\n"),
    (b"\n", [b""], b"ok\n"),
    (b"\r\n", [b""], b"ok\r\n"),
    (b"one\n\nthree\n", [b"one", b"", b"three"], b"ok\nok\nok\n"),
    (b"one\ntail", [b"one", b"tail"], b"ok\nok"),
    (b"tail", [b"tail"], b"ok"),
    (b"a\rb\n", [b"a\rb"], b"ok\n"),
    (b"", [], b""),
    (b"\x00\xff\x1b[31m\n", [b"\x00\xff\x1b[31m"], b"ok\n"),
])
def test_replies_end_as_messages_do(server, framing, sent, messages, replies):
    one = server({"server.framing": framing, "server.reply": "ok"})
    assert answers(one, sent) == replies
    assert one.messages() == messages


@pytest.mark.parametrize("sent, messages, replies", [
    (b"one\0two\0", [b"one", b"two"], b"ok\0ok\0"),
    (b"line\nline\0", [b"line\nline"], b"ok\0"),
    (b"\0", [b""], b"ok\0"),
    (b"one\0tail", [b"one", b"tail"], b"ok\0ok"),
])
def test_nul_framing(server, sent, messages, replies):
    one = server({"server.framing": "nul", "server.reply": "ok"})
    assert answers(one, sent) == replies
    assert one.messages() == messages


@pytest.mark.parametrize("sent, messages, replies", [
    (b"3 one3 two", [b"one", b"two"], b"2 ok2 ok"),
    (b"0 ", [b""], b"2 ok"),
    (b"5 a\nb\0c", [b"a\nb\0c"], b"2 ok"),
    (b"11 hello world", [b"hello world"], b"2 ok"),
])
def test_octet_framing(server, sent, messages, replies):
    one = server({"server.framing": "octet", "server.reply": "ok"})
    assert answers(one, sent) == replies
    assert one.messages() == messages


@pytest.mark.parametrize("bad", [b"x", b"03 abc", b" 3 abc", b"-1 a", b"3x abc", b"10 short", b"5"])
def test_malformed_counts_close_the_connection(server, bad):
    """What came before is recorded and acknowledged; of the malformed frame, nothing."""
    one = server({"server.framing": "octet", "server.reply": "ok"})
    with Client(one) as client:
        client.send(b"4 good" + bad)
        client.end_sending()
        assert client.receive_all() == b"2 ok"
        one.log.wait(r"^tcpackd: warning: .*" + client.peer)
    assert one.messages() == [b"good"]


@pytest.mark.parametrize("framing, good, long, reply", [
    ("line", b"1234567890\n", b"12345678901\n", b"ok\n"),
    ("line", b"1234567890\r\n", b"12345678901", b"ok\r\n"),
    ("auto", b"1234567890\n", b"12345678901\n", b"ok\n"),
    ("nul", b"1234567890\0", b"12345678901\0", b"ok\0"),
    ("octet", b"10 1234567890", b"11 12345678901", b"2 ok"),
    ("octet", b"10 1234567890", b"99999999999999999999999 ", b"2 ok"),
])
def test_longer_than_max_message(server, framing, good, long, reply):
    """Logged with peer, reason and size; messages before it are recorded and acknowledged."""
    one = server({"server.framing": framing, "server.max_message": "10", "server.reply": "ok"})
    with Client(one) as client:
        client.send(good + long)
        assert client.receive_all() == reply
        line = one.log.wait(r"^tcpackd: warning: .*" + client.peer + ".*").string
        assert "max_message" in line and "10" in line
    assert one.messages() == [b"1234567890"]
    assert answers(one, good) == reply


def test_messages_larger_than_every_buffer(server):
    one = server({"server.framing": "line", "server.buffer_size": "1000"})
    messages = [b"x" * 1048576, b"y" * 999, b"z" * 1000, b"w" * 1001]
    with Client(one) as client:
        for message in messages:
            assert client.say(message) == REPLY
    assert one.messages() == messages


def test_a_buffer_of_one_byte(server):
    """In line framing, what one recv() takes changes nothing."""
    one = server({"server.framing": "line", "server.buffer_size": "1", "server.reply": "ok"})
    assert answers(one, b"one\r\ntwo\nthree") == b"ok\r\nok\nok"
    assert one.messages() == [b"one", b"two", b"three"]


def test_reply_placeholders_and_escapes(server):
    one = server({"server.framing": "line",
                  "server.reply": r"\x02{seq} {bytes} {{seq}\t\\ {time}"})
    with Client(one) as client:
        replies = [client.say(b"three"), client.say(b"")]
    for number, (reply, record) in enumerate(zip(replies, one.records()), 1):
        assert reply == b"\x02%d %d {seq}\t\\ %s" % (number, len(record.message),
                                                     record.time.encode())


def test_acknowledge_no(server):
    one = server({"server.framing": "line", "server.acknowledge": "no"})
    assert answers(one, b"one\ntwo\nthree") == b""
    assert one.messages() == [b"one", b"two", b"three"]


def test_one_that_stays_is_no_obstacle_for_those_who_come_later(server):
    """The pair this project comes from served one client until it left."""
    one = server({"server.framing": "line"})
    with Client(one) as stays:
        assert stays.say(b"first") == REPLY
        for number in range(50):
            with Client(one) as later:
                assert later.say(b"later %d" % number) == REPLY
        assert stays.say(b"last") == REPLY
    assert one.messages()[0] == b"first" and one.messages()[-1] == b"last"


def test_half_closed_sender_gets_all_replies(server):
    """An end of sending ends the tail; what is acknowledged is acknowledged to the last."""
    one = server({"server.framing": "line", "server.reply": "{seq}"})
    with Client(one) as client:
        client.send(b"".join(b"%d\n" % number for number in range(1, 20001)) + b"tail")
        client.end_sending()
        replies = client.receive_all()
    assert replies == b"".join(b"%d\n" % number for number in range(1, 20001)) + b"20001"
    assert len(one.records()) == 20001


def test_reset_drops_only_the_unfinished_tail(server):
    one = server({"server.framing": "line"})
    with Client(one) as client:
        assert client.say(b"whole") == REPLY
        client.send(b"unfinished")
        peer = client.peer
        # The tail must be with the server before the reset, which would overtake it.
        with Client(one) as other:
            assert other.say(b"other") == REPLY
        client.reset()
    one.log.wait(r"^tcpackd: .*" + peer + r".*10 bytes")
    assert one.messages() == [b"whole", b"other"]
    assert answers(one, b"goes on\n") == REPLY + b"\n"


def test_reset_while_replies_are_sent_is_no_end(server):
    """Sending to it fails, and what is left of it ends with a reset: half a message stays half."""
    one = server({"server.framing": "line", "server.buffer_size": "10"})
    with Client(one) as client:
        assert client.say(b"first") == REPLY
        one.send_signal(signal.SIGSTOP)
        client.send(b"m\n" * 200 + b"half")
        wait_until(lambda: not unacknowledged_bytes(client), "all bytes with the server's kernel")
        client.reset()
    one.send_signal(signal.SIGCONT)
    one.log.wait("dropped an unfinished message of 4 bytes")
    assert one.messages() == [b"first"] + [b"m"] * 200


def test_a_client_that_never_reads(server):
    """Its replies are kept up to a bound; then it is not read until it takes them; all arrive."""
    one = server({"server.framing": "line", "server.reply": "{seq} " + "r" * 150,
                  "server.stall_timeout": "0"})
    before = one.resident_bytes()
    with Client(one, receive_buffer=4096) as rude, Client(one) as polite:
        sent = send_until_stuck(rude, (b"m" * 999 + b"\n") * 64)
        # The other one is served meanwhile, and the server's memory does not follow the load.
        for _ in range(100):
            assert polite.say(b"polite").endswith(b"r" * 150)
        assert one.resident_bytes() - before < 32 * 1024 * 1024
        # When it reads, it gets everything.
        rude.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        rude.end_sending()
        replies = [int(reply.split()[0]) for reply in rude.receive_all().splitlines()]
    one.stop()
    records = one.records()
    assert replies == [record.seq for record in records if record.message != b"polite"]
    assert len(replies) == -(-sent // 1000) and len(records) == len(replies) + 100


def test_replies_are_bounded_however_many_messages_come_at_once(server):
    """Empty lines by the million in one recv(), each with a reply a hundred times as long."""
    if programs.is_sanitized():
        pytest.skip("AddressSanitizer keeps what is freed")
    one = server({"server.framing": "line", "server.reply": "r" * 150, "server.stall_timeout": "0",
                  "server.buffer_size": str(16 << 20)})
    with Client(one, receive_buffer=4096) as rude, Client(one) as polite:
        assert polite.say(b"polite") == b"r" * 150
        before = one.resident_bytes()
        one.send_signal(signal.SIGSTOP)
        sent = send_until_stuck(rude, b"\n" * 65536)
        one.send_signal(signal.SIGCONT)
        assert sent > 1 << 20
        for _ in range(20):
            assert polite.say(b"polite") == b"r" * 150
        assert one.resident_bytes() - before < 8 << 20
        rude.reset()


def test_a_busy_sender_does_not_keep_the_others_waiting(server):
    """One round takes a limited part of what a fast sender has sent, however much that is."""
    one = server({"server.framing": "line", "server.acknowledge": "no", "journal.sync": "no"})
    message = b"x" * 999
    with Client(one) as client:
        for _ in range(100):
            client.send((message + b"\n") * 300)
        client.end_sending()
        assert client.receive_all() == b""
    rounds = collections.Counter(record.time for record in one.records())
    assert sum(rounds.values()) == 30000
    # 48 KiB if commits are quick, up to 1 MiB if they are slow; and one recv() more.
    assert max(rounds.values()) * 1000 <= (1024 + 16) * 1024


def test_a_sender_that_closes_without_reading(server):
    """
    The first answer to it makes its kernel reset the connection; what it had sent and what the
    server's kernel has is recorded all the same: a failing send is no reason to stop reading.
    """
    one = server({"server.framing": "line", "server.buffer_size": "1000"})
    with Client(one) as client:
        assert client.say(b"first") == REPLY
        one.send_signal(signal.SIGSTOP)
        client.send(b"message\n" * 2000)
        wait_until(lambda: not unacknowledged_bytes(client), "all bytes with the server's kernel")
    one.send_signal(signal.SIGCONT)
    assert one.wait_messages(2001) == [b"first"] + [b"message"] * 2000


def test_two_thousand_clients_at_once(server):
    """Far beyond FD_SETSIZE, and each of them is answered while all are connected."""
    one = server({"server.framing": "line", "server.reply": "{seq}", "server.backlog": "4096"})
    clients = [Client(one) for _ in range(2000)]
    assert max(client.socket.fileno() for client in clients) > 1024
    for turn in range(2):
        for number, client in enumerate(clients):
            client.send(b"%d-%d\n" % (turn, number))
        replies = [int(client.receive_until()) for client in clients]
        assert sorted(replies) == list(range(turn * 2000 + 1, turn * 2000 + 2001))
        records = one.records()
        assert [records[seq - 1].message for seq in replies] == \
            [b"%d-%d" % (turn, number) for number in range(2000)]
    before = one.descriptors()
    for client in clients:
        client.close()
    wait_until(lambda: one.descriptors() <= before - 2000, "2,000 descriptors given back")


def test_the_log_is_safe_from_peers(server):
    """No byte of a peer reaches a terminal unescaped: neither by the log nor by the journal."""
    one = server({"server.framing": "octet"})
    with Client(one) as client:
        client.send(b"\x1b]0;evil\x07\n\x9b31m 5 hello")
        client.receive_all()
        one.log.wait("^tcpackd: warning: .*" + client.peer)
    one.stop()
    text = str(one.log)
    assert all(character == "\n" or ord(character) >= 32 and not 127 <= ord(character) < 160
               for character in text), repr(text)


def test_connections_are_logged(server):
    one = server()
    with Client(one) as client:
        one.log.wait("^tcpackd: connected by " + client.peer + "$")


def test_descriptors_come_back(server):
    """Whatever way a connection ends, its descriptor does not stay."""
    one = server({"server.framing": "line", "server.max_message": "100"})
    before = one.descriptors()
    for _ in range(50):
        with Client(one) as client:
            client.say(b"ends by closing")
        with Client(one) as client:
            client.send(b"ends by half-closing")
            client.end_sending()
            client.receive_all()
        client = Client(one)
        client.send(b"ends by resetting")
        client.reset()
        with Client(one) as client:
            client.send(b"t" * 200)
            client.receive_all()
    wait_until(lambda: one.descriptors() == before, f"{before} descriptors again")


def test_urgent_data_is_data_or_nothing(server):
    """A peer's out-of-band byte must not confuse who waits with select()."""
    one = server({"server.framing": "line"})
    with Client(one) as client:
        client.socket.send(b"!", socket.MSG_OOB)
        assert client.say(b"message") == REPLY
    assert one.messages()[-1].endswith(b"message")
