"""
Every crash point in turn: the server is killed as it enters its N-th write, fdatasync or send.
Nothing acknowledged is missing, SEQ has no gap and no repeat, and the next server opens the file.
"""

import contextlib
import signal
from collections import Counter

import pytest

from harness import programs
from harness.client import Client
from harness.journal import read_journal
from harness.load import ANSWER_SEQ, Load
from harness.server import Server
from harness.tracing import CALL, finished, tracer
from harness.waiting import wait_until

CALLS = ["write", "fdatasync", "sendto"]
POINTS_SHORT = [*range(1, 13), 25, 50, 100, 200]
POINTS_LONG = range(1, 201)


def crash_at(folder, call, when):
    """Start, load until the N-th call kills; whether it did; how many were acknowledged."""
    one = Server(folder, {**ANSWER_SEQ, "journal.file": str(folder / "journal")},
                 wrap=tracer("/dev/null", f"trace={call}",
                             f"inject={call}:signal=KILL:when={when}"))
    reader = one.journal()
    load = None
    try:
        one.start()
        load = Load(one, clients=3, window=2)
    except (AssertionError, ConnectionError):
        pass  # killed before it was ready, or before all were connected: see the status
    else:
        load.run_until(lambda: not load.open)
        load.drain()
        load.close()
    status = one.wait()
    assert status == -9, f"not killed at {call} {when}: status {status}\n{one.log}"
    acknowledged = load.check(reader.read()) if load else 0
    one.wrap = []
    with one, Client(one) as client:
        assert int(client.say(b"after the crash")) == reader.next_seq
    assert reader.read()[-1].message == b"after the crash" and not reader.torn
    return acknowledged


@pytest.mark.parametrize("call", CALLS)
def test_killed_at_the_nth(tmp_path, long, call):
    programs.need_strace()
    points = POINTS_LONG if long else POINTS_SHORT
    acknowledged = 0
    for when in points:
        folder = tmp_path / str(when)
        folder.mkdir()
        acknowledged += crash_at(folder, call, when)
    print(f"{call}: {len(points)} crash points, {acknowledged} acknowledged, 0 missing")
    assert acknowledged > len(points)


def rotate(folder, *expressions):
    """Three messages, the journal renamed, HUP, another message; unless the server is killed."""
    folder.mkdir()
    journal = folder / "journal"
    one = Server(folder, {**ANSWER_SEQ, "journal.file": str(journal)},
                 wrap=tracer(folder / "trace", *expressions)).start()
    with contextlib.suppress(ConnectionError, AssertionError), Client(one) as client:
        for _ in range(3):
            client.say(b"message")
        journal.rename(folder / "journal.1")
        one.send_signal(signal.SIGHUP)
        wait_until(lambda: journal.exists() or not one.running, "the new journal")
        client.say(b"message")
    one.kill()
    return one


def calls_of_reopening(trace):
    """[(call, how many of its kind were before)] from where FILE.seq knows of the new file."""
    seen, points = Counter(), []
    for line in finished(trace):
        match = CALL.match(line)
        if match and not match[1].startswith("syscall_"):  # newer than strace: it cannot inject it
            if points or seen["rename"] == 2:  # the first was at the start
                points.append((match[1], seen[match[1]]))
            seen[match[1]] += 1
    return points


def test_killed_while_the_journal_is_reopened(tmp_path):
    """At every call from where FILE.seq knows of the new file to the first answer out of it."""
    programs.need_strace()
    rotate(tmp_path / "whole")
    points = calls_of_reopening(tmp_path / "whole" / "trace")
    assert {"fsync", "fdatasync", "sendto"} <= {call for call, _ in points}
    reached = 0
    for call, before in points:
        folder = tmp_path / f"{call}-{before}"
        one = rotate(folder, f"trace={call}", f"inject={call}:signal=KILL:when={before + 1}")
        if " from 3 " not in (folder / "journal.seq").read_text():
            continue  # that call came once more than in the whole run: killed before the point
        reached += 1
        one.wrap = []
        with one, Client(one) as client:
            seq = int(client.say(b"message"))
        first = len(read_journal(folder / "journal.1")) + 1
        assert first == 4, f"killed at {call} {before + 1}"
        records = read_journal(folder / "journal", first=first)
        assert records[-1].seq == seq, f"killed at {call} {before + 1}"
    assert reached > len(points) / 2
