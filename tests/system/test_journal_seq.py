"""
SEQ never repeats, whatever happened to the journal between a kill and a start; and FILE.seq, which
sees to that, cannot be used to hang the server or to make it forget.
"""

import os
import signal

import pytest

from harness import programs
from harness.client import Client
from harness.disk import small_disk
from harness.journal import read_journal
from harness.load import ANSWER_SEQ
from harness.server import Server
from harness.tracing import tracer
from harness.waiting import wait_until


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "journal"


@pytest.fixture
def make(tmp_path, journal):
    def make_server(settings=None, file=journal):
        return Server(tmp_path, {**ANSWER_SEQ, "journal.file": str(file), **(settings or {})})
    return make_server


def say(one, count=1):
    """The numbers of so many messages."""
    with Client(one) as client:
        return [int(client.say(b"message")) for _ in range(count)]


def rename(journal):
    journal.rename(journal.with_name("journal.1"))


def rename_and_create(journal):
    rename(journal)
    journal.write_bytes(b"")


def empty(journal):
    os.truncate(journal, 0)


def cut_last(journal):
    """In place, as an editor may do that keeps the file."""
    os.truncate(journal, journal.read_bytes()[:-1].rindex(b"\n") + 1)


def put_back(journal):
    """An older state, from a backup."""
    lines = journal.read_bytes().splitlines(keepends=True)
    rename(journal)
    journal.write_bytes(lines[0])


@pytest.mark.parametrize("sync", ["yes", "no"])
@pytest.mark.parametrize("end", ["stop", "kill"])
@pytest.mark.parametrize("change", [rename, rename_and_create, empty, cut_last, put_back])
def test_no_number_is_given_twice(make, journal, change, end, sync):
    one = make({"journal.sync": sync}).start()
    assert say(one, 3) == [1, 2, 3]
    if end == "stop":
        one.stop()
    else:
        one.kill()
    change(journal)
    one.start()
    assert say(one)[0] > 3
    one.stop()


@pytest.mark.parametrize("before", [0, 2])
def test_killed_before_the_acknowledgement(make, journal, before):
    """The record is written and not acknowledged; then the journal is emptied: copytruncate."""
    programs.need_strace()
    one = make().start()
    if before:
        assert say(one, before) == [1, 2]
        one.kill()
    else:
        one.stop()
    which = 2 if before else 1  # after a kill, the first one is at the start
    one.wrap = tracer("/dev/null", "trace=fdatasync", f"inject=fdatasync:signal=KILL:when={which}")
    one.start()
    with Client(one) as client:
        client.send(b"message\n")
        assert client.receive_all() == b""
    assert one.wait() == -signal.SIGKILL
    one.wrap = []
    records = read_journal(journal)
    assert len(records) == before + 1
    empty(journal)
    one.start()
    assert say(one)[0] > records[-1].seq
    one.stop()


@pytest.mark.parametrize("sync", ["yes", "no"])
def test_no_number_is_skipped_when_the_journal_is_in_place(make, sync):
    one = make({"journal.sync": sync}).start()
    for start in range(4):
        assert say(one, 2) == [start * 2 + 1, start * 2 + 2]
        if start % 2 == 0:
            one.kill()
        else:
            one.stop()
        one.start()
    one.stop()
    assert len(one.records()) == 8


@pytest.mark.parametrize("end", ["stop", "kill and start"])
def test_an_older_version_and_back(make, journal, end):
    """One that has one line in FILE.seq, and writes it only when it stops or rotates."""
    number = journal.with_name("journal.seq")
    one = make().start()
    assert say(one, 2) == [1, 2]
    if end != "stop":
        one.kill()
        rename(journal)
        one.start()
    one.stop()
    last = int(number.read_text())
    assert number.read_text() == f"{last}\n" and last >= 2
    with open(journal, "a", encoding="ascii") as file:
        file.write(f"{last + 1} 2026-11-23T04:11:12.156296Z 127.0.0.1:47460 of the older version\n")
    one.start()
    assert say(one) == [last + 2]
    one.stop()


def test_moved_away_as_the_log_advises(make, journal):
    """A foreign tail, after a kill."""
    one = make().start()
    assert say(one, 3) == [1, 2, 3]
    one.kill()
    with open(journal, "ab") as file:
        file.write(b"another program's line\n")
    one.spawn()
    assert one.wait() == 74
    assert one.log.matches("move it away")
    rename(journal)
    one.start()
    assert say(one)[0] > 3
    one.stop()


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_rotated_on_a_full_disk(make, tmp_path, end):
    with small_disk(tmp_path / "disk", "256k") as disk:
        journal = disk / "journal"
        one = make(file=journal).start()
        assert say(one, 3) == [1, 2, 3]
        ballast = disk / "ballast"
        with open(ballast, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"\0" * 4096)
            except OSError:
                pass
        journal.rename(disk / "journal.1")
        one.send_signal(signal.SIGHUP)
        one.log.wait("cannot reserve numbers in .*: No space left on device")
        if end == "stop":
            one.stop()
        else:
            one.kill()
        ballast.unlink()
        one.start()
        assert say(one)[0] > 3
        one.stop()


def test_rotation_and_kill_leave_no_gap(make, journal):
    one = make().start()
    assert say(one, 3) == [1, 2, 3]
    rename(journal)
    one.send_signal(signal.SIGHUP)
    wait_until(journal.exists, "the new journal")
    assert say(one) == [4]
    one.kill()
    one.start()
    assert say(one) == [5]
    one.stop()
    assert [record.seq for record in read_journal(journal, first=4)] == [4, 5]


@pytest.mark.parametrize("kind", ["fifo", "directory", "link", "text"])
def test_something_else_at_file_seq(make, journal, kind):
    """Refused with a line that says what to do; a FIFO made the start wait for ever."""
    path = journal.with_name("journal.seq")
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "link":
        path.symlink_to("/dev/zero")
    else:
        path.write_text("7 apples\n")
    one = make().spawn()
    assert one.wait() == 74
    assert one.log.matches("^tcpackd: error: .*journal.seq.*remove it")


def test_fifo_at_its_new_name(make, journal):
    """At a rotation: what was reserved before holds on."""
    with make() as one:
        assert say(one) == [1]
        os.mkfifo(journal.with_name("journal.seq.new"))
        rename(journal)
        one.send_signal(signal.SIGHUP)
        one.log.wait("warning: cannot reserve numbers in .*something other than a regular file")
        assert say(one) == [2]


def test_deleted_while_it_runs(make, journal):
    with make() as one:
        assert say(one) == [1]
        journal.with_name("journal.seq").unlink()
        assert say(one) == [2]
    assert journal.with_name("journal.seq").read_text() == "2\n"


def test_the_last_number(make, journal):
    """2^64 is no SEQ, and neither is 0."""
    journal.with_name("journal.seq").write_text("18446744073709551614\n")
    with make() as one:
        with Client(one) as client:
            client.send(b"last\nnone\n")
            assert client.receive_all() == b"18446744073709551615\n"
        one.log.wait("error: no SEQ is left for a message of ")
    assert journal.read_bytes().count(b"\n") == 1
    one.spawn()
    assert one.wait() == 74
    assert one.log.matches("no SEQ is left after its last one")
