"""
tcpack-journal -f prints each committed record once and nothing else: whatever happens to the file,
and to the reader itself if it has a position.
"""

import os
import random
import re
import signal
import subprocess
from pathlib import Path

import pytest

from harness import programs
from harness.client import Client
from harness.reader import Follower, Writer, messages, read, record, records, start, time_of
from harness.server import SANITIZER_BESIDE
from harness.tcpack import environment
from harness.waiting import DEADLINE, wait_until


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal"


def test_new_records_come(path):
    path.write_bytes(records(1, 3))
    with Follower(path) as follower:
        follower.wait(messages(1, 3))
        with open(path, "ab") as file:
            for seq in range(4, 10):
                file.write(records(seq, seq))
                file.flush()
                follower.wait(messages(1, seq))


def test_half_a_record_waits_for_its_rest(path):
    path.write_bytes(records(1, 3)[:-5])
    with Follower(path) as follower:
        follower.wait(messages(1, 2))
        with open(path, "ab") as file:
            file.write(records(3, 3)[-5:])
        follower.wait(messages(1, 3))


def test_only_what_is_committed_is_printed(path):
    """The write that is not committed is cut back, and another one made in its place."""
    writer = Writer(path)
    writer.commit(records(1, 3))
    with Follower(path) as follower:
        follower.wait(messages(1, 3))
        size = path.stat().st_size
        for _ in range(5):
            writer.write(record(4, b"a write that fails"))
            writer.cut(size)
        writer.write(record(4, b"one that is synced later"))
        # A look that found the uncommitted record would have to come before the next one's.
        with Follower(path) as other:
            other.wait(messages(1, 3))
        writer.commit()
        follower.wait(messages(1, 3) + b"one that is synced later\n")
        writer.close()


def test_a_killed_server_leaves_whole_records(path):
    writer = Writer(path)
    writer.commit(records(1, 3))
    with Follower(path) as follower:
        follower.wait(messages(1, 3))
        writer.write(records(4, 5)[:-4])
        writer.close()
        follower.wait(messages(1, 4))
        writer = Writer(path)  # the next start cuts what is unfinished
        writer.cut(len(records(1, 4)))
        writer.commit(records(5, 6))
        follower.wait(messages(1, 6))
        writer.close()


def sleeps_of(pid):
    """How often the process has begun to wait."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", status, re.M).group(1))


def test_a_server_that_examines_its_journal_has_not_cut_it(path):
    """While it starts, nothing is committed, and its lock begins at 0."""
    path.write_bytes(records(1, 3))
    with Follower(path) as follower:
        follower.wait(messages(1, 3))
        starting = Writer(path, committed=0)
        sleeps = sleeps_of(follower.process.pid)
        starting.write(records(4, 5))  # wakes the follower
        wait_until(lambda: sleeps_of(follower.process.pid) > sleeps, "a look at the file")
        starting.commit()
        follower.wait(messages(1, 5))
        starting.close()
        follower.stop()
        assert not follower.log.lines


def test_rotation_with_records_written_until_hup(path):
    old = Writer(path)
    old.commit(records(1, 3))
    with Follower(path) as follower:
        follower.wait(messages(1, 3))
        path.rename(path.with_suffix(".1"))
        old.commit(records(4, 5))
        follower.wait(messages(1, 5))
        new = Writer(path)
        old.commit(records(6, 7))
        new.commit(records(8, 8))
        old.close()
        follower.wait(messages(1, 8))
        new.close()


def test_several_rotations_between_two_looks(path):
    path.write_bytes(records(1, 3))
    with Follower(path) as follower:
        follower.wait(messages(1, 3))
        follower.process.send_signal(signal.SIGSTOP)
        path.rename(path.with_suffix(".3"))
        path.with_suffix(".2").write_bytes(records(4, 6, "json"))
        path.with_name("journal-20261101").write_bytes(records(7, 9))
        path.write_bytes(records(10, 11))
        follower.process.send_signal(signal.SIGCONT)
        follower.wait(messages(1, 11))
        follower.stop()
        assert not follower.log.lines


def test_a_gap_is_reported(path):
    path.write_bytes(records(1, 3))
    with Follower(path) as follower:
        follower.wait(messages(1, 3))
        path.rename(path.with_suffix(".1"))
        path.write_bytes(records(6, 7))
        follower.wait(messages(1, 3) + messages(6, 7))
        follower.log.wait("records 4 to 5 are missing")


def test_an_empty_file_after_rotation(path):
    path.write_bytes(records(1, 3))
    with Follower(path) as follower:
        follower.wait(messages(1, 3))
        path.rename(path.with_suffix(".1"))
        path.touch()
        path.rename(path.with_suffix(".0"))
        path.touch()
        with open(path, "ab") as file:
            file.write(records(4, 5))
        follower.wait(messages(1, 5))


def test_a_copy_in_its_place_repeats_nothing(path):
    path.write_bytes(records(1, 3))
    with Follower(path) as follower:
        follower.wait(messages(1, 3))
        copy = path.with_name("copy")
        copy.write_bytes(records(1, 4))
        copy.rename(path)
        follower.wait(messages(1, 4))


def test_copytruncate_is_reported(path):
    path.write_bytes(records(1, 3))
    with Follower(path) as follower:
        follower.wait(messages(1, 3))
        path.write_bytes(b"")
        follower.log.wait("was cut")
        with open(path, "ab") as file:
            file.write(records(4, 4))
        follower.wait(messages(1, 4))


def test_numbers_that_begin_anew(path):
    path.write_bytes(records(1, 3))
    with Follower(path) as follower:
        follower.wait(messages(1, 3))
        path.unlink()
        path.write_bytes(b"".join(record(seq, b"again %d" % seq, time=time_of(seq, 100))
                                  for seq in (1, 2)))
        follower.wait(messages(1, 3) + b"again 1\nagain 2\n")
        follower.log.wait("SEQ goes on with 1 after 3")


def test_numbers_that_begin_anew_in_one_file(path, tmp_path):
    """As if two were joined: what stands after the last record was not read before."""
    position = tmp_path / "position"
    path.write_bytes(records(1, 5) + b"".join(record(seq, b"again %d" % seq, time=time_of(seq, 100))
                                              for seq in (1, 2)))
    result = read("--position", position, path)
    assert result.stdout == messages(1, 5) + b"again 1\nagain 2\n" and result.status == 1
    assert read("--position", position, path).stdout == b""


def test_others_are_read_before_the_one_that_is_followed(path):
    path.with_suffix(".1").write_bytes(records(1, 3))
    path.write_bytes(records(4, 5))
    with Follower(path.with_suffix(".1"), path) as follower:
        follower.wait(messages(1, 5))
        with open(path, "ab") as file:
            file.write(records(6, 6))
        follower.wait(messages(1, 6))


def test_it_ends_when_nobody_reads_any_more(path):
    """At once, not at the next record, which may not come for a day."""
    path.write_bytes(records(1, 3))
    process = start("-f", path)
    assert process.stdout.readline() == messages(1, 1)
    process.stdout.close()
    assert process.wait(DEADLINE) == 0
    assert process.stderr.read() == b""


def test_it_sleeps(path, tmp_path):
    """While nothing happens it looks every five seconds, in case nobody tells it."""
    programs.need_strace()
    trace = tmp_path / "trace"
    path.write_bytes(records(1, 3))
    with open(tmp_path / "output", "wb") as output:
        process = subprocess.Popen(
            ["strace", "-D", "-o", trace, "-e", "trace=select,pselect6", programs.tcpack_journal(), "-f",
             path], stdout=output, env={**environment(), **SANITIZER_BESIDE})
        wait_until(lambda: trace.exists() and "tv_sec=5" in trace.read_text(), "a long wait")
        process.terminate()
        process.wait(DEADLINE)


# With a live server.

@pytest.mark.parametrize("format", ["text", "json"])
def test_a_live_server_with_rotations_and_kills(server, path, format, long):
    one = server({"journal.file": path, "journal.format": format, "server.framing": "line"})
    sent = 0
    rotations = 0
    with Follower(path) as follower:
        for turn in range(200 if long else 8):
            with Client(one) as client:
                for _ in range(20):
                    sent += 1
                    client.say(b"message %d" % sent)
            if turn == 0:  # it begins with the file that it finds: before that is renamed
                follower.wait(messages(1, sent))
            if turn % 4 == 1:
                rotations += 1
                path.rename(path.with_name(f"journal.{rotations}"))
                one.send_signal(signal.SIGHUP)
                wait_until(path.exists, "the new journal")
            if turn % 4 == 3:
                one.kill()
                one.start()
        follower.wait(messages(1, sent))
        assert not follower.log.lines


def test_the_end_of_a_pipe_is_the_end(tmp_path):
    """As with tail -f: nothing can follow. A file that has the name - is another one."""
    (tmp_path / "-").write_bytes(records(1, 9))
    assert read("-f", "-", data=records(1, 5), cwd=tmp_path).stdout == messages(1, 5)
    result = read("-f", "-", data=records(1, 5) + b"6 2026", cwd=tmp_path)
    assert result.stdout == messages(1, 5) and result.status == 1
    assert "standard input: its last 6 bytes are left out" in result.stderr


def test_standard_input_that_is_a_file_is_followed(path, tmp_path):
    (tmp_path / "-").write_bytes(b"another file")
    path.write_bytes(records(1, 2))
    with open(path, "rb") as file, Follower("-", stdin=file, cwd=tmp_path) as follower:
        follower.wait(messages(1, 2))
        with open(path, "ab") as more:
            more.write(records(3, 4))
        follower.wait(messages(1, 4))


def test_what_is_not_a_file_does_not_replace_one(path):
    """A FIFO that had the journal's name for a moment was read for ever."""
    path.write_bytes(records(1, 2))
    with Follower(path) as follower:
        follower.wait(messages(1, 2))
        path.rename(path.with_suffix(".1"))
        os.mkfifo(path)
        with open(path.with_suffix(".1"), "ab") as file:
            file.write(records(3, 3))
        follower.wait(messages(1, 3))
        path.unlink()
        path.mkdir()
        path.rmdir()
        path.write_bytes(records(4, 5))
        follower.wait(messages(1, 5))


# Positions.

def test_each_run_goes_on_after_the_last(path, tmp_path):
    position = tmp_path / "position"
    done = 0
    for first, last in [(1, 3), (4, 4), (5, 4), (5, 9)]:
        with open(path, "ab") as file:
            file.write(records(first, last))
        assert read("--position", position, path).stdout == messages(done + 1, last)
        done = last
    assert read("--resume", position, path).stdout == b""
    with open(path, "ab") as file:
        file.write(records(10, 11))
    for _ in range(2):
        assert read("--resume", position, path).stdout == messages(10, 11)


def test_a_run_finds_what_was_rotated_away(path, tmp_path):
    position = tmp_path / "position"
    path.write_bytes(records(1, 3))
    read("--position", position, path)
    with open(path, "ab") as file:
        file.write(records(4, 5))
    path.rename(path.with_suffix(".2"))
    path.with_suffix(".1").write_bytes(records(6, 8))
    path.write_bytes(records(9, 10))
    result = read("--position", position, path)
    assert result.stdout == messages(4, 10) and result.status == 0
    path.unlink()
    path.write_bytes(records(13, 14))
    result = read("--position", position, path)
    assert result.stdout == messages(13, 14) and result.status == 1
    assert "records 11 to 12 are missing" in result.stderr


def rotated(tmp_path, **files):
    """The journal, as `now`, and what was rotated away; the position is after record 3."""
    for name, content in files.items():
        (tmp_path / ("journal" if name == "now" else f"journal.{name}")).write_bytes(content)
    (tmp_path / "position").write_bytes(b"3 *\n")


@pytest.mark.parametrize("now", [records(304, 305), b""], ids=["full", "empty"])
def test_a_run_finds_what_was_rotated_away_after_numbers_that_were_skipped(path, tmp_path, now):
    """A crash made tcpackd skip some: no file has the next number, and the files were left out."""
    rotated(tmp_path, _3=records(1, 5), _1=records(200, 203), _2=records(100, 101), now=now)
    result = read("--position", tmp_path / "position", path)
    assert result.stdout == messages(4, 5) + messages(100, 101) + messages(200, 203) + \
        (messages(304, 305) if now else b"")
    assert result.status == 1 and "records 6 to 99 are missing" in result.stderr


def test_a_run_finds_a_file_whose_first_line_is_damaged(path, tmp_path):
    rotated(tmp_path, _2=records(1, 3), _1=b"damaged\n" + records(4, 6), now=records(7, 8))
    result = read("--position", tmp_path / "position", path)
    assert result.stdout == messages(4, 8) and result.status == 1
    assert "journal._1:1: not a record" in result.stderr
    assert "missing" not in result.stderr


DAMAGED = record(4, b"damaged").replace(b"damaged", b"\0" * 7)


@pytest.mark.parametrize("files", [{"_1": records(2, 3) + DAMAGED},
                                   {"_1": records(2, 3), "_0": DAMAGED},
                                   {"_1": records(2, 3), "_0": DAMAGED + records(5, 5)}],
                         ids=["read", "alone", "first"])
def test_the_next_record_is_damaged(path, tmp_path, files):
    """A file that has it was read again and again."""
    rotated(tmp_path, **files, now=records(6, 7))
    result = read("--position", tmp_path / "position", path)
    assert result.stdout.endswith(messages(6, 7)) and result.status == 1
    assert len([line for line in result.stderr.splitlines() if "not a record" in line]) == 1


def test_a_copy_of_what_was_read_while_the_clock_was_set_back(path, tmp_path):
    """Records before that, whose times are later, were taken for new ones."""
    position = tmp_path / "position"
    path.write_bytes(records(1, 5) + b"".join(
        record(seq, b"message %d" % seq, time=time_of(seq, -5)) for seq in range(6, 9)))
    assert read("--position", position, path).stdout == messages(1, 8)
    copy = path.with_name("copy")
    copy.write_bytes(path.read_bytes() + record(9, b"message 9", time=time_of(9, -5)))
    copy.rename(path)
    result = read("--position", position, path)
    assert result.stdout == messages(9, 9) and result.stderr == ""


def test_a_position_counts_records_that_were_filtered_out(path, tmp_path):
    position = tmp_path / "position"
    path.write_bytes(records(1, 9))
    assert read("--position", position, "--to", 3, path).stdout == messages(1, 3)
    assert read("--position", position, path).stdout == b""


@pytest.mark.parametrize("content", [b"", b"x", b"1", b"1 *", b"1 * x 1 2 3\n", b"1 2 3\n4\n",
                                     b"99999999999999999999 *\n", b"\0" * 30])
def test_what_is_no_position_is_refused(path, tmp_path, content):
    position = tmp_path / "position"
    position.write_bytes(content)
    path.write_bytes(records(1, 9))
    result = read("--position", position, path)
    assert result.status == 66 and result.stdout == b""
    assert position.read_bytes() == content


@pytest.mark.parametrize("option", ["--position", "--resume"])
def test_a_fifo_is_no_position(path, tmp_path, option):
    """Nobody may ever write to it: it was waited for without end."""
    os.mkfifo(tmp_path / "position")
    path.write_bytes(records(1, 9))
    result = read(option, tmp_path / "position", path)
    assert result.status == 66 and result.stdout == b""
    assert "position: it is not a regular file" in result.stderr


def test_a_position_is_of_one_name(path, tmp_path):
    position = tmp_path / "position"
    path.write_bytes(records(1, 9))
    read("--id", "one", "--position", position, path)
    result = read("--id", "two", "--position", position, path)
    assert result.status == 64 and "--id one" in result.stderr


def test_a_position_that_cannot_be_written_ends_it(path, tmp_path):
    path.write_bytes(records(1, 9))
    result = read("--position", tmp_path / "none" / "position", path)
    assert result.status == 74 and "cannot write the position" in result.stderr


def test_killed_at_any_time_it_loses_nothing(path, tmp_path, long):
    """And repeats no more than what was written since the position: here at most one batch."""
    position, output = tmp_path / "position", tmp_path / "output"
    writer = Writer(path)
    written = 0
    randomness = random.Random(1)
    for turn in range(300 if long else 15):
        with open(output, "ab") as file:
            process = start("-f", "--position", position, path, stdout=file)
        count = randomness.randrange(1, 300)
        for _ in range(3):
            writer.commit(records(written + 1, written + count))
            written += count
        goal = randomness.randrange(written - 3 * count, written + 1)
        wait_until(lambda: last_number(position) >= goal, "a position")
        process.kill()
        process.wait(DEADLINE)
        if turn % 5 == 4:
            path.rename(path.with_suffix(f".{turn}"))
            writer.close()
            writer = Writer(path)
    with open(output, "ab") as file:
        assert start("--position", position, path, stdout=file).wait(DEADLINE) == 0
    found = [int(line.split()[1]) for line in output.read_bytes().splitlines()
             if line.startswith(b"message ") and line.count(b"m") == 1]
    assert set(found) >= set(range(1, written + 1))


def last_number(position):
    try:
        return int(position.read_bytes().split()[0])
    except FileNotFoundError:
        return 0


def test_reading_stays_on_the_file_that_is_still_written(path):
    """A file at the path, made by hand, does not end the old one."""
    old = Writer(path)
    old.commit(records(1, 3))
    with Follower(path) as follower:
        follower.wait(messages(1, 3))
        path.rename(path.with_suffix(".1"))
        path.touch()
        for seq in range(4, 8):
            old.commit(records(seq, seq))
            follower.wait(messages(1, seq))
        old.close()
        path.write_bytes(records(8, 8))
        follower.wait(messages(1, 8))


def test_a_link_is_followed_to_its_file(tmp_path, path):
    path.write_bytes(records(1, 2))
    link = tmp_path / "elsewhere" / "link"
    link.parent.mkdir()
    link.symlink_to(path)
    with Follower(link) as follower:
        follower.wait(messages(1, 2))
        with open(path, "ab") as file:
            file.write(records(3, 3))
        follower.wait(messages(1, 3))
