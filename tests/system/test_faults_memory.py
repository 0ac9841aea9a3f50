"""
Memory that runs out, for real, by a limit on the process: who asks for too much is cut off and the
log says so; nobody else notices, and nothing is acknowledged that is not recorded.
"""

import contextlib
import signal
from collections import Counter

import pytest

from harness import programs
from harness.client import Client
from harness.load import ANSWER_SEQ, Load
from harness.server import ini

MEGABYTE = 1 << 20


@pytest.fixture
def starved(server, tmp_path):
    """A server with room for some ten messages of a megabyte, not for fifty."""
    programs.need("prlimit")
    if programs.is_sanitized():
        pytest.skip("AddressSanitizer ends a process that is out of memory")
    limit = 16 * MEGABYTE
    return server({**ANSWER_SEQ, "server.max_message": str(4 * MEGABYTE),
                   "journal.file": str(tmp_path / "journal"), "journal.sync": "no"},
                  wrap=["prlimit", f"--data={limit}:{limit}"])


def test_unfinished_messages_beyond_memory(starved):
    one = starved
    with Client(one) as polite:
        assert polite.say(b"polite") == b"1"
        greedy = [Client(one) for _ in range(50)]
        for number, client in enumerate(greedy, 2):
            with contextlib.suppress(ConnectionError):  # it was cut off already
                client.send(b"m" * MEGABYTE)
            assert polite.say(b"polite") == b"%d" % number
        one.log.wait("^tcpackd: (error|warning): .*out of memory")
        for client in greedy:
            client.reset()
        # What they held is there again.
        with Client(one) as later:
            assert later.say(b"m" * 2 * MEGABYTE) == b"52"
    assert len(one.records()) == 52


def test_large_batches_beyond_memory(starved):
    """Whole messages, many at once: the batch, or what it is made from, is what runs out."""
    one = starved
    load = Load(one, clients=40, window=2, size=MEGABYTE)
    one.send_signal(signal.SIGSTOP)  # so that all have begun before one has ended
    while load.turn(timeout=0.1):
        pass  # until no socket takes any more
    one.send_signal(signal.SIGCONT)
    load.run_until(lambda: one.log.matches("out of memory") or not load.open)
    load.finish()
    load.close()
    one.log.wait("out of memory for")
    # What they held is there again.
    later = Load(one, name="later", clients=2, window=2, size=MEGABYTE)
    later.run_until(lambda: later.acknowledged > 5)
    later.finish()
    later.close()
    one.stop()
    load.check(one.records())
    later.check(one.records(), exact=True)


def test_replies_beyond_memory(starved):
    """What the log calls not recorded is not, and all the rest is: nobody sends twice in doubt."""
    one = starved
    one.settings["server.reply"] = "{time}" * 28  # some 800 bytes
    one.config.write_text(ini(one.settings))
    one.send_signal(signal.SIGHUP)
    one.log.wait("the configuration was read again")
    clients = [Client(one) for _ in range(400)]
    one.log.wait("connected by", len(clients))
    one.send_signal(signal.SIGSTOP)  # so that the replies to all are of one round
    for client in clients:
        client.send(b"\n" * 50)
    one.send_signal(signal.SIGCONT)
    one.log.wait("out of memory for a reply to")
    for client in clients:
        client.end_sending()
        client.receive_all()
        client.close()
    one.stop()
    recorded = Counter(record.peer for record in one.records())
    for line in one.log.matches(r"out of memory .* (127\.0\.0\.1:\d+): .*?(\d+) bytes"):
        assert recorded[line[1]] + int(line[2]) == 50
