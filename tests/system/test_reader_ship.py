"""
Why: shipping records to another machine is worth its trouble only if nothing is lost and nothing
stays twice, whichever of the programs dies when. And the way is long: device, tcpackd, journal,
rotation, tcpack-journal, tcpack, second tcpackd, its journal, tcpack-journal; what comes out must be
what went in, whatever bytes it has.
"""

import random
import signal
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import programs
from harness.client import Client
from harness.reader import Follower, messages, read, record, records, start, time_of
from harness.tcpack import environment, tcpack
from harness.waiting import DEADLINE, wait_until


class Shipping:
    """tcpack-journal and tcpack, joined by a pipe."""

    def __init__(self, journal, position, there):
        self.reader = start("-f", "--id", "here", "--resume", position, journal,
                            stderr=subprocess.DEVNULL)
        self.client = subprocess.Popen(
            [programs.tcpack(), "-c", "/dev/null", "-q", "-r", "-f", "octet", "--position", position,
             "-H", "127.0.0.1", "-p", str(there.port)],
            stdin=self.reader.stdout, stderr=subprocess.DEVNULL, env=environment())
        self.reader.stdout.close()

    def kill(self, which):
        """Kill one; the other one ends by itself, and in time."""
        process = self.reader if which == "reader" else self.client
        process.kill()
        self.reader.wait(DEADLINE)
        self.client.wait(DEADLINE)


def octets(message):
    return b"%d %s" % (len(message), message)


def send(server, sent, count):
    """Some more messages, of any bytes."""
    with Client(server) as client:
        for _ in range(count):
            message = b"message %d %s" % (len(sent), bytes(range(len(sent) % 256)))
            if len(sent) % 50 == 25:
                message += b"large" * 40000  # likely to be cut when its sender is killed
            sent.append(message)
            client.send(octets(message))
        client.end_sending()
        client.receive_all()


def shipped(journal):
    """What --once has of the other machine's journal."""
    return read("-0", "--once", "--shipped", journal)


def test_every_record_exactly_once_whoever_is_killed(server, tmp_path, free_port, long):
    here_path, there_path, position = (tmp_path / name for name in ("here", "there", "position"))
    here = server({"journal.file": here_path, "server.framing": "octet"})
    there = server({"journal.file": there_path, "server.framing": "octet",
                    "server.port": free_port})
    randomness = random.Random(7)
    sent = []
    shipping = Shipping(here_path, position, there)
    for turn in range(400 if long else 16):
        send(here, sent, 50)
        goal = last_number(here_path) - randomness.randrange(50)
        wait_until(lambda: number_in(position) >= goal, f"number {goal} at the other machine")
        victim = ["reader", "client", "there", "here"][turn % 4]
        if victim == "there":
            there.kill()
            there.start()
        elif victim == "here":
            if turn % 8 == 7:
                here_path.rename(tmp_path / f"here.{turn}")
            here.kill()
            here.start()
        else:
            shipping.kill(victim)
            shipping = Shipping(here_path, position, there)
    send(here, sent, 5)
    wait_until(lambda: number_in(position) == last_number(here_path),
               "the last record at the other machine")
    shipping.kill("reader")
    assert shipped(there_path).stderr == ""
    found = read("--once", "--shipped", "--format", "{seq} {text}", there_path).stdout.splitlines()
    original = read("--format", "{seq} {text}", *tmp_path.glob("here*")).stdout.splitlines()
    assert found == original and len(found) == len(sent)


def last_number(journal):
    """A crash, with the journal renamed, may have made tcpackd skip some."""
    return int(journal.read_bytes().splitlines()[-1].split()[0])


def number_in(position):
    try:
        return int(position.read_bytes().split()[0])
    except FileNotFoundError:
        return 0


@pytest.mark.parametrize("format", ["text", "json"])
def test_every_byte_value_goes_all_the_way(server, tmp_path, format):
    here_path, there_path, position = (tmp_path / name for name in ("here", "there", "position"))
    here = server({"journal.file": here_path, "journal.format": format, "server.framing": "octet"})
    there = server({"journal.file": there_path, "journal.format": format,
                    "server.framing": "octet"})
    message = bytes(range(256)) + b"\n\n\0\0\r\n"
    for turn in range(3):
        with Client(here) as client:
            client.send(octets(message))
            client.end_sending()
            client.receive_all()
        here_path.rename(tmp_path / f"here.{turn}")
        here.send_signal(signal.SIGHUP)
        wait_until(here_path.exists, "the new journal")
    shipping = Shipping(here_path, position, there)
    with Client(here) as client:
        client.send(octets(message))
        client.end_sending()
        client.receive_all()
    wait_until(lambda: number_in(position) == 4, "the last record")
    shipping.kill("client")
    assert shipped(there_path).stdout == message + b"\0"


@pytest.mark.parametrize("format", ["text", "json"])
def test_any_bytes_come_out_the_same_in_every_form(server, tmp_path, format, long):
    path = tmp_path / "journal"
    one = server({"journal.file": path, "journal.format": format, "journal.sync": "no",
                  "server.framing": "octet"})
    done = 0

    @settings(max_examples=500 if long else 30)
    @given(st.lists(st.one_of(st.binary(max_size=300), st.text(max_size=60).map(str.encode)),
                    min_size=1, max_size=12))
    def check(batch):
        nonlocal done
        with Client(one) as client:
            client.send(b"".join(map(octets, batch)))
            client.end_sending()
            client.receive_all()
        arguments = ["--from", done + 1, path]
        done += len(batch)
        assert read(*arguments).stdout == b"".join(message + b"\n" for message in batch)
        assert read("-0", *arguments).stdout == b"".join(message + b"\0" for message in batch)
        for form in ["--json"], ["--format", "{seq} {time} {peer} {text}"]:
            again = read(*form, *arguments).stdout
            assert read("-", data=again).stdout == b"".join(message + b"\n" for message in batch)
            if form == ["--json"] and format == "json" or form != ["--json"] and format == "text":
                assert path.read_bytes().endswith(again)
        there = tmp_path / "there"
        lines = read("--id", "x", *arguments).stdout.splitlines(keepends=True)
        with open(there, "wb") as file:
            for seq, line in enumerate(lines, 1):
                file.write(f"{seq} 2026-11-23T04:12:07.031415Z unix ".encode()
                           + line.replace(b"\\", b"\\\\"))
        assert read("--shipped", there).stdout == b"".join(message + b"\n" for message in batch)
    check()


# The client's part.

def test_lines_of_a_file_are_numbered_by_their_line(server, tmp_path):
    one = server({"journal.file": tmp_path / "journal", "server.framing": "line"})
    lines = tmp_path / "lines"
    lines.write_bytes(b"one\n\nthree\nlast")
    for arguments in [], ["--from", "3"]:
        with open(lines, "rb") as file:
            process = subprocess.run(
                [programs.tcpack(), "-c", "/dev/null", "-p", str(one.port), "-q", "--id", "dev-1",
                 *arguments], stdin=file, timeout=DEADLINE)
        assert process.returncode == 0
    assert one.messages() == [b"dev-1 1 one", b"dev-1 2 ", b"dev-1 3 three", b"dev-1 4 last",
                              b"dev-1 3 three", b"dev-1 4 last"]
    assert read("--once", tmp_path / "journal").stdout == \
        b"dev-1 1 one\ndev-1 2 \ndev-1 3 three\ndev-1 4 last\n"


def test_other_input_needs_a_number(server, tmp_path):
    one = server({"journal.file": tmp_path / "journal", "server.framing": "line"})
    position = tmp_path / "position"
    for arguments, data in [(("word",), b""), ((), b"one\n")]:
        result = tcpack(one, "--id", "dev-1", *arguments, data=data)
        assert result.status == 64 and "--number" in result.stderr
    assert tcpack(one, "--id", "dev-1", "--number", 7, "--position", position, "a", "b").status == 0
    assert position.read_bytes() == b"7 dev-1\n"
    assert tcpack(one, "--id", "dev-1", "--number", 8, "-f", "line", "--position", position,
                  data=b"c\nd\n").status == 0
    assert position.read_bytes() == b"9 dev-1\n"
    assert one.messages() == [b"dev-1 7 a b", b"dev-1 8 c", b"dev-1 9 d"]
    result = tcpack(one, "--id", "x", "--number", 2**63 - 1, "-f", "line", data=b"a\nb\n")
    assert result.status == 65 and "beyond" in result.stderr
    assert one.messages()[3:] == [b"x 9223372036854775807 a"]


@pytest.mark.parametrize("arguments", [("--id", "a b"), ("--id", ""), ("--number", "0"),
                                       ("--number", 2**63), ("--number", "5"),
                                       ("--load", "5", "--id", "a")])
def test_usage_of_numbers(server, arguments):
    assert tcpack(None, *arguments, "word").status == 64


def test_a_position_is_of_numbered_messages_that_are_whole(server, tmp_path):
    """A program that is killed leaves half a line: that must not be sent under its number."""
    one = server({"journal.file": tmp_path / "journal", "server.framing": "line"})
    position = tmp_path / "position"
    result = tcpack(one, "-f", "line", "--position", position, data=b"h 1 whole\nh 2 ha")
    assert result.status == 0 and "6 bytes of that are not sent" in result.stderr
    assert position.read_bytes() == b"1 h\n"
    result = tcpack(one, "-f", "line", "--position", position, data=b"h 2 x\nnot numbered\n")
    assert result.status == 65 and "message 2: it does not begin with NAME and number" in result.stderr
    assert position.read_bytes() == b"2 h\n"
    assert one.messages() == [b"h 1 whole", b"h 2 x"]


def test_a_position_that_cannot_be_written_ends_the_transfer(server, tmp_path):
    one = server({"journal.file": tmp_path / "journal", "server.framing": "line"})
    result = tcpack(one, "-f", "line", "--position", tmp_path / "none" / "position",
                    data=b"h 1 x\n")
    assert result.status == 75 and "cannot write the position" in result.stderr


def test_numbers_that_began_anew_are_shipped(server, tmp_path):
    """The position had no time: what has a lower number than the last one was left out, silently."""
    there = server({"journal.file": tmp_path / "there", "server.framing": "octet"})
    path, position = tmp_path / "journal", tmp_path / "position"
    path.write_bytes(records(1, 3))
    for goal in 3, 2:
        shipping = Shipping(path, position, there)
        wait_until(lambda: number_in(position) == goal, "the last record")
        shipping.kill("client")
        path.unlink()
        path.write_bytes(b"".join(record(seq, b"again %d" % seq, time=time_of(seq, 100))
                                  for seq in (1, 2)))
    result = read("--once", "--shipped", tmp_path / "there")
    assert result.stdout == messages(1, 3) + b"again 1\nagain 2\n"
    assert "another message as number 1 of here" in result.stderr


def test_a_rotated_set_is_shipped_in_order(tmp_path):
    """What --resume names may be in a file that was rotated away."""
    path, position = tmp_path / "journal", tmp_path / "position"
    (tmp_path / "journal.1").write_bytes(records(1, 6))
    path.write_bytes(records(7, 9))
    position.write_bytes(b"4 here\n")
    with Follower("--resume", position, path) as follower:
        follower.wait(messages(5, 9))
