"""
Why: allow, deny and the limit per address are what stands between the server and its neighbours,
and a log that they can fill is another way in. So: who may come in is decided exactly, IPv4 is IPv4
also on a socket for both, a refusal costs the others nothing, and the log says it once a second.
"""

import re
import socket
import time

import pytest

from harness.client import Client
from harness.waiting import wait_until

REPLY = b"server received you message."


def connect_from(server, source):
    """A Client from another address of loopback."""
    family, address = server.addresses[0]
    client = Client.__new__(Client)
    client.socket = socket.create_connection(address, 30, source_address=(source, 0))
    client.received = b""
    return client


def is_served(client):
    with client:
        try:
            client.send(b"hello\n")
            return client.receive() == REPLY + b"\n"
        except (ConnectionResetError, BrokenPipeError):
            return False


@pytest.mark.parametrize("settings, served, refused", [
    ({"server.allow": "127.0.0.0/30"}, ["127.0.0.1", "127.0.0.3"], ["127.0.0.4", "127.1.0.1"]),
    ({"server.deny": "127.0.0.2 127.0.1.0/24"}, ["127.0.0.1", "127.0.2.1"],
     ["127.0.0.2", "127.0.1.9"]),
    ({"server.allow": "127.0.0.0/8", "server.deny": "127.0.0.2"}, ["127.0.0.1"], ["127.0.0.2"]),
    ({"server.allow": "::ffff:127.0.0.1"}, ["127.0.0.1"], ["127.0.0.2"]),
    ({"server.allow": "::1"}, [], ["127.0.0.1"]),
])
def test_allow_and_deny(server, settings, served, refused):
    one = server({"server.framing": "line", **settings})
    for source in served:
        assert is_served(connect_from(one, source)), source
    for source in refused:
        assert not is_served(connect_from(one, source)), source
        one.log.wait(rf"warning: refused {re.escape(source)}:\d+: its address is not allowed")
    assert len(one.records()) == len(served)


def test_unix_sockets_have_permissions_instead(server, tmp_path):
    one = server({"server.framing": "line", "server.allow": "192.0.2.1",
                  "listener local.host": tmp_path / "socket"})
    with Client(one.addresses[1]) as client:
        assert client.say(b"hello") == REPLY
    assert not is_served(Client(one))


def test_limit_per_address(server):
    one = server({"server.framing": "line", "server.max_clients_per_address": 2})
    clients = [connect_from(one, "127.0.0.1") for _ in range(2)]
    assert [client.say(b"hello") for client in clients] == [REPLY] * 2
    assert not is_served(connect_from(one, "127.0.0.1"))
    assert is_served(connect_from(one, "127.0.0.2"))
    one.log.wait(r"warning: refused 127\.0\.0\.1:\d+: max_clients_per_address is reached")
    clients.pop().close()
    wait_until(lambda: is_served(connect_from(one, "127.0.0.1")), "a place of the one that left")
    assert clients.pop().say(b"hello") == REPLY


def test_refusals_are_logged_once_a_second(server):
    one = server({"server.deny": "127.0.0.2", "server.framing": "line", "server.backlog": 4096})
    begin = time.monotonic()
    for _ in range(300):
        connect_from(one, "127.0.0.2").close()
    with Client(one) as client:
        client.say(b"all were accepted before this")
    allowed = 1 + time.monotonic() - begin
    assert 1 <= len(one.log.matches("refused 127.0.0.2")) <= allowed + 1


def test_held_lines_are_counted(server):
    one = server({"server.deny": "127.0.0.2"})
    def refuse_one():
        connect_from(one, "127.0.0.2").close()
        return one.log.matches(r"\((\d+) more from this address were not logged\)")
    assert int(wait_until(refuse_one, "the next second")[0][1]) > 0


def test_arrivals_are_limited(server):
    """A client that comes again and again, for ever, as fast as it can."""
    one = server({"server.framing": "line", "server.backlog": 4096, "journal.sync": "no"})
    begin = time.monotonic()
    for _ in range(2500):
        connect_from(one, "127.0.0.2").close()
    with connect_from(one, "127.0.0.3") as client:
        client.say(b"others are logged")
    allowed = 1000 + 100 * (time.monotonic() - begin)
    one.log.wait("connected by 127.0.0.3")
    assert 1000 <= len(one.log.matches("connected by 127.0.0.2")) <= allowed + 1


def test_complaints_about_one_client_are_limited(server):
    """A warning that a peer can cause again and again."""
    one = server({"server.framing": "octet"})
    begin = time.monotonic()
    for _ in range(200):
        with Client(one) as client:
            client.send(b"garbage\n")
            client.receive_all()
    allowed = 20 + time.monotonic() - begin
    assert 20 <= len(one.log.matches("malformed octet framing")) <= allowed + 1
