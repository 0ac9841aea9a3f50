"""Clients, as blocking sockets with a deadline on everything."""

import socket
import struct
import time

from harness.waiting import DEADLINE


class Client:
    """One connection to a Server, or to a (family, address) pair."""

    def __init__(self, server, deadline=DEADLINE, receive_buffer=None):
        self.server = server
        family, address = server if isinstance(server, tuple) else server.addresses[0]
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(deadline)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(address)
        self.received = b""

    @property
    def peer(self):
        """How the server names this client."""
        if self.socket.family == socket.AF_UNIX:
            return "unix"
        host, port = self.socket.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def send(self, data):
        self.socket.sendall(data)

    def receive(self):
        """What one recv() gives: for answers without an ending. b"" when the server closed."""
        data, self.received = self.received or self.socket.recv(65536), b""
        return data

    def receive_until(self, ending=b"\n"):
        """One reply without its ending; the connection must not end within it."""
        while ending not in self.received:
            data = self.socket.recv(65536)
            assert data, f"the server closed after {self.received!r}"
            self.received += data
        reply, _, self.received = self.received.partition(ending)
        return reply

    def receive_all(self):
        """Everything up to the end of the connection, which a reset counts as, too."""
        try:
            while data := self.socket.recv(65536):
                self.received += data
        except ConnectionResetError:
            pass
        data, self.received = self.received, b""
        return data

    def say(self, message):
        """Send a line, return the reply."""
        self.send(message + b"\n")
        return self.receive_until()

    def end_sending(self):
        self.socket.shutdown(socket.SHUT_WR)

    def close(self):
        self.socket.close()

    def reset(self):
        """Close with a reset instead of an end of sending."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def send_until_stuck(client, data, limit=1 << 28):
    """
    Send this again and again, reading nothing, until the server takes no more: for half a second
    there is no room, and the server, which is not just slow, has had nothing to do. Bytes sent.
    """
    sent, rest = 0, None
    end = time.monotonic() + DEADLINE
    deadline = client.socket.gettimeout()
    client.socket.settimeout(0.5)
    try:
        while sent < limit and time.monotonic() < end:
            try:
                sent += client.socket.send(data[sent % len(data):])
            except TimeoutError:
                before, rest = rest, client.server.rest()
                if rest is not None and rest == before:
                    break
    finally:
        client.socket.settimeout(deadline)
    assert sent < limit, f"the server took {sent} bytes from one who reads nothing"
    return sent
