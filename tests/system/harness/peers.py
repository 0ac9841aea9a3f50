"""Servers that are not tcpackd, each a few lines of Python run for one connection after another."""

import contextlib
import socket
import threading

from harness.waiting import DEADLINE


class Peer:
    """
    Listens on loopback and calls serve(connection) for each connection in turn, in a thread; what
    it raises fails the test. Each accepted socket has a deadline.
    """

    host = "127.0.0.1"

    def __init__(self, *serves, receive_buffer=None):
        self.serves = serves
        self.failure = None
        self.listener = socket.socket()
        if receive_buffer is not None:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.listener.bind((self.host, 0))
        self.listener.listen(16)
        self.listener.settimeout(DEADLINE)
        self.thread = threading.Thread(target=self._run, daemon=True)

    @property
    def port(self):
        return self.listener.getsockname()[1]

    def _run(self):
        try:
            for serve in self.serves:
                connection, _ = self.listener.accept()
                connection.settimeout(DEADLINE)
                with contextlib.closing(connection):
                    serve(connection)
        except BaseException as failure:  # handed to the test's thread
            self.failure = failure

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        self.thread.join(DEADLINE)
        self.listener.close()
        if kind is None:
            assert not self.thread.is_alive(), "the peer still serves"
            if self.failure:
                raise self.failure


def receive_until(connection, condition):
    """What was received once condition(it) holds; an error at the end of the connection."""
    data = b""
    while not condition(data):
        more = connection.recv(65536)
        assert more, f"the client closed after {data!r}"
        data += more
    return data


def receive_all(connection):
    """Everything up to the end of the connection; None in its place where it was reset."""
    data = b""
    try:
        while more := connection.recv(65536):
            data += more
        return data
    except ConnectionResetError:
        return None
