"""
The journal as a file: what it looks like, where its numbers go on, what opening it does to a torn
line, to a foreign file and to a second server, and that rotation loses and doubles nothing.
"""

import os
import signal
import stat

import pytest

from harness import programs
from harness.client import Client
from harness.journal import Journal, read_journal
from harness.load import ANSWER_SEQ, Load
from harness.server import Server, ini
from harness.tracing import finished, tracer
from harness.waiting import wait_until

ODD = [b"plain", b"", b" blanks ", b"back\\slash \\n \\x41", b"\t\r\x00\x07\x1b[31m\x7f",
       "\u4f60\u597d \u00e9 \U0001f600".encode(), b"\xff\xfe\xc3(", "\u0085\u009b".encode(),
       b'"quoted" {"a":1}', b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf", b"a\nb"]


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "journal"


@pytest.fixture
def recording(server, journal):
    """A server in line framing that answers SEQ and records to `journal`."""
    def start(settings=None, **options):
        return server({**ANSWER_SEQ, "journal.file": str(journal), **(settings or {})}, **options)
    return start


@pytest.mark.parametrize("before", [b"", b"1 whole\n", b"1 2026-11-23T04:11:12.156296Z 127"])
@pytest.mark.parametrize("mode", ["ab", "r+b"])
def test_standard_output_that_goes_on(server, tmp_path, before, mode):
    """As `tcpackd >> file` does after a crash in the middle of a record."""
    file = tmp_path / "file"
    file.write_bytes(before)
    with open(file, mode) as output:
        output.seek(0, os.SEEK_END)
        with Server(tmp_path, ANSWER_SEQ, stdout=output) as one, Client(one) as client:
            assert client.say(b"hello") == b"1"
    *lines, record, rest = file.read_bytes().split(b"\n")
    assert (lines, rest) == ([before.rstrip(b"\n")] if before else [], b"")
    assert record.startswith(b"1 2") and record.endswith(b" hello")


@pytest.fixture
def refusing(tmp_path):
    """A server that is expected to end by itself, with exit status 74; its log."""
    def start(settings, **options):
        one = Server(tmp_path, settings, **options).spawn()
        try:
            assert one.wait() == 74, str(one.log)
        finally:
            one.kill()
        return str(one.log)
    return start


@pytest.mark.parametrize("format", ["text", "json"])
def test_every_byte_comes_back(recording, format):
    one = recording({"server.framing": "octet", "journal.format": format})
    messages = ODD + [bytes([byte]) for byte in range(256)] + [bytes(range(256)) * 10]
    with Client(one) as client:
        for message in messages:
            client.send(b"%d %s" % (len(message), message))
        client.end_sending()
        client.receive_all()
        records = one.records()
        assert [record.message for record in records] == messages
        assert {record.peer for record in records} == {client.peer}
        times = [record.time for record in records]
        assert times == sorted(times)


def test_json_names_the_listener(recording):
    one = recording({"journal.format": "json", "listener second.port": "0"})
    for address in one.addresses:
        with Client(address) as client:
            client.say(b"hello")
    assert [record.listener for record in one.records()] == [None, "second"]


@pytest.mark.parametrize("mode", ["0640", "0600", "0666"])
def test_mode_whatever_the_umask(recording, journal, mode):
    recording({"journal.mode": mode})
    assert stat.S_IMODE(journal.stat().st_mode) == int(mode, 8)


def test_seq_goes_on_across_restarts(recording):
    one = recording()
    for start in range(3):
        with Client(one) as client:
            assert client.say(b"message") == b"%d" % (start * 2 + 1)
            assert client.say(b"message") == b"%d" % (start * 2 + 2)
        one.stop()
        one.start()
    assert len(one.records()) == 6


def test_seq_goes_on_when_the_file_was_rotated_between_stop_and_start(recording, journal):
    one = recording()
    with Client(one) as client:
        assert client.say(b"message") == b"1"
    one.stop()
    journal.rename(journal.with_suffix(".1"))
    one.start()
    with Client(one) as client:
        assert client.say(b"message") == b"2"


@pytest.mark.parametrize("before, after", [("text", "json"), ("json", "text")])
def test_formats_never_mix(recording, refusing, journal, before, after):
    """Neither at a start nor at a reload; in a new file, the new format."""
    one = recording({"journal.format": before})
    with Client(one) as client:
        assert client.say(b"first") == b"1"
    one.stop()
    whole = journal.read_bytes()
    log = refusing({"journal.file": str(journal), "journal.format": after})
    assert f"its records are format = {before}, not {after} (rename it" in log
    assert journal.read_bytes() == whole

    one.start()
    one.settings["journal.format"] = after
    one.config.write_text(ini(one.settings))
    one.send_signal(signal.SIGHUP)
    one.log.wait("error: cannot change format of journal .*rename it")
    one.log.wait("nothing is changed")
    with Client(one) as client:
        assert client.say(b"second") == b"2"
        assert len(read_journal(journal, before)) == 2
        old = rotate(one, journal, 1)
        assert client.say(b"third") == b"3"
    assert len(read_journal(old, before)) == 2
    assert len(read_journal(journal, after, first=3)) == 1


@pytest.mark.parametrize("format", ["text", "json"])
def test_torn_line_is_cut_wherever_it_was_torn(recording, journal, format):
    """At every byte of the last record, of several lengths; the log says how much was cut."""
    one = recording({"journal.format": format})
    with Client(one) as client:
        client.say(b"first")
        client.say(b"second " * 20)
    one.stop()
    whole = journal.read_bytes()
    first = whole.index(b"\n") + 1
    cuts = [1, 2, 10, 30, 40, 60, len(whole) - first - 1]
    for cut in cuts:
        journal.write_bytes(whole[:first + cut])
        journal.with_name("journal.seq").unlink()  # after a stop it says that SEQ 2 was whole
        one.start()
        one.log.wait(rf"^tcpackd: (warning: )?.*\b{cut} bytes")
        assert journal.read_bytes() == whole[:first]
        with Client(one) as client:
            assert client.say(b"next") == b"2"
        one.stop()
        assert len(one.records()) == 2


def test_torn_first_line(recording, journal):
    """A file in which no record was ever finished starts from the beginning."""
    journal.write_bytes(b"1 2026-01-01T00:00:00.000000Z 127.0.0.1:1 torn")
    one = recording()
    with Client(one) as client:
        assert client.say(b"message") == b"1"
    assert len(one.records()) == 1


def test_torn_tail_larger_than_any_block(recording, journal):
    one = recording()
    with Client(one) as client:
        client.say(b"first")
    one.stop()
    with open(journal, "ab") as file:
        file.write(b"2 2026-01-01T00:00:00.000000Z 127.0.0.1:1 " + b"x" * 300000)
    one.start()
    with Client(one) as client:
        assert client.say(b"x" * 300000) == b"2"
        assert client.say(b"after a record that is longer than any block") == b"3"
    one.stop()
    one.start()
    with Client(one) as client:
        assert client.say(b"fourth") == b"4"
    assert len(one.records()) == 4


@pytest.mark.parametrize("content", [
    b"root:x:0:0:root:/root:/bin/sh\n", b"\n", b"1 2 3 4\n", b"no newline at all", b"\0t\0e\0x\0t" * 100,
    b"[server]\nport = 8001\n", b"1 2026-01-01T00:00:00.000000Z 127.0.0.1:1 ours\nnot ours\n",
    b'{"seq":1}\n', b'{"level":"info","message":"foreign"}\n',
    b"0 2026-01-01T00:00:00.000000Z 127.0.0.1:1 no SEQ is zero\n",
    b"99999999999999999999999 2026-01-01T00:00:00.000000Z 127.0.0.1:1 too large\n",
])
def test_foreign_files_are_refused_untouched(refusing, journal, content):
    journal.write_bytes(content)
    log = refusing({"journal.file": str(journal)})
    assert f"tcpackd: error: cannot use {journal} as journal: " in log
    assert journal.read_bytes() == content


@pytest.mark.parametrize("file, reason", [
    ("", "directory"), ("absent/journal", "No such file or directory"),
])
def test_what_cannot_be_opened(refusing, tmp_path, file, reason):
    path = f"{tmp_path}/{file}"
    log = refusing({"journal.file": path})
    assert "tcpackd: error: " in log and path in log and reason in log


def test_second_server_is_refused(recording, refusing, journal):
    one = recording()
    assert "another tcpackd" in refusing({"journal.file": str(journal)})
    with Client(one) as client:
        assert client.say(b"goes on") == b"1"
    one.kill()
    one.start()  # the lock ended with its process, killed as it was


def test_second_server_by_standard_output_is_refused(recording, refusing, server, journal):
    """Each would cut off what a failed write of its own left, and with it what the other wrote."""
    one = recording()
    with open(journal, "ab") as shared:
        assert "another tcpackd is using it" in refusing({"journal.file": "-"}, stdout=shared)
    one.stop()
    with open(journal, "ab") as shared:
        first = server(stdout=shared)
        assert "another tcpackd is using it" in refusing({"journal.file": str(journal)})
        first.stop()
    recording()  # now it is free, though somebody else still has it open


def test_a_second_server_cuts_nothing(recording, refusing, journal):
    """The lock comes before the search for a torn tail, which is the first one's unwritten line."""
    recording()
    with open(journal, "ab") as file:
        file.write(b"1 2026-01-01T00:00")
    refusing({"journal.file": str(journal)})
    assert journal.read_bytes() == b"1 2026-01-01T00:00"


@pytest.mark.parametrize("sync, expected", [("yes", True), ("no", False)])
def test_sync_comes_before_the_answer(tmp_path, journal, sync, expected):
    """Seen by strace: a message's write, its fdatasync, then its answer. A new file's directory
    is synced before anything is acknowledged."""
    programs.need_strace()
    trace = tmp_path / "trace"
    calls = "write,fdatasync,fsync,sendto,sendmsg"
    one = Server(tmp_path, {**ANSWER_SEQ, "journal.file": str(journal), "journal.sync": sync},
                 wrap=[*tracer(trace, f"trace={calls}"), "-y", "-s", "1000"])
    with one, Client(one) as client:
        client.say(b"hello")
    lines = finished(trace)

    def position(*words):
        return next((number for number, line in enumerate(lines)
                     if all(word in line for word in words)), None)

    written = position("write(", f"<{journal}>", "hello")
    synced = position("fdatasync(", f"<{journal}>")
    answered = position("send", '"1\\n"')
    directory = position("fsync(", f"<{tmp_path}>")
    assert written is not None and answered is not None and written < answered
    assert (synced is not None) == expected
    if expected:
        assert written < synced < answered and directory < answered


def test_one_write_and_one_sync_for_all_messages_of_a_round(tmp_path, journal):
    """What many clients sent while the server did not look is one batch."""
    programs.need_strace()
    trace = tmp_path / "trace"
    one = Server(tmp_path, {**ANSWER_SEQ, "journal.file": str(journal)},
                 wrap=[*tracer(trace, "trace=write,fdatasync,sendto"), "-y"])
    with one:
        clients = [Client(one) for _ in range(20)]
        for client in clients:
            client.say(b"first")
        one.send_signal(signal.SIGSTOP)
        for client in clients:
            client.send(b"second\nthird\n")
        one.send_signal(signal.SIGCONT)
        for client in clients:
            client.receive_until()
            client.receive_until()
            client.close()
    lines = [line for line in finished(trace) if f"<{journal}>" in line]
    # At most one batch for each client's first line, then very few for the forty others.
    assert sum("fdatasync(" in line for line in lines) <= 20 + 4
    assert sum("write(" in line for line in lines) <= 20 + 4
    assert len(one.records()) == 60


def test_dev_null_is_a_journal(server):
    """For measuring; it is no file that could be locked, cut or synced."""
    one = server({**ANSWER_SEQ, "journal.file": "/dev/null"})
    with Client(one) as client:
        assert [client.say(b"message") for _ in range(3)] == [b"1", b"2", b"3"]


def rotate(one, journal, number):
    """What logrotate does: rename, HUP; done when the server has made the new file."""
    old = journal.with_name(f"journal.{number}")
    journal.rename(old)
    one.send_signal(signal.SIGHUP)
    wait_until(journal.exists, "the new journal")
    return old


def test_rotation_under_load_loses_and_doubles_nothing(recording, journal, long):
    rotations = 2000 if long else 200
    one = recording()
    files = []
    with Load(one, clients=4, window=32) as load:
        for number in range(rotations):
            begin = load.acknowledged
            wait_until(lambda: load.acknowledged > begin, "load")
            files.append(rotate(one, journal, number))
    load.close()
    one.stop()
    records, next_seq = [], 1
    for file in [*files, journal]:
        part = read_journal(file, first=next_seq)
        next_seq += len(part)
        records += part
    acknowledged = load.check(records, exact=True)
    print(f"{rotations} rotations, {acknowledged} acknowledged, {len(records)} recorded")
    assert acknowledged > rotations


def test_reopening_without_renaming_changes_nothing(recording, journal):
    one = recording()
    with Client(one) as client:
        assert client.say(b"first") == b"1"
        one.send_signal(signal.SIGHUP)
        assert client.say(b"second") == b"2"
    assert len(one.records()) == 2


def test_copytruncate(recording, journal):
    """The other way of rotating: the file is emptied under the server, which appends."""
    one = recording()
    with Client(one) as client:
        assert client.say(b"first") == b"1"
        os.truncate(journal, 0)
        assert client.say(b"second") == b"2"
    assert [record.seq for record in Journal(journal, first=2).read()] == [2]
