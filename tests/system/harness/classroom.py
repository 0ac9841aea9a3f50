"""
The classroom pair, as tcpack-protocol(7) describes it: the client sends one message with no ending
and waits for whatever comes back; the server answers whatever one recv() returned, to one client,
and ends with it. Neither knows of lines, counts or acknowledgements.
"""

import socket
import threading

from harness.waiting import DEADLINE

REPLY = b"server received you message."
BUFFER = 1024


def classroom_client(address, messages):
    """Send each message, wait for its answer; the answers."""
    answers = []
    with socket.create_connection(address, DEADLINE) as connection:
        for message in messages:
            connection.sendall(message)
            answers.append(connection.recv(BUFFER))
    return answers


class ClassroomServer:
    """Serves one client in a thread; `received` is what each recv() returned."""

    def __init__(self, reply=REPLY):
        self.reply = reply
        self.received = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=5)
        self.listener.settimeout(DEADLINE)
        self.address = self.listener.getsockname()
        self.thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def port(self):
        return self.address[1]

    def _serve(self):
        connection, _ = self.listener.accept()
        with connection:
            connection.settimeout(DEADLINE)
            while data := connection.recv(BUFFER):
                self.received.append(data)
                connection.sendall(self.reply)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.close()
        self.thread.join(DEADLINE)
