"""Clients that number their messages, keep each until it is acknowledged, and send it again."""

import socket
import threading
import time
from collections import deque

from harness.waiting import DEADLINE


class NumberedClient(threading.Thread):
    """
    Sends `NAME NUMBER text` lines to one of the addresses; when the connection ends, or nothing
    comes for `patience` seconds, to the next one, beginning with what is not acknowledged. Up to
    `window` are under way at once. Between two receipts it makes a pause.
    """

    def __init__(self, name, addresses, window=8, patience=8, pause=0.0):
        super().__init__(daemon=True)
        self.client = name
        self.addresses = addresses
        self.window = window
        self.patience = patience
        self.pause = pause  # seconds after each receipt: how much it sends is bounded by that
        self.acknowledged = 0  # all up to this number are
        self.sends = 0
        self.stopping = threading.Event()
        self.failure = None

    def text(self, number):
        return b"%s %d message %d\n" % (self.client.encode(), number, number * 7919)

    def _session(self, address):
        under_way = deque()
        family, where = address
        with socket.socket(family, socket.SOCK_STREAM) as connection:
            connection.settimeout(self.patience)
            connection.connect(where)
            next_number, data = self.acknowledged + 1, b""
            while under_way or not self.stopping.is_set():
                output = b""
                while len(under_way) < self.window and not self.stopping.is_set():
                    under_way.append(next_number)
                    output += self.text(next_number)
                    next_number += 1
                    self.sends += 1
                if output:
                    connection.sendall(output)
                more = connection.recv(65536)
                if not more:
                    return
                *replies, data = (data + more).split(b"\n")
                for _ in replies:
                    self.acknowledged = under_way.popleft()
                time.sleep(self.pause)

    def run(self):
        turn = hash(self.client)
        try:
            while not self.stopping.is_set():
                turn += 1
                try:
                    self._session(self.addresses[turn % len(self.addresses)])
                except OSError:
                    pass
                self.stopping.wait(0.05)  # as a client's back-off
        except BaseException as failure:  # handed to the thread that waits for this one
            self.failure = failure


class NumberedLoad:
    """Some of these clients at once, while the `with` block runs."""

    def __init__(self, addresses, clients=4, name="device", **options):
        self.clients = [NumberedClient(f"{name}-{n}", addresses, **options)
                        for n in range(clients)]

    @property
    def acknowledged(self):
        return sum(client.acknowledged for client in self.clients)

    def wait_more(self, count=1, deadline=4 * DEADLINE):
        """Wait until each client got so many more acknowledgements."""
        wanted = [client.acknowledged + count for client in self.clients]
        end = time.monotonic() + deadline
        while any(client.acknowledged < want for client, want in zip(self.clients, wanted)):
            assert time.monotonic() < end, "the clients get no acknowledgement any more"
            time.sleep(0.01)

    def __enter__(self):
        for client in self.clients:
            client.start()
        return self

    def __exit__(self, kind, *_):
        for client in self.clients:
            client.stopping.set()
        for client in self.clients:
            client.join(4 * DEADLINE)
            if kind is None and client.failure:
                raise client.failure

    def check(self, server, dbname):
        """
        Each acknowledged number has one row with its text in that server, and no number has two, nor
        a SEQ.
        Returns how many were acknowledged.
        """
        twice = server.query("SELECT server, seq FROM tcpack.records GROUP BY server, seq"
                             " HAVING count(*) > 1", dbname=dbname).splitlines()
        assert not twice, f"SEQ {twice[0]} is on two rows, and {len(twice) - 1} more"
        found = {}
        for line in server.query("SELECT id, number, encode(message, 'hex') FROM tcpack.records"
                                 " WHERE id IS NOT NULL", dbname=dbname).splitlines():
            name, number, message = line.split("|")
            assert (name, int(number)) not in found, f"{name} {number} is there twice"
            found[name, int(number)] = bytes.fromhex(message)
        for client in self.clients:
            missing = [number for number in range(1, client.acknowledged + 1)
                       if found.get((client.client, number)) != client.text(number)[:-1]]
            assert not missing, f"{client.client}: {len(missing)} of {client.acknowledged} " \
                                f"acknowledged are missing: {missing[:10]}"
        return self.acknowledged
