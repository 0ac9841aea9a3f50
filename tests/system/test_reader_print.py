"""What tcpack-journal prints: every form, every filter, files in any order, and what it exits with."""

import bz2
import gzip
import json
import lzma
import os
import pty
import re
import subprocess
import time

import pytest

from harness import programs
from harness.reader import escape, messages, read, record, records, start, time_of
from harness.tcpack import environment
from harness.terminal import Terminal
from harness.waiting import DEADLINE

AWKWARD = [b"", b" ", b"\\", b"\\n", b"\\x41", b"a\nb\r\t\x00", bytes(range(256)), b"\xff",
           "é \u0085 €".encode(), b'"', b"1 2 3 4", b"\x08\x0c\x1b[31m"]


def awkward(format):
    return b"".join(record(seq, message, format) for seq, message in enumerate(AWKWARD, 1))


@pytest.fixture
def journal(tmp_path):
    path = tmp_path / "journal"
    path.write_bytes(records(1, 20))
    return path


@pytest.mark.parametrize("format", ["text", "json"])
@pytest.mark.parametrize("arguments, ending", [((), b"\n"), (("-0",), b"\0")])
def test_messages_come_out_as_they_were_sent(tmp_path, format, arguments, ending):
    (tmp_path / "journal").write_bytes(awkward(format))
    result = read(*arguments, tmp_path / "journal")
    assert result.stdout == b"".join(message + ending for message in AWKWARD)
    assert result.status == 0 and result.stderr == ""


@pytest.mark.parametrize("format", ["text", "json"])
def test_forms(tmp_path, format):
    (tmp_path / "journal").write_bytes(awkward(format))
    path = tmp_path / "journal"
    assert read("--json", path).stdout == awkward("json")
    assert read("--id", "dev-1", path).stdout == b"".join(
        b"dev-1 " + line for line in awkward("text").splitlines(keepends=True))
    assert read("--format", r"{seq}\t{peer} {bytes}{{}|{text}|{listener}{name}{time}", path).stdout \
        == b"".join(b"%d\t192.0.2.1:4711 %d{}|%s|%s\n" % (
            seq, len(message), escape(message), time_of(seq).encode())
            for seq, message in enumerate(AWKWARD, 1))


@pytest.mark.parametrize("name", [b"a\x1b[31m", b"a\xff", "a\u0085".encode(), b"a b", b"a\x7f"])
def test_no_control_character_comes_with_a_listener(tmp_path, name):
    """[listener NAME] has none of these: what has them is damaged, or meant for a terminal."""
    line = record(1, b"one", "json", listener="NAME").replace(b"NAME", name)
    path = tmp_path / "journal"
    path.write_bytes(line + records(2, 3))
    for form in "--json", "--long", "--format={listener}":
        result = read(form, path)
        assert name not in result.stdout
        assert result.status == 1 and f"{path}:1: not a record" in result.stderr


def test_listener(tmp_path):
    (tmp_path / "journal").write_bytes(
        record(1, b"one", "json", listener="gates") + record(2, b"two", "json"))
    path = tmp_path / "journal"
    assert read("--listener", "gates", path).stdout == b"one\n"
    assert read("--listener", "", path).stdout == b"two\n"
    assert read("--format", "{listener}", path).stdout == b"gates\n\n"
    assert read("--json", path).stdout == path.read_bytes()


@pytest.mark.parametrize("arguments, expected", [
    (("--from", 18), range(18, 21)),
    (("--to", 2), range(1, 3)),
    (("--from", 5, "--to", 5), range(5, 6)),
    (("--since", "2026-11-01T00:00:00.019"), range(19, 21)),
    (("--until", "2026-11-01 00:00:00.003Z"), range(1, 4)),
    (("--since", "2026-11-02"), []),
    (("--until", "2026-11-01"), range(1, 21)),
    (("--since", "2026-11-01T00:00", "--until", "2026-11-01T00:00"), range(1, 21)),
    (("--until", "2026-10-31T23"), []),
])
def test_filters(journal, arguments, expected):
    assert read(*arguments, journal).stdout == b"".join(b"message %d\n" % seq for seq in expected)


def test_filter_of_peers(tmp_path):
    peers = ["192.0.2.1:4711", "[2001:db8::1]:99", "[fe80::1%eth0]:5", "unix", "192.0.2.7:1"]
    path = tmp_path / "journal"
    path.write_bytes(b"".join(record(seq, b"%d" % seq, peer=peer)
                              for seq, peer in enumerate(peers * 2, 1)))
    for networks, expected in [(["192.0.2.0/24"], [1, 5]), (["2001:db8::/32"], [2]), (["unix"], [4]),
                               (["fe80::/10", "unix"], [3, 4]), (["192.0.2.7, 192.0.2.1"], [1, 5]),
                               (["203.0.113.0/24"], [])]:
        found = read(*[f"--peer={network}" for network in networks], path)
        assert found.stdout == b"".join(
            b"%d\n" % (seq + turn) for turn in (0, 5) for seq in expected), networks


def test_files_are_put_in_order_and_formats_may_mix(tmp_path):
    for name, first, last, format in [("a", 11, 20, "json"), ("b", 1, 10, "text"),
                                      ("empty", 1, 0, "text"), ("c", 21, 30, "text")]:
        (tmp_path / name).write_bytes(records(first, last, format))
    mixed = tmp_path / "d"
    mixed.write_bytes(records(31, 33, "json") + records(34, 35))
    result = read(mixed, *(tmp_path / name for name in ("a", "c", "empty", "b")))
    assert result.stdout == messages(1, 35) and result.status == 0


def test_a_file_whose_first_line_is_damaged_has_its_place(tmp_path):
    """It came last: its records were out of order, and --check found that."""
    old, new = tmp_path / "journal.1", tmp_path / "journal"
    old.write_bytes(b"damaged\n" + records(1, 3))
    new.write_bytes(records(4, 5))
    assert read(new, old).stdout == messages(1, 5)
    assert read("--check", new, old).stdout.endswith(b"5 records, SEQ 1 to 5, 1 findings\n")


def test_standard_input(tmp_path):
    assert read("-", data=records(1, 5)).stdout == messages(1, 5)
    programs.need("bash", "zcat")
    (tmp_path / "j.gz").write_bytes(gzip.compress(records(1, 1000)))
    result = subprocess.run(["bash", "-c", f"zcat j.gz | {programs.tcpack_journal()} -"],
                            cwd=tmp_path, capture_output=True, timeout=DEADLINE, check=True)
    assert result.stdout == messages(1, 1000)


def test_what_comes_through_a_pipe_is_printed_when_it_comes(tmp_path):
    process = start("-", stdin=subprocess.PIPE)
    for seq in range(1, 4):
        process.stdin.write(records(seq, seq))
        process.stdin.flush()
        assert process.stdout.readline() == messages(seq, seq)
    process.communicate(timeout=DEADLINE)
    assert process.returncode == 0


def test_a_broken_pipe_is_quiet(tmp_path):
    programs.need("bash")
    (tmp_path / "journal").write_bytes(records(1, 50000))
    for ignore in ("", "trap '' PIPE; "):
        result = subprocess.run(
            ["bash", "-c", f"{ignore}{programs.tcpack_journal()} journal | head -n 1"],
            cwd=tmp_path, capture_output=True, timeout=DEADLINE, check=True)
        assert (result.stdout, result.stderr) == (messages(1, 1), b"")


def test_a_full_disk_is_not(journal):
    with open("/dev/full", "wb") as full:
        result = read(journal, stdout=full)
    assert result.status == 74 and "No space left" in result.stderr


# What is no record.

def test_foreign_lines_are_reported_and_left_out(tmp_path):
    path = tmp_path / "journal"
    path.write_bytes(records(1, 2) + b"garbage\n" + b"x" * 1000000 + b"\n" + records(3, 4)
                     + b"5 " + time_of(5).encode() + b" 192.0.2.1:1 \\q\n" + records(6, 7))
    result = read(path)
    assert result.stdout == messages(1, 4) + messages(6, 7)
    assert result.status == 1
    assert [line.rsplit(": ", 2)[0] for line in result.stderr.splitlines()] == [
        f"tcpack-journal: warning: {path}:{number}" for number in (3, 4, 7)]


def test_many_foreign_lines_are_not_all_reported(tmp_path):
    path = tmp_path / "journal"
    path.write_bytes(b"garbage\n" * 1000 + records(1, 1, time=time_of(1)) + records(2, 2))
    result = read(path)
    assert len(result.stderr.splitlines()) == 11
    assert "--check" in result.stderr


def test_an_unfinished_record_is_left_out(tmp_path):
    path = tmp_path / "journal"
    path.write_bytes(records(1, 3)[:-1])
    for result in read(path), read("-", data=path.read_bytes()):
        assert result.stdout == messages(1, 2)
        assert result.status == 1
        assert "unfinished record, which was never acknowledged" in result.stderr


@pytest.mark.parametrize("rest", [b"garbage", b"x" * 100000, b"3 2026", b'{"time"'])
def test_a_rest_that_no_crash_leaves(tmp_path, rest):
    """It was called an unfinished record, which tcpackd cuts: tcpackd refuses such a file."""
    path = tmp_path / "journal"
    path.write_bytes(records(1, 2) + rest)
    result = read(path)
    found = f"{path}:3: not a record: left out ({len(rest)} bytes)"
    assert result.stdout == messages(1, 2) and result.status == 1
    assert (found in result.stderr) == (rest[:1] != b"3")
    result = read("--check", path)
    assert (f"{path}:3: not a record ({len(rest)} bytes)".encode() in result.stdout) \
        == (rest[:1] != b"3")


@pytest.mark.parametrize("module, program", [(gzip, "zcat"), (lzma, "xzcat"), (bz2, "bzcat")])
def test_a_compressed_file(tmp_path, module, program):
    """It was called an unfinished record."""
    path = tmp_path / "journal.2"
    path.write_bytes(module.compress(records(1, 2)))
    for arguments in [(path,), ("--check", path), (tmp_path / "journal", path)]:
        (tmp_path / "journal").write_bytes(records(3, 3))
        result = read(*arguments)
        assert result.status == 66 and result.stdout == b""
        assert f"{path}: it is compressed: {program} FILE | tcpack-journal -" in result.stderr


def test_what_the_next_start_cuts_is_left_out(tmp_path):
    """Zeros in the last commit: its records after them were never acknowledged."""
    path = tmp_path / "journal"
    committed = records(1, 5)
    last = [record(seq, b"x" * 100, time=time_of(99)) for seq in range(6, 12)]
    hole = last[1][:40] + bytes(100 + len(last[2])) + last[3][60:]
    path.write_bytes(committed + last[0] + hole + b"".join(last[4:]))
    result = read(path)
    assert result.stdout == messages(1, 5) + b"x" * 100 + b"\n"
    assert result.status == 1 and "cuts them when it starts" in result.stderr


def test_much_damage_does_not_take_long(tmp_path):
    """For each record after damage the last one of the file was looked for: that took hours."""
    path = tmp_path / "journal"
    path.write_bytes(b"".join(b"garbage\n" + records(seq, seq) for seq in range(1, 20001))
                     + b"x\n" * 100000)
    result = read(path)
    assert result.stdout == messages(1, 19999) and result.status == 1


def test_damage_before_the_last_commit_hides_nothing(tmp_path):
    path = tmp_path / "journal"
    path.write_bytes(records(1, 5) + bytes(700) + b"\n" + records(7, 9))
    assert read(path).stdout == messages(1, 5) + messages(7, 9)


@pytest.mark.parametrize("damage", [b"\\q", b"\\x4", b"\\"])
def test_a_damaged_message_hides_no_other(tmp_path, damage):
    """
    tcpackd keeps such a record when it starts: no crash of it leaves one. So the records after it,
    also those of the same commit, are there to stay.
    """
    path = tmp_path / "journal"
    damaged = record(2, b"", time=time_of(9))[:-1] + damage + b"\n"
    path.write_bytes(records(1, 1) + damaged + record(3, b"three", time=time_of(9)))
    for arguments in [], ["--position", tmp_path / "position"]:
        result = read(*arguments, path)
        assert result.stdout == messages(1, 1) + b"three\n"
        assert result.status == 1
        assert result.stderr.count("\n") == 1
        assert f"{path}:2: its message is damaged: left out" in result.stderr
    assert read("--position", tmp_path / "position", path).stdout == b""


def test_what_was_read_before_a_failure_is_printed(tmp_path):
    """A record that there is no memory for, or a bad sector: what is before it was lost."""
    programs.need("bash", "prlimit")
    if programs.is_sanitized():
        pytest.skip("a sanitizer needs all addresses")
    path = tmp_path / "journal"
    path.write_bytes(records(1, 3) + record(4, b"")[:-1] + b"x" * 100_000_000 + b"\n" + records(5, 6))
    position = tmp_path / "position"
    for arguments in "", f"--position {position}":
        command = f"exec prlimit --as=80000000 {programs.tcpack_journal()} {arguments} {path}"
        result = subprocess.run(["bash", "-c", command], capture_output=True, timeout=DEADLINE)
        assert result.returncode == 74 and b"cannot read" in result.stderr
        assert result.stdout == messages(1, 3)
    assert position.read_text().startswith("3 ")


def test_memory_does_not_grow_with_a_line_that_has_no_end(tmp_path):
    programs.need("bash", "prlimit")
    command = (f"head -c 300000000 /dev/zero | tr '\\0' x | "
               f"prlimit --as=80000000 {programs.tcpack_journal()} -")
    if programs.is_sanitized():
        pytest.skip("a sanitizer needs all addresses")
    result = subprocess.run(["bash", "-c", command], capture_output=True, timeout=DEADLINE)
    assert result.returncode == 1, result.stderr
    assert b"(300000000 bytes)" in result.stderr


# How it is called.

@pytest.mark.parametrize("arguments", [
    ("--from", "x"), ("--to", "-1"), ("--since", "yesterday"), ("--until", "2026-1-1"),
    ("--peer", "10.0.0.1/8"), ("--format", "{what}"), ("--format", "\\q"), ("--id", "a b"),
    ("--id", "x" * 65), ("--id", ""), ("--json", "--long"), ("--check", "--json"), ("--what",),
    ("--repair",), ("--position", "a", "--resume", "b"), ("--check", "--repair", "x"), ("--from",),
    ("--json=1",), ("--id", "x", "--shipped"), ("--from", 0), ("--to", 0),
    ("-", "-"),
    ("--check", "--receipts", "-", "-"), ("--from", 3, "--to", 2), ("--since", "2026-11-02", "--until", "2026-11-01"),
    ("--since", "2026-13-45"), ("--until", "2026-02-30"), ("--since", "2026-11-01T25:00"),
    ("--since", "2026-11-01T2"), ("--since", "2026-11-01T12:00:60"),
])
def test_usage(arguments):
    result = read(*arguments)
    assert result.status == 64 and result.stdout == b""
    assert result.stderr.startswith("tcpack-journal: error: ")


@pytest.mark.parametrize("arguments, expected", [
    (["--peer="], "--peer: an address, a network or unix is needed, not ''"),
    (["--peer", " , "], "--peer: an address, a network or unix is needed"),
    (["--format="], "--format takes a text such as '{seq} {message}', not ''"),
    (["--position="], "--position takes the name of a file, not ''"),
    (["--resume="], "--resume takes the name of a file, not ''"),
    (["--receipts="], "--receipts takes the name of a file, not ''"),
    (["-c", ""], "-c takes the name of a file, not ''"),
    (["--since="], "--since takes a valid time in UTC"),
    (["--to="], "--to takes a number from 1"),
    (["--id="], "--id takes a name"),
    ([""], "FILE is the name of a journal, or - for standard input: it cannot be empty"),
])
def test_an_empty_value_is_a_mistake(journal, arguments, expected):
    """Such as a variable of a shell that is not set: what is printed must not look like an answer."""
    result = read(*arguments, journal)
    assert result.status == 64 and result.stdout == b""
    assert expected in result.stderr


def test_no_such_file(tmp_path, journal):
    for arguments in [(tmp_path / "none",), (journal, tmp_path / "none"), ("-f", tmp_path / "none"),
                      ("--check", tmp_path / "none"), (tmp_path,),
                      ("--check", "--receipts", tmp_path / "none", journal)]:
        result = read(*arguments)
        assert result.status == 66 and result.stdout == b""


def test_the_journal_of_the_configuration(tmp_path, journal):
    config = tmp_path / "tcpack.ini"
    config.write_text(f"[journal]\nfile = {journal}\n")
    assert read("-c", config).stdout == messages(1, 20)
    config.write_text("[journal]\nfile = elsewhere\n")
    result = read("-c", config)
    assert result.status == 66 and "/lib/tcpack/elsewhere: No such file" in result.stderr
    config.write_text("[journal]\nfil = x\n")
    assert read("-c", config).status == 78


def test_without_a_journal_in_the_configuration(tmp_path):
    config = tmp_path / "tcpack.ini"
    config.write_text("")
    result = read("-c", config, "--from", 18446744073709551615)
    assert result.status in (0, 66)  # this machine may have a service
    assert result.status == 0 or "/lib/tcpack/journal" in result.stderr
    config.write_text("[journal]\nfile = -\n")
    result = read("-c", config)
    assert result.status == 66 and "has file = -" in result.stderr


def test_a_journal_in_postgresql_is_named(tmp_path):
    """It said that the configuration has file = -, which nobody had written there."""
    config = tmp_path / "tcpack.ini"
    config.write_text("[journal]\npostgresql = host=db dbname=tcpack\n")
    result = read("-c", config)
    if "without libpq" in result.stderr:
        pytest.skip("built without libpq")
    assert result.status == 66 and "is in PostgreSQL" in result.stderr


# At a terminal.

def at_terminal(*arguments, **more):
    """What it prints on a terminal."""
    ours, theirs = pty.openpty()
    process = start(*arguments, stdout=theirs, env=environment(**more))
    os.close(theirs)
    output = b""
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:
            break
        if not data:
            break
        output += data
    os.close(ours)
    assert process.wait(DEADLINE) == 0
    return output.replace(b"\r\n", b"\n")


def test_no_control_character_reaches_a_terminal(tmp_path):
    (tmp_path / "journal").write_bytes(awkward("text"))
    assert at_terminal(tmp_path / "journal") == b"".join(
        escape(message) + b"\n" for message in AWKWARD)


def test_long_form_has_colours_at_a_terminal_only(journal):
    plain = read("--long", journal).stdout
    assert plain.splitlines()[0] == \
        b"      1 2026-11-01 00:00:00.001000 192.0.2.1:4711        message 1"
    coloured = at_terminal("--long", journal)
    assert coloured.startswith(b"\033[") and coloured.count(b"message") == 20
    assert at_terminal("--long", journal, NO_COLOR="1") == plain


def test_json_reads_as_json(tmp_path):
    (tmp_path / "journal").write_bytes(awkward("text"))
    lines = read("--json", tmp_path / "journal").stdout.splitlines()
    assert [json.loads(line)["seq"] for line in lines] == list(range(1, len(AWKWARD) + 1))


def test_help_and_version():
    assert b"usage: tcpack-journal" in read("-h").stdout
    assert read("-V").stdout.startswith(b"tcpack-journal ")
    assert all(len(line) <= 80 for line in read("--help").stdout.splitlines())


def test_progress_on_a_screen_of_any_width(tmp_path):
    """Its line never wraps: on a narrow screen, also one that became narrow, it is shorter."""
    (tmp_path / "journal").write_bytes(records(1, 200_000))
    pipe = os.pipe()
    command = [programs.tcpack_journal(), tmp_path / "journal"]
    with open(pipe[0], "rb", buffering=0) as output, \
            Terminal(command, environment(TERM="xterm"), stdin=subprocess.DEVNULL,
                     stdout=pipe[1]) as screen:
        os.close(pipe[1])

        def shown(pattern):
            """Takes output at a slow pace until the screen shows the pattern; the line."""
            end = time.monotonic() + DEADLINE
            while not (match := re.compile(pattern).search(screen.shown, screen.seen)):
                assert time.monotonic() < end and output.read(16384), screen.shown
                time.sleep(0.02)
                screen.look()
            screen.seen = match.end()
            return match[0]

        assert b" MiB read, " in shown(rb"\r\d+ of \d+ MiB read, \d+ %\x1b\[K")
        screen.resize(24, 20)
        assert len(shown(rb"\r\d+ %\x1b\[K")) < 20
        screen.resize(24, 3)
        shown(rb"\r\x1b\[K")
        while output.read(1 << 20):
            screen.look()
        assert screen.end() == 0
