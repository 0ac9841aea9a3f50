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


@pytest.mark.parametrize("header", [b"PROXY UNKNOWN\r\n", LOCAL])
def test_without_a_client_the_proxy_is_the_peer(server, header):
    """LOCAL is no mark of a health check: HAProxy sends it for clients on Unix sockets, too."""
    one = server(LINE)
    with Client(one) as client:
        client.send(header + b"hello\n")
        assert client.receive_until() == REPLY
        assert client.say(b"again") == REPLY
        assert [(record.peer, record.message) for record in one.records()] == [
            (client.peer, b"hello"), (client.peer, b"again")]
        one.log.wait("^tcpackd: connected by " + re.escape(client.peer) + "$")


@pytest.mark.parametrize("header", [b"PROXY UNKNOWN\r\n", LOCAL])
def test_access_and_limit_are_of_a_proxy_that_is_the_peer(server, header):
    one = server({**LINE, "server.deny": "127.0.0.1", "server.health_check": "check"})
    with Client(one) as client:
        client.send(header + b"check\ncheck\nhello\ncheck\n")
        assert client.receive_all() == (REPLY + b"\n") * 2
    one.log.wait(r"refused 127\.0\.0\.1:\d+: its address is not allowed")
    two = server({**LINE, "server.max_clients_per_address": 1, "server.health_check": "check"})
    with Client(two) as first, Client(two) as second:
        for client in first, second:
            client.send(header + b"check\n")
            assert client.receive_until() == REPLY
        assert first.say(b"first") == REPLY
        second.send(b"second\n")
        assert second.receive_all() == b""
    two.log.wait("refused .*: max_clients_per_address is reached")
    assert (one.messages(), two.messages()) == ([], [b"first"])


def test_proxy_that_only_connects_is_not_logged(server):
    """As HAProxy's `check` does without tcp-check, each second."""
    one = server(LINE)
    for header in LOCAL, b"PROXY UNKNOWN\r\n":
        for end in Client.close, Client.reset, Client.end_sending:
            client = Client(one)
            client.send(header)
            end(client)
    with Client(one) as client:
        client.send(V2 + b"hello\n")
        assert client.receive_until() == REPLY
    one.stop()
    assert [line for line in one.log.lines if "connected by" in line or "warning" in line] == [
        "tcpackd: connected by 192.0.2.7:56324"]


@pytest.mark.parametrize("framing, check, sent, reply", [
    ("line", "health check", b"health check\n", b"0 12\n"),
    ("line", "health check", b"health check\r\n", b"0 12\r\n"),
    ("line", r"\x00\tcheck\\", b"\0\tcheck\\\n", b"0 8\n"),
    ("auto", "check", b"check", b"0 5"),
    ("nul", r"a\nb", b"a\nb\0", b"0 3\0"),
    ("octet", "check", b"5 check", b"3 0 5"),
])
def test_health_check_is_answered_and_not_recorded(server, tmp_path, framing, check, sent, reply):
    metrics = tmp_path / "metrics"
    one = server({"server.framing": framing, "server.health_check": check, "metrics.file": metrics,
                  "server.reply": "{seq} {bytes}"})
    with Client(one) as client:
        client.send(sent)
        assert client.receive_until(reply) == b""
        client.end_sending()
        assert client.receive_all() == b""
    assert one.messages() == []
    one.stop()
    assert "\ntcpackd_health_checks_total 1\n" in metrics.read_text()


def test_only_the_whole_health_check_is_one(server):
    one = server({"server.framing": "line", "server.health_check": "check",
                  "listener other.health_check": "other"})
    messages = [b"", b"chec", b"checks", b" check", b"check ", b"Check", b"other"]
    with Client(one) as client:
        for message in messages:
            assert client.say(message) == REPLY
    with Client(one.addresses[1]) as client:
        assert client.say(b"check") == REPLY
        assert client.say(b"other") == REPLY
    assert one.messages() == [*messages, b"check"]


def test_health_check_fails_while_recording_does(server, tmp_path):
    """So that a balancer takes the clients to a node whose disk has room."""
    programs.need("prlimit")
    one = server({**LINE, "journal.file": tmp_path / "journal", "server.health_check": "check"},
                 wrap=["prlimit", "--fsize=4096"])

    def answer_to(sent):
        with Client(one) as client:
            client.send(sent)
            client.end_sending()
            return client.receive_all()

    assert answer_to(LOCAL + b"check\n") == REPLY + b"\n"
    assert answer_to(V2 + b"check\n" + b"x" * 5000 + b"\n") == b""
    assert answer_to(LOCAL + b"check\n") == b""
    assert answer_to(V2 + b"short\n") == REPLY + b"\n"
    assert answer_to(LOCAL + b"check\n") == REPLY + b"\n"
    assert one.messages() == [b"short"]


def test_health_check_beside_a_failed_write_is_no_message_of_it(server, tmp_path):
    """Its connection stays: nothing of it was to be recorded. But it gets no answer."""
    programs.need("prlimit")
    one = server({**LINE, "journal.file": tmp_path / "journal", "server.health_check": "check"},
                 wrap=["prlimit", "--fsize=4096"])
    with Client(one) as check, Client(one) as client:
        check.send(LOCAL + b"check\n")
        assert check.receive_until() == REPLY
        client.send(V2 + b"hello\n")
        assert client.receive_until() == REPLY
        one.send_signal(signal.SIGSTOP)
        client.send(b"x" * 5000 + b"\n")
        check.send(b"check\n")
        one.send_signal(signal.SIGCONT)
        assert client.receive_all() == b""
        with Client(one) as other:
            other.send(V2 + b"short\n")
            assert other.receive_until() == REPLY
        assert check.say(b"check") == REPLY
        check.end_sending()
        assert check.receive_all() == b""


@pytest.mark.parametrize("sent, problem", [
    (b"hello\n", "there is none"),
    (b"PROXY TCP4 1.2.3.4 1.2.3.4 1 99999\r\n", "an address or port is invalid"),
    (b"PROXY " + b"x" * 200, "its line does not end within 107 bytes"),
    (SIGNATURE + b"\x22\x11\xff\xff", "its command is not LOCAL or PROXY"),
])
def test_malformed_header_closes(server, sent, problem):
    one = server(LINE)
    with Client(one) as client:
        client.send(sent)
        assert client.receive_all() == b""
    one.log.wait(rf"warning: refused 127\.0\.0\.1:\d+: its PROXY header is invalid: {problem}")
    assert one.records() == []


def test_unfinished_header_closes(server):
    one = server(LINE)
    with Client(one) as ended:
        ended.send(V1[:20])
        ended.end_sending()
        assert ended.receive_all() == b""
    one.log.wait("its PROXY header is invalid: it is unfinished")
    one = server({**LINE, "server.stall_timeout": 1})
    with Client(one) as stalled:
        assert stalled.receive_all() == b""
    one.log.wait("its PROXY header did not arrive within stall_timeout")


@pytest.mark.parametrize("header", [V1, V2 + b"\n", V2_IPV6 + b"\n", LOCAL + b"\n",
                                    b"PROXY UNKNOWN\r\n", V1.replace(b"4", b"6", 1)])
@pytest.mark.parametrize("settings", [{}, {"server.proxy_from": "192.0.2.1"}])
def test_header_of_a_stranger_is_a_message(server, header, settings):
    """It is recorded; and said, once, with the key that is missing."""
    one = server({"server.framing": "line", **settings})
    for _ in range(3):
        with Client(one) as client:
            client.send(header)
            client.end_sending()
            assert client.receive_all()
    with Client(one) as client:
        assert client.say(b"PROXY TCP4") == REPLY
        assert client.say(V1[:-2]) == REPLY  # no connection begins here
    assert one.messages() == [*re.split(rb"\r?\n", header)[:-1] * 3, b"PROXY TCP4", V1[:-2]]
    warnings = one.log.matches("warning: .*")
    assert len(warnings) == 1
    assert re.fullmatch(r"warning: 127\.0\.0\.1:\d+ sent a PROXY header, .* proxy_from",
                        warnings[0][0])


def test_longest_header(server):
    one = server(LINE)
    with Client(one) as client:
        header = SIGNATURE + b"\x21\x11\xff\xff" + V2[16:]
        client.send(header + bytes(16 + 65535 - len(header)) + b"hello\n")
        assert client.receive_until() == REPLY
    assert [(record.peer, record.message) for record in one.records()] == [
        ("192.0.2.7:56324", b"hello")]


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
    bind {unix}
    default_backend back
backend back
    option tcp-check
    tcp-check send health\\ check\\n
    tcp-check expect string \\n
    server one 127.0.0.1:{port} {send} check inter 50ms fall 1 rise 1
"""


@pytest.mark.parametrize("send", ["send-proxy", "send-proxy-v2"])
@pytest.mark.parametrize("reply", ["recorded {seq}", ""])
def test_haproxy_itself(server, tmp_path, send, reply):
    """Its checks are not recorded; all that its clients send is, also that of one without address."""
    programs.need("haproxy", "curl")
    one = server({**LINE, "server.health_check": "health check", "server.reply": reply})
    path = tmp_path / "front"
    text = HAPROXY.format(port=one.port, send=send, unix=f"unix@{path}")
    with HAProxy(tmp_path, text) as haproxy:
        haproxy.wait("back", "one", "UP", "L7OK")
        with Client(haproxy.addresses["front"]) as client:
            client.say(b"hello")
            client.say(b"again")
            peer = client.peer
        with Client((socket.AF_UNIX, str(path))) as client:
            client.say(b"from a Unix socket")
            proxy = one.records()[-1].peer
    assert [(record.peer, record.message) for record in one.records()] == [
        (peer, b"hello"), (peer, b"again"), (proxy, b"from a Unix socket")]
    assert re.fullmatch(r"127\.0\.0\.1:\d+", proxy)
    if send == "send-proxy-v2":  # with version 1 its checks name itself as the client
        assert [match[1] for match in one.log.matches("connected by (.*)")] == [peer, proxy]
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
