"""
Why: `tcpack -f relp` must believe a RELP server nothing that it does not say: a session that was
not opened as tcpack needs it, a response to another message, one that refuses. Against tcpackd and
rsyslog's imrelp, each message arrives once and in order, and none is missing where a connection
breaks.
"""

import json
import re
import socket

import pytest

from harness import rsyslog
from harness.peers import Peer, receive_all, receive_until
from harness.rsyslog import Rsyslog
from harness.tcpack import finish, start, tcpack
from harness.waiting import wait_until

OPENED = b"200 OK\nrelp_version=0\nrelp_software=test\ncommands=syslog"


def rsp(number, data=b"200 OK"):
    return b"%d rsp %d%s\n" % (number, len(data), b" " + data if data else b"")


def opened(connection, data=OPENED):
    """Answer the client's open."""
    offers = receive_until(connection, lambda got: got.endswith(b"commands=syslog\n"))
    assert re.fullmatch(rb"1 open \d+ relp_version=0\nrelp_software=tcpack,[^\n]+\n"
                        rb"commands=syslog\n", offers)
    connection.sendall(rsp(1, data))


def syslog(number, message):
    return b"%09d syslog %d %s\n" % (number, len(message), message)


def taking(number, message, *answers):
    """Serve one message, and answer so."""
    def serve(connection):
        opened(connection)
        frame = syslog(number, message)
        assert receive_until(connection, lambda got: len(got) >= len(frame)) == frame
        for answer in answers:
            connection.sendall(answer)
        receive_all(connection)
    return serve


@pytest.fixture
def relp_server(server, tmp_path):
    return server({"server.framing": "relp", "journal.file": tmp_path / "journal"})


def test_every_message_once_and_in_order(relp_server):
    lines = [b"line %d" % number for number in range(5000)]
    result = tcpack(relp_server, "-f", "relp", data=b"\n".join(lines))
    assert (result.status, result.stderr) == (0, "")
    assert result.replies == [b"200 OK"] * len(lines)
    assert relp_server.messages() == lines


def test_any_bytes(relp_server):
    messages = [b"", b"\n", b"a\n\n", bytes(range(1, 256)), b"2 syslog 1 x\n", b"x" * 100000]
    result = tcpack(relp_server, "-f", "relp", "-0", data=b"".join(one + b"\0" for one in messages))
    assert (result.status, result.stderr) == (0, "")
    assert relp_server.messages() == messages


def test_json_has_the_transaction_number(relp_server):
    result = tcpack(relp_server, "-f", "relp", "--json", data=b"a\nb\n")
    found = [json.loads(line) for line in result.replies]
    assert [(one["line"], one["txnr"], one["reply"]) for one in found] == [
        (1, 2, "200 OK"), (2, 3, "200 OK")]
    assert all("seq" not in one for one in found)


def test_numbered_messages(relp_server, tmp_path):
    """The number that tcpack gave a message is found again in its RELP frame."""
    lines = tmp_path / "lines"
    lines.write_bytes(b"one\ntwo\n")
    position = tmp_path / "position"
    with open(lines, "rb") as file:
        result = finish(start(relp_server, "-f", "relp", "--id", "box", "--position", position,
                              stdin=file))
    assert (result.status, result.stderr) == (0, "")
    assert relp_server.messages() == [b"box 1 one", b"box 2 two"]
    assert position.read_bytes() == b"2 box\n"


def test_load(relp_server):
    result = tcpack(relp_server, "-f", "relp", "--load", 1000, "--clients", 7, "-w", 8)
    assert result.status == 0, result
    assert len(relp_server.messages()) == 1000


def test_the_session_is_closed_in_order():
    def serve(connection):
        opened(connection)
        receive_until(connection, lambda got: got == syslog(2, b"hello"))
        connection.sendall(rsp(2))
        assert receive_until(connection, lambda got: got.endswith(b"\n")) == b"3 close 0\n"
        connection.sendall(rsp(3, b"") + b"0 serverclose 0\n")
        assert connection.recv(1) == b""

    with Peer(serve) as peer:
        assert tcpack(peer, "-f", "relp", "hello").status == 0


def test_a_server_that_ends_first_takes_nothing_away():
    with Peer(taking(2, b"hello", rsp(2), b"0 serverclose 0\n")) as peer:
        assert tcpack(peer, "-f", "relp", "hello").status == 0


@pytest.mark.parametrize("answer, problem", [
    (rsp(1, b"500 too many \x1b[2J sessions"), r"it refused: 500 too many \x1B[2J sessions"),
    (rsp(1, b"200 OK\nrelp_version=1\ncommands=syslog"),
     "tcpack speaks RELP version 0, it offers version 1"),
    (rsp(1, b"200 OK\ncommands=syslog"), "it names no version (relp_version)"),
    (rsp(1, b"200 OK\nrelp_version=0\ncommands=eventlog,sys"),
     "it takes no syslog messages, its commands are: eventlog,sys"),
    (rsp(1, b"200 OK"), "it names no version (relp_version)"),
    (rsp(2, OPENED), "its response has the wrong transaction number"),
    (b"0 serverclose 0\n", "it closed the session"),
    (b"server received you message.\n", "its response is not RELP (does the server have framing = relp?)"),
    (b"1" * 100, "its response is not RELP"),
    (b"1 rsp 5000 ", "its response is not RELP"),
    (b"", "it closed the connection")])
def test_an_open_that_fails(answer, problem):
    def serve(connection):
        receive_until(connection, lambda got: got.endswith(b"commands=syslog\n"))
        connection.sendall(answer)
        connection.shutdown(socket.SHUT_WR)
        receive_all(connection)

    with Peer(serve) as peer:
        result = tcpack(peer, "-f", "relp", "hello")
    assert result.status == 69, result
    assert re.search(r"cannot open a RELP session with 127\.0\.0\.1:\d+: ", result.stderr)
    assert problem in result.stderr


def test_a_silent_server():
    with Peer(receive_all) as peer:
        result = tcpack(peer, "-f", "relp", "-t", "0.2", "hello")
    assert result.status == 69
    assert "no response in time (does the server have framing = relp?)" in result.stderr


def test_a_listener_without_relp(server):
    one = server({"server.framing": "line"})
    result = tcpack(one, "-f", "relp", "hello")
    assert result.status == 69
    assert "its response is not RELP" in result.stderr


def test_a_message_that_is_refused():
    """500: the message is named, it is not acknowledged, and what came after it is not counted."""
    with Peer(taking(2, b"hello", rsp(2, b"500 no\x07"))) as peer:
        result = tcpack(peer, "-f", "relp", data=b"hello\n")
    assert result.status == 65, result
    assert r"the server refused message 1: 500 no\x07" in result.stderr
    assert "1 sent, 0 acknowledged, 1 not" in result.stderr
    assert "to resume: --from 1; to skip that message: --from 2" in result.stderr


@pytest.mark.parametrize("answer, problem", [
    (rsp(3), "the server sent a response out of order"),
    (b"2 syslog 0\n", "the server sent bytes that are not a RELP response"),
    (b"OK\n", "the server sent bytes that are not a RELP response"),
    (b"0 serverclose 0\n", "the server closed the session"),
    (b"2 rsp 1048577 ", "a reply of more than 1 MiB")])
def test_a_response_that_acknowledges_nothing(answer, problem):
    with Peer(taking(2, b"hello", answer)) as peer:
        result = tcpack(peer, "-f", "relp", "hello")
    assert result.status == 75, result
    assert problem in result.stderr


def test_hints_are_passed_over():
    with Peer(taking(2, b"hello", b"0 hint 2 ab\n", rsp(2))) as peer:
        assert tcpack(peer, "-f", "relp", "hello").status == 0


def test_another_session_numbers_anew():
    """What a lost connection left is sent again from 2 on."""
    def first(connection):
        opened(connection)
        stream = syslog(2, b"a") + syslog(3, b"b") + syslog(4, b"c")
        assert receive_until(connection, lambda got: len(got) >= len(stream)) == stream
        connection.sendall(rsp(2) + b"0 serverclose 0\n")

    def second(connection):
        opened(connection)
        receive_until(connection, lambda got: got == syslog(2, b"b"))
        connection.sendall(rsp(2))
        receive_until(connection, lambda got: got == syslog(3, b"c"))
        connection.sendall(rsp(3))
        receive_until(connection, lambda got: got == b"4 close 0\n")
        connection.sendall(rsp(4, b""))

    with Peer(first, second) as peer:
        result = tcpack(peer, "-f", "relp", "-r", "--json", data=b"a\nb\nc\n")
    assert result.status == 0, result
    assert [json.loads(line)["txnr"] for line in result.replies] == [2, 2, 3]


def test_refused_three_times_in_a_row(server, tmp_path):
    one = server({"server.framing": "relp", "server.max_message": "5",
                  "journal.file": tmp_path / "journal"})
    result = tcpack(one, "-f", "relp", "-r", "-t", "2", data=b"short\ntoo long\nafter\n")
    assert result.status == 65, result
    assert "message 2 was refused three times in a row" in result.stderr
    assert "its 8 bytes, which begin with 'too long'" in result.stderr
    assert one.messages() == [b"short"]


def test_server_killed_over_and_over(server, tmp_path, free_port, long):
    count, kills = (50000, 30) if long else (4000, 4)
    one = server({"server.framing": "relp", "server.port": free_port,
                  "journal.file": tmp_path / "journal"})
    client = start(one, "-f", "relp", "-r", "-w", "128", "-q")
    lines = [b"line %d" % number for number in range(count)]
    share = count // (kills + 1)
    for kill in range(kills):
        client.stdin.write(b"".join(line + b"\n" for line in lines[kill * share:(kill + 1) * share]))
        client.stdin.flush()
        wait_until(lambda: one.journal_path.read_bytes().count(b"\n") >= kill * share + share // 2,
                   "records")
        one.kill()
        one.start()
    result = finish(client, b"".join(line + b"\n" for line in lines[kills * share:]))
    assert result.status == 0, result
    seen = one.messages()
    assert list(dict.fromkeys(seen)) == lines  # none is missing, in order of their first record
    assert len(seen) - count <= kills * 128


def test_imrelp_takes_what_tcpack_sends(tmp_path, free_port):
    rsyslog.need("imrelp")
    received = tmp_path / "received"
    text = f"""
module(load="imrelp")
template(name="raw" type="string" string="%rawmsg%\\n")
input(type="imrelp" port="{free_port}" address="127.0.0.1" ruleset="write")
ruleset(name="write") {{ action(type="omfile" file="{received}" template="raw") }}
"""
    count = 2000
    lines = [b"<13>1 2026-01-01T00:00:00Z h a - - - line %d" % one for one in range(count)]
    with Rsyslog(tmp_path, text) as imrelp:
        wait_until(lambda: listens(free_port), "imrelp")
        imrelp.port = free_port
        result = tcpack(imrelp, "-f", "relp", "--json", data=b"\n".join(lines) + b"\n")
        assert (result.status, result.stderr) == (0, "")
        assert [json.loads(line)["txnr"] for line in result.replies] == list(range(2, count + 2))
        assert tcpack(imrelp, "-f", "relp", "-r", lines[0].decode()).status == 0
    assert received.read_bytes().splitlines() == [*lines, lines[0]]


def listens(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def test_framing_syslog_sends_counted_frames(server, tmp_path):
    one = server({"server.framing": "syslog", "journal.file": tmp_path / "journal"})
    messages = [b"<13>a\nb", b"7 days", b"\n"]
    result = tcpack(one, "-f", "syslog", "-0", data=b"".join(text + b"\0" for text in messages))
    assert (result.status, result.stderr) == (0, "")
    assert one.messages() == messages


def test_framing_syslog_has_no_empty_message(server):
    one = server({"server.framing": "syslog"})
    result = tcpack(one, "-f", "syslog", data=b"a\n\nb\n")
    assert result.status == 65
    assert ("cannot send message 2: framing syslog cannot carry an empty message (use -f octet)"
            in result.stderr)
    assert one.messages() == [b"a"]
