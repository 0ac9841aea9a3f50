"""
What a power cut leaves: any of the sectors of what was not synced as zeros. The server starts,
keeps what can have been acknowledged, and says how much it cut; a file that no crash of its own can
have left so is refused and untouched.
"""

import random

import pytest

from harness import programs
from harness.client import Client
from harness.journal import Journal, read_journal
from harness.load import ANSWER_SEQ
from harness.server import Server
from harness.tracing import tracer

TIME = b"2026-11-23T04:11:12.156%03dZ"


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "journal"


def commit(number, first, count, size, format):
    """The lines of a commit: one TIME, consecutive numbers."""
    time = TIME % number
    for seq in range(first, first + count):
        if format == "json":
            yield (b'{"seq":%d,"time":"%s","peer":"127.0.0.1:1","message":"%s"}\n'
                   % (seq, time, b"m" * size))
        else:
            yield b"%d %s 127.0.0.1:1 %s\n" % (seq, time, b"m" * size)


def whole_lines(data):
    return data[:data.rfind(b"\n") + 1]


def start(tmp_path, journal, format, settings=None):
    return Server(tmp_path, {**ANSWER_SEQ, "journal.file": str(journal), "journal.format": format,
                             **(settings or {})})


@pytest.mark.parametrize("format", ["text", "json"])
@pytest.mark.parametrize("count, size, begin, end", [
    (200, 50, 4096, 8192),  # in the middle of the last commit
    (200, 50, 0, 4096),     # over its beginning
    (1, 20000, 4096, 8192),  # in one long record
    (1, 20000, 16384, None),  # to its end
    (200, 50, 2048, 2560),
    (200, 50, None, None),  # all of it
], ids=["middle", "beginning", "long", "end", "sector", "all"])
def test_hole_in_the_last_commit(tmp_path, journal, format, count, size, begin, end):
    synced = b"".join([*commit(1, 1, 5, 100, format), *commit(2, 6, 5, 100, format)])
    data = bytearray(synced + b"".join(commit(3, 11, count, size, format)))
    first = len(synced) if begin is None else max(begin, len(synced))
    last = len(data) if end is None else end
    kept = whole_lines(bytes(data[:first]))
    assert len(kept) >= len(synced)
    data[first:last] = b"\0" * (last - first)
    journal.write_bytes(data)
    with start(tmp_path, journal, format) as one, Client(one) as client:
        one.log.wait(rf"warning: {journal}: cut {len(data) - len(kept)} bytes of unfinished rec")
        assert journal.read_bytes() == kept
        assert int(client.say(b"next")) == kept.count(b"\n") + 1


@pytest.mark.parametrize("tail", [b"\0" * 3000, b"\0" * 3000 + b"rest of a record\n", b"\0"])
def test_zeros_after_records(tmp_path, journal, tail):
    with start(tmp_path, journal, "text") as one, Client(one) as client:
        for _ in range(3):
            client.say(b"message")
        one.kill()
    whole = journal.read_bytes()
    journal.write_bytes(whole + tail)
    with one, Client(one) as client:
        assert journal.read_bytes() == whole
        assert client.say(b"next") == b"4"


@pytest.mark.parametrize("size", [1, 100, 3000, 4096, 1000000])
def test_nothing_but_zeros(tmp_path, journal, size):
    journal.write_bytes(b"\0" * size)
    with start(tmp_path, journal, "text") as one, Client(one) as client:
        assert client.say(b"first") == b"1"
    assert len(read_journal(journal)) == 1


@pytest.mark.parametrize("format", ["text", "json"])
def test_random_holes(tmp_path, journal, format, long):
    """Any sectors of the last commit: none of the synced records is missing, none is torn."""
    generator = random.Random(11)
    for _ in range(200 if long else 15):
        sector = generator.choice([512, 4096])
        synced = b"".join(line for number in range(3)
                          for line in commit(number, number * 2 + 1, 2, 300, format))
        last = b"".join(commit(7, 7, generator.randrange(1, 50), generator.choice([9, 90, 9000]),
                               format))
        data = bytearray(synced + last)[:len(synced) + generator.randrange(1, len(last) + 1)]
        for begin in range(0, len(data), sector):
            low, high = max(begin, len(synced)), min(begin + sector, len(data))
            if low < high and generator.random() < 0.4:
                data[low:high] = b"\0" * (high - low)
        journal.write_bytes(data)
        journal.with_name("journal.seq").unlink(missing_ok=True)
        with start(tmp_path, journal, format) as one, Client(one) as client:
            found = journal.read_bytes()
            assert found.startswith(synced) and (synced + last).startswith(found)
            assert found.endswith(b"\n") and b"\0" not in found
            assert int(client.say(b"next")) == found.count(b"\n") + 1
        read_journal(journal, format)


def test_without_sync_whole_records_after_a_hole_stay(tmp_path, journal):
    """They may have been acknowledged: each of them is of a commit of its own."""
    lines = [line for number in range(1, 201) for line in commit(number, number, 1, 100, "text")]
    data = bytearray(b"".join(lines))
    data[8192:12288] = b"\0" * 4096
    data += b"201 2026-11-23T04:1"
    journal.write_bytes(data)
    whole = [line for line in lines if line in bytes(data)]
    with start(tmp_path, journal, "text", {"journal.sync": "no"}) as one:
        one.log.wait(r"bytes of unfinished records, as after a crash; kept \d+ whole records")
        assert journal.read_bytes() == b"".join(whole)
        with Client(one) as client:
            assert client.say(b"next") == b"201"


def test_an_emptied_journal_is_synced_after_a_crash(tmp_path, journal):
    """
    A repair that did not come to its end may have emptied it in memory only: after another power cut
    there would be old records behind the next ones. Also without sync.
    """
    programs.need_strace()
    with start(tmp_path, journal, "text", {"journal.sync": "no"}) as one, Client(one) as client:
        assert client.say(b"message") == b"1"
        one.kill()
    journal.write_bytes(b"")
    one.wrap = tracer(tmp_path / "trace", "trace=fdatasync", "inject=fdatasync:error=EIO")
    one.spawn()
    assert one.wait() == 74
    assert one.log.matches(f"cannot sync {journal}: Input/output error")


@pytest.mark.parametrize("tail", [
    b"text\n", b"text", b"\0" * 3000 + b"\n\0text\ntext\n", b"\0" * 512 + b"\x01\x02\n",
])
def test_other_tails_are_refused_untouched(tmp_path, journal, tail):
    data = b"".join(commit(1, 1, 3, 100, "text")) + tail
    journal.write_bytes(data)
    one = start(tmp_path, journal, "text").spawn()
    assert one.wait() == 74
    assert one.log.matches("error: .*does not end with records of tcpackd; the file is untouched")
    assert journal.read_bytes() == data


def test_large_journals_start_at_once(tmp_path, journal):
    """Only the end is read: here of 4 GiB, of which the beginning is a hole."""
    with open(journal, "wb") as file:
        file.truncate(4 << 30)
        file.seek(0, 2)
        file.write(b"\n" + b"".join([*commit(1, 1, 2, 100, "text"), *commit(2, 3, 2, 100, "text")]))
    with start(tmp_path, journal, "text") as one, Client(one) as client:
        assert client.say(b"next") == b"5"
    tail = Journal(journal)
    tail.position = (4 << 30) + 1
    assert len(tail.read()) == 5
