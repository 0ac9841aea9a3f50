"""
Why: a socket signals once when something arrives. If that signal is lost, or not enough is read after
it, a client waits forever. So clients send in pieces of odd sizes, read late, half-close and send
urgent data, through buffers of any size, while the configuration is read again and again; with a
queue for all signals, for few, and for none. Only the server ends a wait here: there are no timeouts.
"""

import random
import signal
import socket
import time

import pytest

from harness.server import Server
from harness.waiting import DEADLINE

REPLY = b"r" * 99 + b"\n"  # long: replies to a large burst must wait for their reader
# Small, yet not so small that the window TCP offers can stay below half of the largest segment:
# then the kernel would send one segment with each probe of a closed window, five a second.
RECEIVE_BUFFER = 16384
BUFFER_SIZES = [1, 2, 5, 64, 16384, 1000000]
ways = pytest.mark.parametrize("wrap, environment", [
    pytest.param((), {}, id="signals"),
    pytest.param(("prlimit", "--sigpending=0"), {}, id="signals-lost"),
    pytest.param((), {"TCPACKD_READINESS": "plain"}, id="plain"),
])


class Talker:
    """Says a few bursts of lines, waits for all replies to each, and ends in one way or another."""

    def __init__(self, address, buffer_size, chance):
        self.chance = chance
        self.buffer_size = buffer_size
        family, where = address
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.urgent = family != socket.AF_UNIX and chance.random() < 0.2
        if family != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if chance.random() < 0.3:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self.socket.connect(where)
        self.socket.setblocking(False)
        self.bursts = chance.choice([1, 2, 5])
        self.begin()

    def begin(self):
        """The next burst, or the last one, which ends with the end of sending."""
        chance = self.chance
        self.bursts -= 1
        self.last = self.bursts == 0
        self.ended = False
        lines = chance.choice([1, 1, 2, 10] if self.buffer_size < 64 else [1, 2, 10, 300, 5000])
        self.unsent = b"".join(b"m" * chance.choice([0, 1, 3, 30]) + b"\n" for _ in range(lines))
        self.expected = lines * len(REPLY)
        if self.last and chance.random() < 0.5:
            self.unsent += b"tail"
            self.expected += len(REPLY) - 1  # it has no newline, so its reply has none
        self.reads_at = time.monotonic() + chance.choice([0, 0, 0.05, 0.2])
        self.progress_at = time.monotonic()

    def send(self):
        if self.urgent and len(self.unsent) > 50 and self.chance.random() < 0.1:
            self.socket.send(b"!", socket.MSG_OOB)  # beside the stream: in no message
        if self.unsent:
            piece = self.unsent[:self.chance.choice([1, 2, 7, 100, 1 << 20])]
            self.unsent = self.unsent[self.socket.send(piece):]
        elif self.last and not self.ended:
            self.socket.shutdown(socket.SHUT_WR)
            self.ended = True

    def receive(self):
        """False at the end of the connection."""
        data = self.socket.recv(self.chance.choice([10, 1000, 65536]))
        self.progress_at = time.monotonic()
        self.expected -= len(data)
        assert self.expected >= 0
        assert data or (self.ended and self.expected == 0), "closed too early"
        return data != b""

    def turn(self):
        """Do what can be done now. False once this one is served."""
        for action in (self.send, self.receive):
            try:
                if action == self.receive and time.monotonic() < self.reads_at:
                    continue
                if action() is False:
                    self.socket.close()
                    return False
            except BlockingIOError:
                pass
        if self.expected == 0 and not self.unsent and not self.last:
            self.begin()
        assert time.monotonic() - self.progress_at < DEADLINE, \
            f"buffer_size {self.buffer_size}: {self.expected} bytes of replies are missing"
        return True


@ways
@pytest.mark.parametrize("seed", [1, pytest.param(None, marks=pytest.mark.long)])
def test_nobody_waits_for_ever(tmp_path, wrap, environment, seed):
    settings = {"server.framing": "line", "server.reply": REPLY[:-1].decode(),
                "server.stall_timeout": 0, "server.keepalive": 0,
                "journal.file": tmp_path / "journal", "journal.sync": "no"}
    for number, size in enumerate(BUFFER_SIZES):
        settings[f"listener tcp{number}.port"] = 0
        settings[f"listener unix{number}.host"] = tmp_path / str(number)
        for kind in "tcp", "unix":
            settings[f"listener {kind}{number}.buffer_size"] = size
    sizes = [16384] + [size for size in BUFFER_SIZES for _ in ("tcp", "unix")]
    seed = seed or random.randrange(1 << 32)
    print("seed", seed)
    chance = random.Random(seed)
    to_come = 150 if seed == 1 else 3000
    talkers = []
    with Server(tmp_path, settings, wrap=wrap, environment=environment) as one:
        doors = list(zip(one.addresses, sizes, strict=True))
        before = one.descriptors()
        while to_come or talkers:
            while to_come and len(talkers) < 60:
                talkers.append(Talker(*chance.choice(doors), chance))
                to_come -= 1
                if to_come % 20 == 0:
                    one.send_signal(signal.SIGHUP)
            talkers = [talker for talker in talkers if talker.turn()]
        assert one.descriptors() == before
