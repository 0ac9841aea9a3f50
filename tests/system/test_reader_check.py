"""
tcpack-journal finds what is damaged, as far as it can be seen, and what was acknowledged and is not
there; it puts a journal right that tcpackd refuses; and it leaves repeats out.
"""

import fcntl
import os
import re
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import programs
from harness.client import Client
from harness.journal import DECODERS
from harness.reader import Writer, messages, read, record, records, time_of
from harness.server import Server
from harness.tcpack import tcpack


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal"


def findings(*arguments):
    """[(line, what)], and the summary. It must exit with 1 if there are any, else with 0."""
    result = read("--check", *arguments)
    *found, summary = result.stdout.decode().splitlines()
    found = [re.fullmatch(r"[^:]+/(.+?):(\d+): (.*)", line).groups() for line in found]
    assert result.stderr == ""
    serious = [one for one in found if not one[2].startswith("note: ")]
    assert result.status == (1 if serious else 0)
    assert summary.endswith(f", {len(serious)} findings")
    return [(int(line), what) for _, line, what in found], summary


@pytest.mark.parametrize("format", ["text", "json"])
def test_what_a_server_wrote_is_good(server, path, format):
    one = server({"journal.file": path, "journal.format": format, "server.framing": "octet"})
    with Client(one) as client:
        for message in [b"", bytes(range(256)), b"\\", "ä€".encode()] * 10:
            client.send(b"%d %s" % (len(message), message))
        client.end_sending()
        client.receive_all()
    assert findings(path) == ([], "40 records, SEQ 1 to 40, 0 findings")
    one.stop()
    assert findings(path) == ([], "40 records, SEQ 1 to 40, 0 findings")


@pytest.mark.parametrize("content, found", [
    (records(1, 3) + records(5, 5), [(4, "SEQ 5 after 3: 1 records are missing, or their numbers were skipped after a "
         "crash")]),
    (records(1, 3) + records(3, 4), [(4, "SEQ 3 after 3: it should be 4")]),
    (records(1, 2) + b"garbage\n" + records(3, 4), [(3, "not a record (7 bytes)")]),
    (records(1, 2) + records(3, 3)[:-1],
     [(3, f"an unfinished line of {len(records(3, 3)) - 1} bytes: after a crash tcpackd cuts it when "
          "it starts")]),
    (record(1, b"x", time="2026-13-01T00:00:00.000000Z"),
     [(1, "there is no time 2026-13-01T00:00:00.000000Z")]),
    (record(1, b"x", peer="192.0.2.300:1"), [(1, "there is no such peer: 192.0.2.300:1")]),
    (record(1, b"x", time=time_of(5)) + record(2, b"x", time=time_of(4)),
     [(2, "note: its time is before that of the record before it: the clock was set back, or one of "
          "them is damaged")]),
    (records(1, 1)[:-1] + b"\\x41\n",
     [(1, "its message is not as tcpackd writes one: a byte of it is damaged")]),
    (records(1, 1)[:-1] + b"\xff\n",
     [(1, "its message is not as tcpackd writes one: a byte of it is damaged")]),
    (records(1, 1)[:-1] + b"\\q\n",
     [(1, "its message is not as tcpackd writes one: it has an unknown escape")]),
    (b"", []),
])
def test_findings(path, content, found):
    path.write_bytes(content)
    assert findings(path)[0] == found


def test_order_goes_on_in_the_next_file(path):
    path.with_suffix(".1").write_bytes(records(1, 5))
    path.write_bytes(records(6, 9, "json"))
    assert findings(path, path.with_suffix(".1")) == ([], "9 records, SEQ 1 to 9, 0 findings")
    path.write_bytes(records(7, 9))
    found, _ = findings(path, path.with_suffix(".1"))
    assert found == [(1, "SEQ 7 after 5: 1 records are missing, or their numbers were skipped after a "
         "crash")]


def test_what_is_not_committed_is_no_finding(path):
    writer = Writer(path)
    writer.commit(records(1, 3))
    writer.write(records(4, 5)[:-3])
    assert findings(path) == ([], "3 records, SEQ 1 to 3, 0 findings")
    writer.close()


def is_plausible(line, number, format):
    """Whether a server could have written the line, as that record."""
    try:
        found = DECODERS[format](line)
    except (AssertionError, ValueError, KeyError):
        return False
    return found.seq == number and line + b"\n" == record(
        found.seq, found.message, format, found.peer, found.time, found.listener)


@pytest.mark.parametrize("format", ["text", "json"])
def test_a_flipped_bit_is_found_where_it_can_be_seen(path, format, long):
    """In a digit of a time, or in a letter of a message, for one, it cannot be."""
    lines = [record(seq, [b"a \xff\n\\ tab\t\"", b"plain"][seq % 2], format)
             for seq in range(10, 30)]

    @settings(max_examples=3000 if long else 150)
    @given(st.integers(0, len(lines) - 2), st.integers(0, 400), st.integers(0, 7))
    def check(number, at, bit):
        line = bytearray(lines[number])
        line[at % len(line)] ^= 1 << bit
        path.write_bytes(b"".join([*lines[:number], line, *lines[number + 1:]]))
        result = read("--check", path)
        if not is_plausible(bytes(line).removesuffix(b"\n"), number + 10, format):
            assert result.status == 1
            where = b":%d: " % (number + 1)
            assert where in result.stdout or b":%d: SEQ" % (number + 2) in result.stdout
    check()


# Receipts.

def test_receipts_of_a_client(server, path, tmp_path):
    one = server({"journal.file": path, "server.framing": "line", "server.reply": "OK {seq}"})
    said = tcpack(one, "--json", "-f", "line", data=b"one\ntwo\nthree\n")
    receipts = tmp_path / "receipts"
    receipts.write_bytes(said.stdout)
    one.stop()
    assert findings("--receipts", receipts, path) == (
        [], "3 records, SEQ 1 to 3, 3 receipts, 0 findings")
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    found, _ = findings("--receipts", receipts, path)
    assert found == [(3, "SEQ 3 was acknowledged, and there is no such record")]


def test_receipts_that_say_nothing(path, tmp_path):
    receipts = tmp_path / "receipts"
    path.write_bytes(records(1, 5))
    receipts.write_bytes(b'{"line":1,"latency_us":5,"reply":"ok"}\nwhat\n'
                         b'{"line":3,"seq":99999999999999999999,"latency_us":1,"reply":""}\n')
    found, _ = findings("--receipts", receipts, path)
    assert [line for line, _ in found] == [1, 2, 3]
    assert "without seq" in found[0][1] and "tcpack --json" in found[1][1]


def test_receipts_from_standard_input(path):
    path.write_bytes(records(1, 2))
    result = read("--receipts", "-", path, data=b'{"line":1,"seq":9,"latency_us":5,"reply":"9"}\nx\n')
    assert result.stdout.splitlines()[:2] == [
        b"standard input:2: not a line that tcpack --json prints",
        b"standard input:1: SEQ 9 was acknowledged, and there is no such record"]


# Repair.

def damaged(path):
    return sorted(path.parent.glob(path.name + ".damaged-*"))


@pytest.mark.parametrize("tail", [b"garbage", b"garbage\nmore\n", bytes(5000), records(4, 4)[:-1],
                                  b"\n", b"x" * 200000], ids=range(6))
def test_repair_sets_the_tail_aside(server, path, tail):
    path.write_bytes(records(1, 3) + tail)
    os.chmod(path, 0o640)
    result = read("--repair", path)
    assert result.status == 0 and f"{len(tail)} bytes that are not records are in" in result.stderr
    assert "; 3 records stay" in result.stderr
    assert path.read_bytes() == records(1, 3)
    kept, = damaged(path)
    assert kept.read_bytes() == tail and kept.stat().st_mode & 0o777 == 0o640
    assert findings(path)[0] == []
    one = server({"journal.file": path})
    with Client(one) as client:
        client.say(b"goes on")
    assert read(path).stdout == messages(1, 3) + b"goes on\n"


def test_repair_keeps_the_records_after_what_is_foreign(server, path):
    """Another program's lines between the last commits: the server refuses them, too."""
    commit = records(4, 6, time=time_of(9))
    path.write_bytes(b"first\n" + records(1, 3) + b"x" * 100000 + b"\nmore\n" + commit + b"half")
    os.chmod(path, 0o604)
    one = Server(path.parent, {"journal.file": path}).spawn()
    assert one.wait() == 74
    result = read("--repair", path)
    assert result.status == 0, result.stderr
    assert path.read_bytes() == records(1, 3) + commit and path.stat().st_mode & 0o777 == 0o604
    kept, = damaged(path)
    assert kept.read_bytes() == b"first\n" + b"x" * 100000 + b"\nmore\n" + b"half"
    assert sorted(found.name for found in path.parent.glob("journal*")) == [path.name, kept.name]
    one = server({"journal.file": path})
    with Client(one) as client:
        client.say(b"goes on")
    assert read(path).stdout == messages(1, 6) + b"goes on\n"


def test_repair_lets_good_journals_be(path):
    path.write_bytes(records(1, 3))
    result = read("--repair", path)
    assert result.status == 0 and result.stdout == b""
    assert result.stderr == \
        f"tcpack-journal: {path}: there is nothing to set aside: each line is a record\n"
    assert path.read_bytes() == records(1, 3) and not damaged(path)


@pytest.mark.parametrize("tail", [b"", b"garbage\n"])
def test_repair_says_what_it_leaves(path, tail):
    """A damaged message once got "there is nothing to repair"."""
    journal = records(1, 1) + record(2, b"two")[:-1] + b"\\q\n" + record(9, b"nine", peer="nobody")
    path.write_bytes(journal + tail)
    result = read("--repair", path)
    assert result.status == 0 and path.read_bytes() == journal
    assert "cannot be repaired and stays as it is: 3 findings of tcpack-journal --check" in \
        result.stderr
    assert len(findings(path)[0]) == 3


@pytest.mark.parametrize("content", [b"root:x:0:0\n", b"\0" * 100])
def test_repair_lets_other_files_be(path, content):
    path.write_bytes(content)
    result = read("--repair", path)
    assert result.status == 1 and "there is no record in it" in result.stderr
    assert path.read_bytes() == content and not damaged(path)


def test_repair_refuses_while_a_server_is_there(path):
    path.write_bytes(records(1, 3) + b"not committed yet")
    with open(path, "r+b") as file:
        fcntl.fcntl(file, fcntl.F_SETLK, struct.pack("hhqqixxxx", fcntl.F_WRLCK, 0, 10, 0, 0))
        result = read("--repair", path)
        assert result.status == 1 and "a tcpackd records into it" in result.stderr
        assert path.read_bytes().endswith(b"yet") and not damaged(path)


@pytest.mark.parametrize("content", [records(1, 2) + b"garbage\n" + records(3, 4),
                                     records(1, 4) + b"garbage\n"], ids=["between", "end"])
def test_repair_of_a_link(path, tmp_path, content):
    """A new file took the place of the link, and the journal stayed as it was."""
    journal = tmp_path / "elsewhere" / "journal"
    journal.parent.mkdir()
    journal.write_bytes(content)
    path.symlink_to("elsewhere/journal")
    result = read("--repair", path)
    assert result.status == 0 and str(journal) in result.stderr
    assert path.is_symlink() and journal.read_bytes() == records(1, 4)
    kept, = damaged(journal)
    assert kept.read_bytes() == b"garbage\n" and not damaged(path)


def test_a_tail_that_cannot_be_kept_stays(path, tmp_path):
    programs.need("prlimit")
    path.write_bytes(records(1, 3) + b"x" * 100000)
    script = f"ulimit -f 40; exec {programs.tcpack_journal()} --repair {path}"
    result = programs.run("bash", "-c", "trap '' XFSZ; " + script)
    assert result.returncode == 74, result.stderr
    assert path.read_bytes() == records(1, 3) + b"x" * 100000
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_left_of_a_repair_that_failed(path, tmp_path):
    """The disk is full, and half of a copy keeps it so."""
    programs.need("prlimit")
    content = records(1, 3) + b"garbage\n" + record(4, b"x" * 100000)
    path.write_bytes(content)
    script = f"ulimit -f 40; exec {programs.tcpack_journal()} --repair {path}"
    result = programs.run("bash", "-c", "trap '' XFSZ; " + script)
    assert result.returncode == 74 and "File too large" in result.stderr
    assert path.read_bytes() == content and list(tmp_path.iterdir()) == [path]


def test_an_unfinished_receipt_is_found(path, tmp_path):
    """What a killed tcpack left: such a line was left out without a word."""
    receipts = tmp_path / "receipts"
    path.write_bytes(records(1, 3))
    whole = b'{"line":1,"seq":1,"latency_us":5,"reply":"1"}\n'
    for rest in b'{"line":2,"seq":9,"latency_us":5,"reply":"9"}', b'{"line":2,"se':
        receipts.write_bytes(whole + rest)
        result = read("--check", "--receipts", receipts, path)
        assert result.status == 1
        assert f"{receipts}:2: an unfinished line of {len(rest)} bytes".encode() in result.stdout


# Once.

def once(path, *lines):
    path.write_bytes(b"".join(record(seq, line) for seq, line in enumerate(lines, 1)))
    return read("--once", path)


def test_repeats_are_left_out(path):
    result = once(path, b"a 1 x", b"b 1 x", b"a 1 x", b"a 2 x", b"not numbered", b"not numbered",
                  b"a 01 x", b"a 01 x", b"b 1 x", b"a 1", b"a 1", b"a 1 ", b"a 1 ")
    assert result.stdout == (b"a 1 x\nb 1 x\na 2 x\nnot numbered\nnot numbered\na 01 x\na 01 x\n"
                             b"a 1\na 1\na 1 \n")
    assert "another message as number 1 of a" in result.stderr  # "a 1 " is an empty one


def test_two_texts_under_one_number_are_both_printed(path):
    result = once(path, b"a 1 x", b"a 1 y", b"a 1 x", b"a 1 y", b"a 1 z")
    assert result.stdout == b"a 1 x\na 1 y\na 1 z\n"
    assert result.status == 1
    assert result.stderr.splitlines() == [
        f"tcpack-journal: warning: record {seq} has another message as number 1 of a than one "
        "before: both are printed" for seq in (2, 5)]


def test_once_with_many(path):
    numbers = [*range(1, 20000), *range(9223372036854775000, 9223372036854775808)]
    lines = [b"%s %d x" % (name, number) for number in numbers for name in (b"a", b"b", b"a")]
    lines += [b"a 9223372036854775808 x"] * 2
    result = once(path, *lines)
    assert result.stdout == b"".join(
        b"a %d x\nb %d x\n" % (number, number) for number in numbers) \
        + b"a 9223372036854775808 x\n" * 2


# Shipped.

def test_shipped_records_are_what_they_were(path, tmp_path):
    everything = [bytes(range(256)), b"\n", b"", b"a 1 x"]
    path.write_bytes(b"".join(record(seq, message, "json")
                              for seq, message in enumerate(everything, 1)))
    lines = read("--id", "host-1", path).stdout.splitlines()
    there = tmp_path / "there"
    there.write_bytes(b"".join(record(seq, line, peer="203.0.113.9:1")
                               for seq, line in enumerate(lines + [b"local"] + lines, 1)))
    shipped = ["--once", "--shipped", there]
    assert read(*shipped).stdout == b"".join(m + b"\n" for m in everything + [b"local"])
    assert read("--format", "{name} {seq} {peer}", "--peer", "192.0.2.1", *shipped).stdout == \
        b"".join(b"host-1 %d 192.0.2.1:4711\n" % seq for seq in range(1, 5))
