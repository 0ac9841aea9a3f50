"""
Pipelining clients that know what was acknowledged. The server must answer each line with its SEQ
(settings ANSWER_SEQ): so each acknowledgement says which record it promises.
"""

import re
import selectors
import socket
import threading
import time
from collections import defaultdict

from harness.waiting import DEADLINE

ANSWER_SEQ = {"server.framing": "line", "server.reply": "{seq}"}
MESSAGE = re.compile(rb"([^:]+):(\d+):.*", re.DOTALL)


class Sender:
    """One connection; its messages are NAME:0:, NAME:1: and so on, each padded to `size` bytes."""

    def __init__(self, address, name, window, size):
        family, where = address
        self.name = name.encode()
        self.window = window
        self.size = size
        self.given = 0  # messages given to the socket, or waiting in self.output for room in it
        self.output = b""
        self.input = b""
        self.acknowledged = []  # the SEQ that answered message 0, 1, ...
        self.open = True
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(DEADLINE)
        self.socket.connect(where)
        self.socket.setblocking(False)

    @property
    def under_way(self):
        return self.given - len(self.acknowledged)

    def send(self, new):
        """Give the socket what it takes; `new`: also messages that were not begun yet."""
        room = self.window - self.under_way if new and not self.output else 0
        if room > 0:
            self.output = b"".join(
                (b"%s:%d:" % (self.name, number)).ljust(self.size, b".") + b"\n"
                for number in range(self.given, self.given + room))
            self.given += room
        try:
            while self.output:
                self.output = self.output[self.socket.send(self.output):]
        except BlockingIOError:
            pass
        except (BrokenPipeError, ConnectionResetError):
            self.output = b""  # what the server still said can be read yet

    def receive(self):
        """Take the replies that are there."""
        try:
            data = self.socket.recv(1 << 18)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        if not data:
            self.open = False
            return
        *replies, self.input = (self.input + data).split(b"\n")
        self.acknowledged += map(int, replies)
        assert len(self.acknowledged) <= self.given, f"{self.name} got more replies than it asked"


class Load:
    """Some senders at once, driven by one thread: the caller's, or one of its own (`with`)."""

    def __init__(self, server, name="load", clients=4, window=64, size=64):
        self.server = server
        self.name = name
        self.window = window
        self.size = size
        self.senders = []
        self.selector = selectors.DefaultSelector()
        self.thread = None
        self.stopping = threading.Event()
        self.failure = None
        for _ in range(clients):
            self.add()

    def add(self):
        """One more sender."""
        sender = Sender(self.server.addresses[0], f"{self.name}-{len(self.senders)}",
                        self.window, self.size)
        self.senders.append(sender)
        self.selector.register(sender.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, sender)

    def close(self):
        for sender in self.senders:
            sender.socket.close()
        self.selector.close()

    @property
    def open(self):
        return any(sender.open for sender in self.senders)

    @property
    def acknowledged(self):
        return sum(len(sender.acknowledged) for sender in self.senders)

    def turn(self, new=True, timeout=DEADLINE):
        """Wait for the sockets and serve those that are ready; false when nothing happened."""
        ready = self.selector.select(timeout)
        for key, events in ready:
            sender = key.data
            if events & selectors.EVENT_WRITE:
                sender.send(new)
            if events & selectors.EVENT_READ:
                sender.receive()
            if not sender.open:
                self.selector.unregister(sender.socket)
                continue
            more = sender.output or (new and sender.under_way < sender.window)
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if more else 0)
            if wanted != key.events:
                self.selector.modify(sender.socket, wanted, sender)
        return bool(ready)

    def run_for(self, seconds):
        """Send and receive for that long: a length of load, not of waiting for something."""
        end = time.monotonic() + seconds
        while self.open and (left := end - time.monotonic()) > 0:
            self.turn(timeout=left)

    def run_until(self, condition, what="the end of the load"):
        """Send and receive until condition() is true, which it must be before all are closed."""
        end = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < end, f"{what}: not seen"
            assert self.open, f"{what}: every connection was closed before"
            self.turn(timeout=0.05)

    def drain(self):
        """Take what a server that is gone, or going, still sent."""
        while self.open:
            assert self.turn(new=False), f"{self.name}: a connection neither answers nor ends"

    def finish(self):
        """Begin no more messages; wait until all that were begun are answered or cut off."""
        while any(sender.open and sender.under_way for sender in self.senders):
            assert self.turn(new=False), f"{self.name}: a message is not answered"

    def check(self, records, exact=False):
        """
        Hold the records against the acknowledgements: of each sender the journal has the first
        messages, in order, each once; and among them all that were acknowledged, under the SEQ that
        the acknowledgement named. `exact`: and no others. Returns how many were acknowledged.
        """
        found = defaultdict(list)
        for record in records:
            match = MESSAGE.fullmatch(record.message)
            if match:
                found[match[1]].append((int(match[2]), record.seq, len(record.message)))
        for sender in self.senders:
            mine = found.pop(sender.name, [])
            name, promised = sender.name.decode(), sender.acknowledged
            assert [number for number, _, _ in mine] == list(range(len(mine))), \
                f"{name}: not in order, or not once"
            missing = len(promised) - len(mine)
            assert missing <= 0, f"{name}: {missing} of {len(promised)} acknowledged are missing"
            assert [seq for _, seq, _ in mine][:len(promised)] == promised, \
                f"{name}: acknowledged under another SEQ"
            assert not exact or len(mine) == len(promised), \
                f"{name}: {-missing} are recorded without an acknowledgement"
            assert all(size >= self.size for _, _, size in mine), f"{name}: a message is cut"
        return self.acknowledged

    # In a thread of its own.

    def _run(self):
        try:
            while not self.stopping.is_set() and self.open:
                self.turn(timeout=0.05)
            self.finish()
        except BaseException as failure:  # handed to the thread that waits for this one
            self.failure = failure

    def __enter__(self):
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        self.stopping.set()
        self.thread.join(DEADLINE * 2)
        if kind is None and self.failure:
            raise self.failure
