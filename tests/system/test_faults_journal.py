"""
A journal that cannot be written: disk full, file size limit, I/O errors, a reader that went away.
What was acknowledged is exactly what is in the journal; the server says it once and goes on as soon
as writing works; where it cannot know what is on the disk, it stops.
"""

import contextlib
import os
import re
import signal
import time

import pytest

from harness import programs
from harness.client import Client
from harness.journal import read_journal
from harness.disk import small_disk
from harness.load import ANSWER_SEQ, Load
from harness.server import Server
from harness.tracing import tracer
from harness.waiting import wait_until


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "journal"


@pytest.fixture
def recording(tmp_path, journal):
    """A server, not yet started, in line framing that answers SEQ and records to `journal`."""
    def make(settings=None, **options):
        return Server(tmp_path, {**ANSWER_SEQ, "journal.file": str(journal), **(settings or {})},
                      **options)
    return make


def cut_off(one, messages):
    """Send lines on a connection of their own until the server closes it; the replies before."""
    with Client(one) as client:
        client.send(b"".join(message + b"\n" for message in messages))
        client.end_sending()
        return [int(seq) for seq in client.receive_all().split()]


def errors(one):
    """How many errors the log has by now: a line that comes after them was waited for."""
    with Client(one) as client:
        one.log.wait(f"^tcpackd: connected by {client.peer}$")
    return len(one.log.matches("^tcpackd: error: "))


def test_only_those_with_messages_in_the_batch_are_closed(recording, journal, tmp_path):
    """Who had half a message by then has lost nothing."""
    programs.need_strace()
    one = recording(wrap=[*tracer(tmp_path / "trace", "trace=write",
                                  "inject=write:error=ENOSPC:when=1"), "-P", journal])
    with one, Client(one) as half, Client(one) as whole:
        one.log.wait("connected by", 2)
        one.send_signal(signal.SIGSTOP)  # so that both are read in one round
        half.send(b"abc")
        whole.send(b"lost\n")
        one.send_signal(signal.SIGCONT)
        assert whole.receive_all() == b""
        assert half.say(b"def") == b"1"
        assert one.messages() == [b"abcdef"]


@pytest.mark.parametrize("error", ["ENOSPC", "EIO", "EFBIG", "EDQUOT"])
def test_failed_write(recording, journal, tmp_path, error):
    """The batch's connection is closed unanswered, the next message is taken again."""
    programs.need_strace()
    reason = {"ENOSPC": "No space left on device", "EIO": "Input/output error",
              "EFBIG": "File too large", "EDQUOT": "Disk quota exceeded"}[error]
    inject = tracer(tmp_path / "trace", "trace=write", f"inject=write:error={error}:when=2..3")
    with recording(wrap=[*inject, "-P", str(journal)]) as one:
        with Client(one) as stays:
            assert stays.say(b"one") == b"1"
            assert cut_off(one, [b"lost"]) == []
            assert cut_off(one, [b"lost"]) == []
            one.log.wait(f"^tcpackd: error: .*{journal}.*{reason}")
            assert stays.say(b"two") == b"2"
            # One line for the episode, one when it is over.
            assert errors(one) == 1, str(one.log)
            one.log.wait("^tcpackd: writing to the journal works again$")
        assert one.messages() == [b"one", b"two"]


def test_writes_that_fail_now_and_then_do_not_fill_the_log(recording):
    """A client whose messages are too long for the disk, and another whose are not."""
    programs.need("prlimit")
    with recording(wrap=["prlimit", "--fsize=8192"]) as one, Client(one) as stays:
        begin = time.monotonic()
        for number in range(50):
            assert cut_off(one, [b"x" * 9000]) == []
            assert stays.say(b"short") == b"%d" % (number + 1)
        one.log.wait("writing to the journal works again")
        allowed = 1 + int(time.monotonic() - begin)
        assert 1 <= len(one.log.matches("cannot write journal")) <= allowed
        assert len(one.log.matches("works again")) <= allowed


def test_failed_sync_is_the_end(recording, journal, tmp_path):
    """74, nothing acknowledged, never tried again."""
    programs.need_strace()
    trace = tmp_path / "trace"
    one = recording(wrap=tracer(trace, "trace=fdatasync", "inject=fdatasync:error=EIO:when=2+"))
    one.start()
    with Client(one) as client, Client(one) as other:
        assert client.say(b"one") == b"1"
        client.send(b"two\n")
        assert client.receive_all() == b""
        assert other.receive_all() == b""
    assert one.wait() == 74
    assert one.log.matches(f"^tcpackd: error: .*{journal}.*Input/output error")
    assert trace.read_text().count("fdatasync(") == 2
    assert [record.seq for record in one.records()][:1] == [1]
    # What the file has may be all of it; the next server takes it as it is.
    one.wrap = []
    with one, Client(one) as client:
        assert int(client.say(b"three")) in (2, 3)


def test_slow_sync_keeps_nobody_answered_early(recording, tmp_path):
    """While the disk takes its time, no acknowledgement leaves."""
    programs.need_strace()
    one = recording(wrap=tracer(tmp_path / "trace", "trace=fdatasync",
                                "inject=fdatasync:delay_enter=2s"))
    with one, Client(one) as client:
        begin = time.monotonic()
        assert client.say(b"message") == b"1"
        assert time.monotonic() - begin >= 2


def test_slow_sync_is_no_idleness(recording, tmp_path):
    """What a client sent while the disk took its time counts, however late it is read."""
    programs.need_strace()
    one = recording({"server.idle_timeout": 8},  # the clients' time until they have sent
                    wrap=tracer(tmp_path / "trace", "trace=fdatasync",
                                "inject=fdatasync:delay_enter=9s:when=1"))
    with one, Client(one) as first, Client(one) as second:
        one.log.wait(f"connected by {second.peer}")
        first.send(b"first\n")
        wait_until(one.records, "the record, which is being synced")
        second.send(b"second\n")
        assert first.receive_until() == b"1"
        assert second.receive_until() == b"2"


def test_slow_sync_takes_more_of_a_busy_sender(recording, tmp_path):
    """A round may read as long as half a commit takes, not only the 48 KiB that are quick."""
    programs.need_strace()
    one = recording({"log.level": "trace"},
                    wrap=tracer(tmp_path / "trace", "trace=fdatasync",
                                "inject=fdatasync:delay_enter=1s"))
    with one, Client(one) as client:
        client.send(b"first\n")
        wait_until(one.records, "the record, which is being synced")
        client.send(b"%999d\n" % 0 * 300)
        for seq in range(1, 302):
            assert client.receive_until() == b"%d" % seq
        assert max(int(match.group(1))
                   for match in one.log.matches("commit: .* ([0-9]+) bytes")) > 100_000


def test_slow_sync_is_no_stall(recording, tmp_path):
    """A client has stall_timeout to take its replies from when they were sent."""
    programs.need_strace()
    reply, count = b"r" * 150 + b"\n", 2000
    one = recording({"server.host": tmp_path / "socket", "server.stall_timeout": 4,
                     "server.reply": "r" * 150, "log.level": "trace"},
                    wrap=tracer(tmp_path / "trace", "trace=fdatasync",
                                "inject=fdatasync:delay_enter=4200ms"))
    with one, Client(one) as client:
        client.send(b"\n" * count)
        full = re.escape(one.log.wait("[0-9]+ messages recorded, [0-9]+ bytes of replies").group())
        one.log.wait(f"round: .*(?<! {full}) sent")  # more than the socket holds
        for reports in 1, 2:  # two rounds, in which time-outs are looked at
            one.send_signal(signal.SIGUSR1)
            one.log.wait("messages .* commits", reports)
        client.end_sending()
        assert client.receive_all() == reply * count


def test_standard_output_gone(tmp_path):
    """74: nobody knows what its reader still took."""
    reading, writing = os.pipe()
    one = Server(tmp_path, ANSWER_SEQ, stdout=writing).start()
    os.close(writing)
    with Client(one) as client:
        assert client.say(b"read") == b"1"
        assert os.read(reading, 100).startswith(b"1 ")
        os.close(reading)
        client.send(b"not read\n")
        assert client.receive_all() == b""
    assert one.wait() == 74
    assert one.log.matches("^tcpackd: error: .*standard output.*Broken pipe")


def test_file_size_limit(recording, journal):
    """EFBIG after a short write: the real thing, by a limit on the process."""
    programs.need("prlimit")
    with recording(wrap=["prlimit", "--fsize=20000:20000"]) as one:
        load = Load(one, clients=3, window=20, size=100)
        load.run_until(lambda: not load.open)
        load.drain()
        load.close()
        assert errors(one)
        load.check(one.records(), exact=True)
        assert load.acknowledged > 50
        assert cut_off(one, [b"x" * 20000]) == []
        # As soon as writing works, it goes on: here, because a new file is begun.
        first = len(one.records())
        journal.rename(journal.with_suffix(".1"))
        one.send_signal(signal.SIGHUP)
        wait_until(journal.exists, "the new journal")
        assert cut_off(one, [b"message"]) == [first + 1]
    read_journal(journal, first=first + 1)
    assert journal.stat().st_size < 20000


def fill(file, room):
    """Make this file so large that its disk has only so many bytes left."""
    with open(file, "wb", buffering=0) as ballast:
        with contextlib.suppress(OSError):
            while True:
                ballast.write(b"\0" * 4096)
        ballast.truncate(ballast.tell() - room)


@pytest.mark.parametrize("format", ["text", "json"])
@pytest.mark.parametrize("size", [50, 1000, 9000])
def test_disk_full(tmp_path, format, size, long):
    """A real one: what was acknowledged is exactly what is recorded, and there is no torn line."""
    with small_disk(tmp_path / "disk", "4m") as disk:
        one = Server(tmp_path, {**ANSWER_SEQ, "journal.file": str(disk / "journal"),
                                "journal.format": format})
        with one:
            loads = []
            for episode in range(20 if long else 3):
                fill(disk / "ballast", 8192 + 4096 * (episode % 7))
                full = Load(one, f"full{episode}", clients=3, window=10, size=size)
                full.run_until(lambda: not full.open)
                full.drain()
                full.close()
                # As long as nothing fits, there is one line, however many are turned away.
                assert cut_off(one, [b"x" * 70000]) == []
                said = errors(one)
                assert said > episode
                for _ in range(3):
                    assert cut_off(one, [b"x" * 70000]) == []
                assert errors(one) == said, str(one.log)
                (disk / "ballast").unlink()
                again = Load(one, f"again{episode}", clients=2, window=3, size=size)
                again.run_until(lambda: again.acknowledged > 3)
                again.finish()
                again.close()
                one.log.wait("writing to the journal works again", episode + 1)
                loads += [full, again]
            records = one.records()
            for load in loads:
                load.check(records, exact=True)
            assert len(records) == sum(load.acknowledged for load in loads)
        assert len(one.records()) == len(records)


@pytest.mark.parametrize("call, first", [("rename", 2), ("fsync", 3)])
def test_numbers_that_cannot_be_reserved_leave_nothing_behind(recording, journal, tmp_path, call,
                                                              first):
    """On a full disk: those that were reserved before hold on, and FILE.seq.new does not stay."""
    programs.need_strace()
    with recording({"journal.sync": "no"}, wrap=tracer(
            tmp_path / "trace", f"trace={call}",
            f"inject={call}:error=ENOSPC:when={first}+")) as one:
        with Client(one) as client:
            assert client.say(b"one") == b"1"
            journal.rename(journal.with_suffix(".old"))
            one.send_signal(signal.SIGHUP)
            one.log.wait("cannot reserve numbers in .*: No space left on device")
            assert client.say(b"two") == b"2"
    assert not journal.with_name("journal.seq.new").exists()
