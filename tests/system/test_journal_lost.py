"""
A journal that has lost its path: deleted, with its directory too, replaced by something else, or
renamed and not to be opened again. What is written into a file without a name is gone with the
server, so nothing is acknowledged until there is a journal with a name again.
"""

import os
import shutil
import signal

import pytest

from harness.client import Client
from harness.journal import read_journal
from harness.load import ANSWER_SEQ, Load
from harness.server import Server
from harness.waiting import wait_until

LOST = "^tcpackd: error: .*nothing is acknowledged and connections with messages are closed"


@pytest.fixture
def journal(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    return folder / "journal"


@pytest.fixture
def one(tmp_path, journal):
    server = Server(tmp_path, {**ANSWER_SEQ, "journal.file": str(journal)})
    with server:
        yield server


def offer(one, message):
    """The reply to a message on a connection of its own; None if it is closed unanswered."""
    with Client(one) as client:
        client.send(message + b"\n")
        reply = client.socket.recv(100)
    return int(reply) if reply else None


def until_taken(one, message):
    replies = []

    def taken():
        replies.append(offer(one, message))
        return replies[-1] is not None

    wait_until(taken, "an acknowledgement")
    return replies[-1]


def by_rmdir(journal):
    shutil.rmtree(journal.parent)


def by_foreign(journal):
    other = journal.with_name("other")
    other.write_text("some other text\n")
    other.replace(journal)


def by_directory(journal):
    journal.unlink()
    journal.mkdir()


def by_fifo(journal):
    other = journal.with_name("other")
    os.mkfifo(other)
    other.replace(journal)


def by_dangling_link(journal):
    journal.unlink()
    journal.symlink_to(journal.parent / "no" / "file")


def by_device(journal):
    journal.unlink()
    journal.symlink_to("/dev/null")


def clear(journal):
    """Take away whatever is at the path, and make its directory again."""
    if journal.is_dir():
        journal.rmdir()
    elif journal.is_symlink() or journal.exists():
        journal.unlink()
    journal.parent.mkdir(exist_ok=True)


TAKEN = [by_rmdir, by_foreign, by_directory, by_fifo, by_dangling_link, by_device]


@pytest.mark.parametrize("take", TAKEN)
def test_nothing_is_acknowledged_until_there_is_a_journal_again(one, journal, take):
    assert offer(one, b"before") == 1
    take(journal)
    for _ in range(20):
        assert offer(one, b"lost") is None
    assert len(one.log.matches(LOST)) == 1, str(one.log)
    clear(journal)
    seq = until_taken(one, b"after")
    assert seq == 2  # none was acknowledged in between
    assert [(record.seq, record.message) for record in read_journal(journal, first=2)] == [
        (2, b"after")]
    one.log.wait("writing to the journal works again$")


@pytest.mark.parametrize("take, reason", [
    (by_rmdir, "cannot open journal .*: No such file or directory"),
    (by_foreign, "cannot use .* as journal: it does not end with records"),
    (by_directory, "cannot open journal .*: Is a directory"),
    (by_fifo, "cannot use .* as journal: it is neither a file"),
    (by_device, "cannot use .* as journal: there is a device now where the file was"),
])
def test_the_log_says_why_it_cannot_be_opened_again(one, journal, take, reason):
    """Once, and whenever an administrator tries by HUP; not only that it was deleted."""
    assert offer(one, b"before") == 1
    take(journal)
    reason = f"^tcpackd: error: {reason}"
    for times in 1, 2:
        assert offer(one, b"lost") is None
        one.log.wait(reason, count=times)
        assert len(one.log.matches(reason)) == times
        one.send_signal(signal.SIGHUP)
    clear(journal)
    assert until_taken(one, b"after") == 2


def test_deleted_while_clients_send(one, journal):
    """Whatever the moment: what is acknowledged after the deletion is in the new file."""
    load = Load(one, clients=2, window=8)
    load.run_until(lambda: load.acknowledged > 100)
    journal.unlink()
    load.run_until(lambda: not load.open or one.log.matches("was deleted"))
    load.close()
    seq = until_taken(one, b"after")
    first = int(journal.read_bytes().split(b" ")[0])
    records = read_journal(journal, first=first)
    assert (seq, b"after") in [(record.seq, record.message) for record in records]
    one.log.wait("was deleted")


def test_idle_and_deleted(one, journal):
    """A server that notices by itself makes the file again, and refuses nobody."""
    assert offer(one, b"before") == 1
    journal.unlink()

    def made_again():
        with Client(one):  # something to do
            return journal.exists()

    wait_until(made_again, "the new journal")
    one.log.wait("^tcpackd: error: journal .* was deleted, and its records are lost")
    assert offer(one, b"after") == 2
    assert len(read_journal(journal, first=2)) == 1


@pytest.mark.parametrize("take", [by_foreign, by_directory, by_fifo, by_device])
def test_renamed_and_not_to_be_opened_again(one, journal, take):
    """As logrotate does that gives the new file to another user; the old one gets compressed."""
    old = journal.with_name("journal.1")
    assert offer(one, b"one") == 1
    journal.rename(old)
    journal.write_bytes(b"")
    take(journal)
    assert offer(one, b"two") == 2  # nobody has said yet that the journal changes
    one.send_signal(signal.SIGHUP)
    one.log.wait(LOST)
    for _ in range(5):
        assert offer(one, b"lost") is None
    assert len(one.log.matches(LOST)) == 1, str(one.log)
    assert [record.seq for record in read_journal(old)] == [1, 2]
    clear(journal)
    assert until_taken(one, b"three") == 3  # without another HUP
    assert [record.seq for record in read_journal(journal, first=3)] == [3]
    assert [record.seq for record in read_journal(old)] == [1, 2]


def test_a_name_is_enough(one, journal):
    """Until HUP, the journal is the file, under whatever name; a directory can be renamed, too."""
    assert offer(one, b"one") == 1
    journal.parent.rename(journal.parent.with_name("elsewhere"))
    assert offer(one, b"two") == 2
    moved = journal.parent.with_name("elsewhere") / "journal"
    assert [record.seq for record in read_journal(moved)] == [1, 2]
    os.link(moved, moved.with_name("link"))
    moved.unlink()
    assert offer(one, b"three") == 3


def test_standard_output_that_is_deleted(tmp_path):
    path = tmp_path / "output"
    with open(path, "ab") as output, Server(tmp_path, ANSWER_SEQ, stdout=output) as one:
        assert offer(one, b"one") == 1
        path.unlink()
        assert offer(one, b"lost") is None
        one.log.wait("error: journal standard output was deleted")
        assert offer(one, b"lost") is None


def test_standard_output_that_never_had_a_name(tmp_path):
    """Whoever passes such a file reads it by its descriptor."""
    path = tmp_path / "output"
    with open(path, "w+b") as output:
        path.unlink()
        with Server(tmp_path, ANSWER_SEQ, stdout=output) as one:
            assert offer(one, b"one") == 1
        output.seek(0)
        assert output.read().endswith(b" one\n")
