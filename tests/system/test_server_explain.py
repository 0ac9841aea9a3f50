"""
Why: a client that is refused sees only an end, and the reason is in a log that its owner may not
read. With explain = yes it is told; without, nothing is sent that an old client could take for an
acknowledgement.
"""

import pytest

from harness.client import Client
from harness.disk import small_disk
from harness.tcpack import tcpack
from harness.terminal import Terminal
from harness.peers import Peer, receive_all
from harness.tcpack import environment
from harness import programs

REPLY = b"server received you message."
TOO_LONG = b"refused: message longer than 10 bytes"


@pytest.mark.parametrize("framing, sent, received", [
    ("line", b"good\nmuch too long\n", REPLY + b"\n" + TOO_LONG + b"\n"),
    ("auto", b"good\nmuch too long\n", REPLY + b"\n" + TOO_LONG + b"\n"),
    ("auto", b"much too long", TOO_LONG + b"\n"),
    ("nul", b"good\0much too long\0", REPLY + b"\0" + TOO_LONG + b"\0"),
    ("octet", b"4 good13 much too long", b"28 " + REPLY + b"37 " + TOO_LONG),
    ("octet", b"4 goodx", b"28 " + REPLY + b"32 refused: malformed octet framing"),
])
@pytest.mark.parametrize("explain", ["yes", "no"])
def test_the_reason_comes_after_the_replies(server, framing, sent, received, explain):
    one = server({"server.framing": framing, "server.max_message": 10, "server.explain": explain})
    with Client(one) as client:
        client.send(sent)
        client.end_sending()
        said = client.receive_all()
    if explain == "yes":
        assert said == received
    else:
        assert b"refused" not in said and received.startswith(said)


@pytest.mark.parametrize("settings, why", [
    ({"server.deny": "127.0.0.1"}, b"its address is not allowed (allow, deny)"),
    ({"server.idle_timeout": 1}, b"no message came within idle_timeout"),
    ({"server.stall_timeout": 1, "server.proxy_from": "127.0.0.1"}, b"its PROXY header")])
def test_a_client_that_waits_is_told(server, settings, why):
    one = server({"server.framing": "line", "server.explain": "yes", **settings})
    with Client(one) as client:
        said = client.receive_all()
    assert said.startswith(b"refused: ") and why in said and said.endswith(b"\n")


def test_a_listener_that_does_not_acknowledge_says_nothing(server):
    one = server({"server.framing": "line", "server.max_message": 10, "server.explain": "yes",
                  "server.acknowledge": "no"})
    with Client(one) as client:
        client.send(b"much too long\n")
        assert client.receive_all() == b""


def test_messages_that_cannot_be_recorded(server, tmp_path):
    """All replies of the batch are taken back: one line says why."""
    with small_disk(tmp_path / "disk", 64 * 1024) as disk:
        one = server({"server.framing": "line", "server.explain": "yes",
                      "journal.file": disk / "journal"})
        with Client(one) as client:
            client.send(b"x" * 200000 + b"\n")
            assert client.receive_all() == \
                b"refused: the message cannot be recorded now: send it again later\n"
        one.stop()


@pytest.mark.parametrize("framing", ["auto", "line", "nul", "octet", "syslog"])
def test_tcpack_says_it(server, framing):
    one = server({"server.framing": framing, "server.max_message": 100, "server.explain": "yes"})
    result = tcpack(one, "-f", framing, data=b"short\n" + b"x" * 200 + b"\n")
    assert result.status == 75
    assert "refused: message longer than 100 bytes\n" in result.stderr
    assert "2 sent, 1 acknowledged, 1 not" in result.stderr
    assert one.messages() == [b"short"]


def test_tcpack_is_told_before_it_has_sent_all(server):
    """A message of many megabytes is refused while most of it is still to be sent."""
    one = server({"server.explain": "yes", "server.framing": "line"})
    result = tcpack(one, "-f", "line", data=b"x" * 20000000 + b"\n")
    assert result.status == 75
    assert "refused: message longer than 1048576 bytes\n" in result.stderr


def test_tcpack_takes_no_refusal_for_an_acknowledgement():
    """Whatever else a server sends after it, and at whatever moment it comes."""
    def serve(connection):
        receive_all_of_line(connection)
        connection.sendall(b"refused: \x1b[2Jyou\nok\n")
    with Peer(serve) as peer:
        result = tcpack(peer, "-f", "line", "hello")
    assert result.status == 75
    assert r"refused: \x1B[2Jyou" in result.stderr and "0 acknowledged, 1 not" in result.stderr


def receive_all_of_line(connection):
    while not connection.recv(100).endswith(b"\n"):
        pass


def test_another_framing_is_suspected():
    with Peer(receive_all) as peer:
        result = tcpack(peer, "-t", "0.3", "-f", "nul", "hello")
    assert result.status == 75
    assert "(does the server use another framing than nul? See -f)" in result.stderr


def test_the_name_of_a_file_is_a_word(server, tmp_path):
    """At a terminal, `tcpack readings.txt` sends this word; the hint says how to send its lines."""
    one = server({"server.framing": "line"})
    (tmp_path / "readings.txt").write_text("1\n2\n")
    command = [programs.tcpack(), "-p", str(one.port), str(tmp_path / "readings.txt")]
    with Terminal(command, environment(TERM="dumb")) as screen:
        screen.expect("warning: the message is the word .*readings.txt; to send the lines of that "
                      "file: tcpack <.*readings.txt")
        assert screen.end() == 0
    result = tcpack(one, str(tmp_path / "readings.txt"))
    assert (result.status, result.stderr) == (0, "")
