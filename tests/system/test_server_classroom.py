"""
The pair this project comes from must go on working: its client, which sends no newline and waits
for an answer without one, unchanged against our server.
"""

from harness.classroom import REPLY, classroom_client
from harness.client import Client


def test_classroom_client_gets_its_answer(server):
    one = server()
    assert classroom_client((one.host, one.port), [b"hello"]) == [REPLY]
    assert one.messages() == [b"hello"]


def test_each_message_of_a_classroom_client_is_one_record(server):
    one = server()
    messages = [b"first", b"second message", "\u4f60\u597d".encode(), b"x" * 1024]
    assert classroom_client((one.host, one.port), messages) == [REPLY] * len(messages)
    assert one.messages() == messages


def test_the_server_returns_to_accepting(server):
    """The classroom server served one client and was done."""
    one = server()
    for number in range(20):
        assert classroom_client((one.host, one.port), [b"client %d" % number]) == [REPLY]
    assert one.messages() == [b"client %d" % number for number in range(20)]


def test_classroom_clients_at_once(server):
    """A waiting classroom client does not keep the others waiting."""
    one = server()
    clients = [Client(one) for _ in range(50)]
    for number, client in enumerate(clients):
        client.send(b"client %d" % number)
    for client in reversed(clients):
        assert client.receive() == REPLY
        client.close()
    assert sorted(one.messages()) == sorted(b"client %d" % number for number in range(50))


def test_auto_keeps_to_lines_once_a_newline_came(server):
    """The same framing serves line clients: after a newline, half a line is no message."""
    with Client(server()) as client:
        client.send(b"one\n")
        assert client.receive_until() == REPLY
        client.send(b"half a ")
        client.send(b"line\n")
        assert client.receive_until() == REPLY
        client.end_sending()
        assert client.receive_all() == b""
