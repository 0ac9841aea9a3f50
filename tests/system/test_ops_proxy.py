"""
Why: behind a balancer every connection comes from the balancer; the header in front of it says who
the client is, and whoever may send one can claim to be anybody. So: the header is believed only
from where the configuration says, exactly once, however it is cut; and what is no header is closed.
"""

import re
import signal
import socket
import struct

import pytest

from harness import programs
from harness.client import Client
from harness.haproxy import HAProxy
from harness.server import ini

REPLY = b"server received you message."
LINE = {"server.framing": "line", "server.proxy_from": "127.0.0.1"}
V1 = b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 8001\r\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V2 = SIGNATURE + b"\x21\x11\x00\x0c" + socket.inet_aton("192.0.2.7") + \
    socket.inet_aton("198.51.100.1") + struct.pack("!HH", 56324, 8001)
V2_IPV6 = SIGNATURE + b"\x21\x21\x00\x24" + socket.inet_pton(socket.AF_INET6, "2001:db8::7") + \
    socket.inet_pton(socket.AF_INET6, "::1") + struct.pack("!HH", 56324, 8001)
LOCAL = SIGNATURE + b"\x20\x00\x00\x00"


@pytest.mark.parametrize("header, peer", [
    (V1, "192.0.2.7:56324"), (V2, "192.0.2.7:56324"), (V2_IPV6, "[2001:db8::7]:56324"),
    (b"PROXY TCP6 2001:db8::7 ::1 56324 8001\r\n", "[2001:db8::7]:56324"),
    (SIGNATURE + b"\x21\x31\x00\xd8" + bytes(216), "unix"),
])
def test_client_is_named(server, header, peer):
    one = server(LINE)
    with Client(one) as client:
        client.send(header + b"hello\n")
        assert client.receive_until() == REPLY
        assert client.say(b"again") == REPLY
    assert [(record.peer, record.message) for record in one.records()] == [
        (peer, b"hello"), (peer, b"again")]
    one.log.wait("^tcpackd: connected by " + peer.replace("[", r"\[").replace("]", r"\]") + "$")


@pytest.mark.parametrize("header", [V1, V2])
@pytest.mark.parametrize("settings", [{}, {"server.framing": "auto"}, {"server.buffer_size": 1}])
def test_header_in_pieces(server, header, settings):
    one = server({**LINE, **settings})
    with Client(one) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in header + b"hello":
            client.send(bytes([byte]))
        client.send(b"\n")
        client.end_sending()
        client.receive_all()
    messages = b"".join(one.messages())
    assert messages == b"hello"
    assert {record.peer for record in one.records()} == {"192.0.2.7:56324"}


def test_unknown_client_is_the_proxy(server):
    one = server(LINE)
    with Client(one) as client:
        client.send(b"PROXY UNKNOWN\r\nhello\n")
        assert client.receive_until() == REPLY
        assert [record.peer for record in one.records()] == [client.peer]


def test_health_check_is_answered_and_not_recorded(server):
    one = server(LINE)
    with Client(one) as client:
        client.send(LOCAL + b"check\n")
        assert client.receive_until() == REPLY
    with Client(one) as client:
        client.send(V2 + b"hello\n")
        assert client.receive_until() == REPLY
    assert one.messages() == [b"hello"]
    assert len(one.log.matches("connected by")) == 1


def test_health_check_fails_while_recording_does(server, tmp_path):
    """So that a balancer takes the clients to a node whose disk has room."""
    programs.need("prlimit")
    one = server({**LINE, "journal.file": tmp_path / "journal"}, wrap=["prlimit", "--fsize=4096"])

    def answer_to(sent):
        with Client(one) as client:
            client.send(sent)
            client.end_sending()
            return client.receive_all()

    assert answer_to(LOCAL + b"check\n") == REPLY + b"\n"
    assert answer_to(V2 + b"x" * 5000 + b"\n") == b""
    assert answer_to(LOCAL + b"check\n") == b""
    assert answer_to(V2 + b"short\n") == REPLY + b"\n"
    assert answer_to(LOCAL + b"check\n") == REPLY + b"\n"
    assert one.messages() == [b"short"]


@pytest.mark.parametrize("sent, problem", [
    (b"hello\n", "there is none"),
    (b"PROXY TCP4 1.2.3.4 1.2.3.4 1 99999\r\n", "an address or port is invalid"),
    (b"PROXY " + b"x" * 200, "its line does not end within 107 bytes"),
    (SIGNATURE + b"\x21\x11\xff\xff", "it is longer than 4096 bytes"),
])
def test_malformed_header_closes(server, sent, problem):
    one = server(LINE)
    with Client(one) as client:
        client.send(sent)
        assert client.receive_all() == b""
    one.log.wait(rf"warning: refused 127\.0\.0\.1:\d+: its PROXY header is invalid: {problem}")
    assert one.records() == []


def test_unfinished_header_closes(server):
    one = server({**LINE, "server.stall_timeout": 1})
    with Client(one) as ended, Client(one) as stalled:
        ended.send(V1[:20])
        ended.end_sending()
        assert ended.receive_all() == b""
        one.log.wait("its PROXY header is invalid: it is unfinished")
        assert stalled.receive_all() == b""
        one.log.wait("its PROXY header was not there within stall_timeout")


def test_header_of_a_stranger_is_a_message(server):
    one = server({**LINE, "server.proxy_from": "192.0.2.1"})
    with Client(one) as client:
        client.send(V1)
        assert client.receive_until(b"\r\n") == REPLY
    assert one.messages() == [V1[:-2]]


def test_access_and_limit_are_of_the_real_address(server):
    one = server({**LINE, "server.deny": "192.0.2.7", "server.max_clients_per_address": 1,
                  "server.allow": "192.0.2.0/24"})
    with Client(one) as client:
        client.send(V1 + b"hello\n")
        assert client.receive_all() == b""
    one.log.wait(r"refused 192\.0\.2\.7:56324: its address is not allowed")
    header = V1.replace(b"192.0.2.7", b"192.0.2.8")
    with Client(one) as first:
        first.send(header + b"first\n")
        assert first.receive_until() == REPLY
        with Client(one) as second:
            second.send(header + b"second\n")
            assert second.receive_all() == b""
        one.log.wait(r"refused 192\.0\.2\.8:56324: max_clients_per_address is reached")
    assert one.messages() == [b"first"]


HAPROXY = """
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout check 2s
frontend front
    bind {{front}}
    default_backend back
backend back
    option tcp-check
    tcp-check send health\\ check\\n
    tcp-check expect string server\\ received
    server one 127.0.0.1:{port} {send} check inter 50ms fall 1 rise 1
"""


@pytest.mark.parametrize("send", ["send-proxy", "send-proxy-v2"])
def test_haproxy_itself(server, tmp_path, send):
    programs.need("haproxy", "curl")
    one = server(LINE)
    with HAProxy(tmp_path, HAPROXY.format(port=one.port, send=send)) as haproxy:
        haproxy.wait("back", "one", "UP", "L7OK")
        with Client(haproxy.addresses["front"]) as client:
            assert client.say(b"hello") == REPLY
            assert client.say(b"again") == REPLY
            peer = client.peer
    records = [(record.peer, record.message) for record in one.records()
               if record.message != b"health check"]
    assert records == [(peer, b"hello"), (peer, b"again")]
    if send == "send-proxy-v2":  # version 1 cannot say that it is a check
        assert b"health check" not in one.messages()
        one.log.wait("connected by")
        assert len(one.log.matches("connected by")) == 1
    assert not one.log.matches("warning")


def test_keepalive_of_a_client_on_a_unix_socket_of_its_proxy_changes(server, tmp_path):
    """The proxy's connection to us is TCP, whatever its client's was."""
    programs.need_strace()
    trace = tmp_path / "trace"
    one = server(LINE, wrap=["strace", "-D", "-o", trace, "-e", "trace=accept4,setsockopt"])
    with Client(one) as client:
        client.send(SIGNATURE + b"\x21\x31\x00\xd8" + bytes(216) + b"hello\n")
        assert client.receive_until() == REPLY
        one.config.write_text(ini({**one.settings, "server.keepalive": 7}))
        one.send_signal(signal.SIGHUP)
        one.log.wait("the configuration was read again")
        assert client.say(b"again") == REPLY
    text = trace.read_text()
    fd = re.search(r"^accept4\(.*AF_INET.* = (\d+)$", text, re.MULTILINE)[1]
    assert re.findall(rf"setsockopt\({fd}, SOL_TCP, TCP_KEEPIDLE, \[(\d+)\]", text) == ["7"]
