"""
Why: who is let in, and as whom, is decided in one place for TCP, Unix sockets and those whom a
proxy announces; each of them is a way around it. So: a refusal frees no place that others hold, who
has no address is not counted as one, and what a proxy says nothing of has the rights of the proxy.
"""

import pytest

from harness.classroom import REPLY
from harness.client import Client

LINE = {"server.framing": "line"}
PROXIED = {**LINE, "server.proxy_from": "127.0.0.1"}
UNKNOWN = b"PROXY UNKNOWN\r\n"
LOCAL_PEER = b"\r\n\r\n\0\r\nQUIT\n\x21\x31\x00\xd8" + bytes(216)  # AF_UNIX: no address


def is_turned_away(server, sent=b""):
    with Client(server) as client:
        client.send(sent)
        return client.receive_all() == b""


def test_a_refusal_frees_no_place(server):
    """Who was never counted is not taken off the count when it leaves."""
    one = server({**LINE, "server.max_clients_per_address": 2})
    with Client(one) as first, Client(one) as second:
        assert first.say(b"first") == second.say(b"second") == REPLY
        for _ in range(3):
            assert is_turned_away(one)


@pytest.mark.parametrize("settings", [{"server.deny": "127.0.0.1"},
                                      {"server.allow": "192.0.2.0/24"}], ids=["deny", "allow"])
def test_unknown_has_the_access_of_the_proxy(server, settings):
    one = server({**PROXIED, **settings})
    assert is_turned_away(one, UNKNOWN + b"hello\n")
    one.log.wait(r"refused 127\.0\.0\.1:\d+: its address is not allowed")
    assert one.messages() == []


def test_unknown_counts_for_the_proxy(server):
    one = server({**PROXIED, "server.max_clients_per_address": 1})
    with Client(one) as first:
        first.send(UNKNOWN)
        assert first.say(b"first") == REPLY
        assert is_turned_away(one, UNKNOWN + b"second\n")
    assert one.messages() == [b"first"]


@pytest.mark.parametrize("header", [b"", LOCAL_PEER], ids=["unix", "proxied"])
def test_no_address_no_limit_per_address(server, tmp_path, header):
    """All clients of a Unix socket, ours or a proxy's, would be one address otherwise."""
    where = PROXIED if header else {**LINE, "server.host": tmp_path / "socket"}
    one = server({**where, "server.max_clients_per_address": 1})
    with Client(one) as first, Client(one) as second:
        for client in first, second:
            client.send(header)
            assert client.say(b"hello") == REPLY
