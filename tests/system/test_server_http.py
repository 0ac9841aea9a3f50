"""
Why: a web page can make a browser send requests to any port that its user's machine reaches; their
lines, with a body of the page's choice, must not be recorded. What is no HTTP goes on as before.
"""

import pytest

from harness import programs
from harness.client import Client

REPLY = b"server received you message."
REQUEST = b"POST /x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 6\r\n\r\nforged\n"


@pytest.mark.parametrize("framing", ["auto", "line", "nul"])
@pytest.mark.parametrize("request_bytes", [
    REQUEST, REQUEST.replace(b"\r", b""), b"GET / HTTP/1.0\r\n\r\n", b"OPTIONS * HTTP/1.1\n",
    b"GET /" + b"a" * 7000 + b" HTTP/1.1\r\n\r\n",
])
def test_request_is_refused(server, tmp_path, framing, request_bytes):
    metrics = tmp_path / "metrics"
    one = server({"server.framing": framing, "metrics.file": metrics})
    with Client(one) as client:
        client.send(request_bytes)
        assert client.receive_all() == b""
    one.log.wait(r"warning: refused 127\.0\.0\.1:\d+: its first message is an HTTP request$")
    one.stop()
    assert one.messages() == []
    assert 'tcpackd_connections_closed_total{reason="http"} 1' in metrics.read_text()


@pytest.mark.parametrize("framing", ["line", "nul"])
def test_request_in_pieces(server, framing):
    one = server({"server.framing": framing, "server.buffer_size": 1})
    with Client(one) as client:
        client.send(REQUEST)
        assert client.receive_all() == b""
    one.stop()
    assert one.messages() == []


def test_request_longer_than_a_buffer(server):
    """In auto, its first piece would be a message before its line has ended."""
    one = server({"server.buffer_size": 4096})
    with Client(one) as client:
        client.send(b"GET /" + b"a" * 10000 + b" HTTP/1.1\r\n\r\n")
        assert client.receive_all() == b""
    one.log.wait("is an HTTP request")
    one.stop()
    assert one.messages() == []


def test_request_at_the_end_of_sending(server):
    one = server({"server.framing": "nul"})
    with Client(one) as client:
        client.send(b"GET / HTTP/1.1")
        client.end_sending()
        assert client.receive_all() == b""
    one.log.wait("is an HTTP request")
    assert one.messages() == []


def test_request_after_a_proxy_header(server):
    one = server({"server.framing": "line", "server.proxy_from": "127.0.0.1"})
    with Client(one) as client:
        client.send(b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 8001\r\n" + REQUEST)
        assert client.receive_all() == b""
    one.log.wait(r"refused 192\.0\.2\.7:56324: its first message is an HTTP request")
    assert one.messages() == []


def test_curl(server):
    programs.need("curl")
    one = server()
    result = programs.run("curl", "-s", "--data", "forged\nlines\n",
                          f"http://127.0.0.1:{one.port}/")
    assert result.returncode != 0
    one.log.wait("is an HTTP request")
    assert one.messages() == []


@pytest.mark.parametrize("framing", ["auto", "line"])
def test_other_messages_stay_messages(server, framing):
    one = server({"server.framing": framing})
    messages = [b"GET /index.html", b"GET / HTTP/1.1", b"HTTP/1.1 200 OK"]  # the first one decides
    with Client(one) as client:
        for message in messages:
            assert client.say(message) == REPLY
    assert one.messages() == messages


def test_classroom_message_that_begins_like_a_request(server):
    one = server()
    with Client(one) as client:
        client.send(b"GET /x")
        assert client.receive() == REPLY
    assert one.messages() == [b"GET /x"]
