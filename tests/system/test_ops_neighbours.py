"""
Why: a server is only as good as it is beside its worst clients. So: crowds that send nothing, a byte
now and then, garbage, half a frame, or never read; meanwhile a well-behaved client gets every
answer, and afterwards descriptors, memory and processor are as before. How fast its answers come
(within twice the time beside a quiet crowd) is asked in the long run only: it takes a quiet machine.
"""

import itertools
import os
import resource
import socket
import statistics
import time
from collections import namedtuple

import pytest

from harness import programs
from harness.client import Client
from harness.waiting import wait_until

REPLY = b"server received you message."
OPTIONS = {"server.backlog": 4096, "server.max_message": 4096, "log.level": "notice"}

# What each of a crowd sends when it is its turn, under which framing, and at most how many of them
# have a turn in a second.
Kind = namedtuple("Kind", "framing payload turns")
KINDS = {
    "silent": Kind("line", b"", 10000),
    "byte-by-byte": Kind("line", b"x", 10000),
    "garbage": Kind("octet", os.urandom(64) + b"\n\0", 1000),  # thrown out, they come again
    "half-a-frame": Kind("octet", b"4000 half", 10000),
    "never-reads": Kind("line", b"\n" * 400, 50),
}
MESSAGE = {"line": b"hello\n", "octet": b"5 hello"}


class Crowd:
    """Connections that behave badly when they are asked to."""

    def __init__(self, server, count, kind):
        self.server = server
        self.kind = kind
        self.sockets = [self.connect() for _ in range(count)]
        self.turn = itertools.cycle(range(count))
        self.last = time.monotonic()

    def connect(self):
        family, address = self.server.addresses[0]
        one = socket.socket(family, socket.SOCK_STREAM)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.connect(address)
        one.setblocking(False)
        return one

    def act(self):
        """As many turns as are due since the last time; who was thrown out comes again."""
        now = time.monotonic()
        rate = min(self.kind.turns, len(self.sockets))
        due = min(int((now - self.last) * rate), 20)  # not all at once after a pause of ours
        if due == 0 or not self.kind.payload:
            return
        self.last = now
        for at in itertools.islice(self.turn, due):
            try:
                self.sockets[at].send(self.kind.payload)
            except BlockingIOError:
                pass
            except OSError:
                self.sockets[at].close()
                self.sockets[at] = self.connect()

    def close(self):
        for one in self.sockets:
            one.close()


def p99(client, crowd, seconds):
    """Of the seconds that a message of the client took, while the crowd goes on."""
    message = MESSAGE[crowd.kind.framing]
    times = []
    end = time.monotonic() + seconds
    while len(times) < 100 or time.monotonic() < end:
        crowd.act()
        begin = time.monotonic()
        client.send(message)
        assert client.receive_until(b".").endswith(REPLY[:-1])
        times.append(time.monotonic() - begin)
    return statistics.quantiles(times, n=100)[98]


def best_p99(client, crowd, seconds):
    """Of three: what else the machine does makes them longer, never shorter."""
    return min(p99(client, crowd, seconds) for _ in range(3))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("count", [300, pytest.param(10000, marks=pytest.mark.long)])
def test_bad_neighbours(server, name, count):
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < count + 100:
        pytest.skip(f"no {count} descriptors here")
    measured = count > 300
    seconds = 2 if measured else 0
    kind = KINDS[name]
    one = server({**OPTIONS, "server.framing": kind.framing})
    with Client(one) as client:
        client.send(MESSAGE[kind.framing])
        client.receive_until(b".")
        before = one.descriptors()
        quiet = Crowd(one, count, kind._replace(payload=b""))
        reference = best_p99(client, quiet, seconds)
        quiet.close()
        wait_until(lambda: one.descriptors() == before, "the quiet crowd to be gone")
        memory = one.resident_bytes()  # the tables have grown to this many clients
        crowd = Crowd(one, count, kind)
        beside = best_p99(client, crowd, seconds)
        crowd.close()
        wait_until(lambda: one.descriptors() == before, "the crowd to be gone")
        grown = one.resident_bytes() - memory
        assert grown < 12 * 1024 * 1024, f"{grown} bytes stayed"
        assert not one.spins()  # for those who left
    print(f"p99 beside {count} {name}: {beside * 1e6:.0f} us, beside idle ones {reference * 1e6:.0f}")
    if measured:
        assert beside <= 2 * reference


def test_full_server_sleeps(server, long):
    """64 descriptors, 1,000 who want in: those inside are served, nothing spins, room is used."""
    programs.need("prlimit")
    one = server({"server.framing": "line", "server.backlog": 1024, "log.level": "notice"},
                 wrap=["prlimit", "--nofile=64:64"])
    inside = Client(one)
    inside.say(b"hello")
    crowd = Crowd(one, 1000 if long else 200, KINDS["silent"])
    one.log.wait("new connections wait")
    assert not one.spins()
    length = 5 if long else 0.5
    ticks, begin = one.cpu_ticks(), time.monotonic()
    while time.monotonic() < begin + length:  # a length of load, at a modest rate
        assert inside.say(b"hello") == REPLY
        time.sleep(0.05)
    used = (one.cpu_ticks() - ticks) / os.sysconf("SC_CLK_TCK") / (time.monotonic() - begin)
    late = Client(one)
    late.send(b"late\n")
    begin = time.monotonic()
    crowd.close()
    assert late.receive_until() == REPLY
    if long:
        assert used < 0.05, f"{used:.0%} of a processor"
        assert time.monotonic() - begin < 1
    assert len(one.log.matches("new connections wait")) >= 1
