"""Servers that are not tcpackd, each a few lines of Python run for one connection after another."""

import contextlib
import socket
import threading
import time

from harness.waiting import DEADLINE


class Peer:
    """
    Listens on loopback and calls serve(connection) for each connection in turn, in a thread; what
    it raises fails the test. `then` serves all that come after these: how many there are may depend
    on time. Each accepted socket has a deadline.
    """

    host = "127.0.0.1"

    def __init__(self, *serves, then=None, receive_buffer=None):
        self.serves = serves
        self.then = then
        self.failure = None
        self.ends = False
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
                self._serve(serve)
            while self.then and not self.ends:
                self._serve(self.then)
        except BaseException as failure:  # handed to the test's thread
            self.failure = failure

    def _serve(self, serve):
        connection, _ = self.listener.accept()
        connection.settimeout(DEADLINE)
        with contextlib.closing(connection):
            if not self.ends:
                serve(connection)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        if self.then:
            self.ends = True
            socket.create_connection((self.host, self.port), DEADLINE).close()  # the last one
        self.thread.join(DEADLINE)
        self.listener.close()
        if kind is None:
            assert not self.thread.is_alive(), "the peer still serves"
            if self.failure:
                raise self.failure


def send_pieces(connection, *pieces):
    """
    Send one after the other. False if that took so long that a client may take the machine's pause
    for the end of a reply (tcpack: after 0.1 s): then what it did is no result.
    """
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    begin = time.monotonic()
    for piece in pieces:
        connection.sendall(piece)
    return time.monotonic() - begin < 0.05


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
