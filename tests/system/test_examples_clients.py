"""
Why: device makers copy these clients. Each must bring every message across, and under its number,
whatever the server does meanwhile: then --once has each exactly once.
"""

import signal
import subprocess
import sys

import pytest

from harness import programs
from harness.reader import read
from harness.waiting import DEADLINE, wait_until

EXAMPLES = programs.SOURCE / "etc" / "examples"


def command(language, tmp_path):
    if language == "py":
        return [sys.executable, EXAMPLES / "numbered.py"]
    if language == "sh":
        programs.need("bash")
        return ["bash", EXAMPLES / "numbered.sh"]
    programs.need("cc")
    subprocess.run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-o",
                    tmp_path / "numbered", EXAMPLES / "numbered.c"], check=True, timeout=DEADLINE)
    return [tmp_path / "numbered"]


def run(client, one, path):
    return subprocess.Popen([*client, "127.0.0.1", str(one.port), "dev-1", path],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("language", ["py", "sh", "c"])
def test_a_flapping_server(server, tmp_path, free_port, language, long):
    client = command(language, tmp_path)
    journal, lines = tmp_path / "journal", tmp_path / "lines"
    count = 20000 if long else 3000
    lines.write_bytes(b"".join(b"reading %d \\ of %d\n" % (number, number * 7)
                               for number in range(1, count + 1)))
    one = server({"journal.file": journal, "server.framing": "octet",
                  "server.port": free_port})  # it comes back where it was
    process = run(client, one, lines)
    kills = 50 if long else 5
    for kill in range(1, kills + 1):
        size = lines.stat().st_size * kill // kills // 2
        wait_until(lambda: journal.stat().st_size >= size, f"{size} bytes recorded")
        one.kill()
        one.start()
    assert process.wait(DEADLINE * 10) == 0
    assert read("--once", journal).stdout == b"".join(
        b"dev-1 %d %s\n" % (number, line)
        for number, line in enumerate(lines.read_bytes().splitlines(), 1))


@pytest.mark.parametrize("language", ["py", "sh", "c"])
def test_a_client_that_is_started_again(server, tmp_path, language):
    """It sends everything again, under the same numbers."""
    client = command(language, tmp_path)
    journal, lines = tmp_path / "journal", tmp_path / "lines"
    lines.write_bytes(b"one\n\ntwo  three \nlast")
    one = server({"journal.file": journal, "server.framing": "octet"})
    for _ in range(2):
        assert run(client, one, lines).wait(DEADLINE) == 0
    assert len(read(journal).stdout.splitlines()) == 8
    assert read("--once", journal).stdout == b"dev-1 1 one\ndev-1 2 \ndev-1 3 two  three \n" \
        b"dev-1 4 last\n"


@pytest.mark.parametrize("language", ["py", "sh", "c"])
@pytest.mark.parametrize("content", [b"", b"one", b"\n", b"a\rb\r\n\xff\xc3(\n \n"])
def test_any_line(server, tmp_path, language, content):
    """An empty file was one empty message for the client in Python."""
    client = command(language, tmp_path)
    journal, lines = tmp_path / "journal", tmp_path / "lines"
    lines.write_bytes(content)
    one = server({"journal.file": journal, "server.framing": "octet"})
    assert run(client, one, lines).wait(DEADLINE) == 0
    assert one.messages() == [b"dev-1 %d %s" % (number, line.removesuffix(b"\n"))
                              for number, line in enumerate(lines.open("rb"), 1)]


@pytest.mark.parametrize("language", ["py", "c"])
def test_a_line_with_nul(server, tmp_path, language):
    """What was after it did not come: the client in C sent the line's beginning under its number."""
    client = command(language, tmp_path)
    journal, lines = tmp_path / "journal", tmp_path / "lines"
    lines.write_bytes(b"\0one\0two\n\0\n")
    one = server({"journal.file": journal, "server.framing": "octet"})
    assert run(client, one, lines).wait(DEADLINE) == 0
    assert one.messages() == [b"dev-1 1 \0one\0two", b"dev-1 2 \0"]


@pytest.mark.parametrize("language", ["py", "sh", "c"])
def test_a_line_that_is_refused_is_no_acknowledgement(server, tmp_path, language):
    client = command(language, tmp_path)
    lines = tmp_path / "lines"
    lines.write_bytes(b"one\n" + b"x" * 2000 + b"\nthree\n")
    one = server({"journal.file": tmp_path / "journal", "server.framing": "octet",
                  "server.explain": "yes", "server.max_message": "1000"})
    process = run(client, one, lines)
    one.log.wait("a message is longer than max_message", count=2)
    assert one.messages() == [b"dev-1 1 one"]
    assert process.poll() is None
    process.kill()


@pytest.mark.parametrize("language", ["py", "sh", "c"])
def test_a_client_that_is_killed_leaves_no_part_of_a_line(server, tmp_path, language):
    """A part would stand under the number of the whole."""
    client = command(language, tmp_path)
    journal, lines = tmp_path / "journal", tmp_path / "lines"
    lines.write_bytes(b"one\n" + b"x" * 30000000 + b"\n")
    one = server({"journal.file": journal, "server.framing": "octet", "server.max_message": "50M"})
    process = run(client, one, lines)
    wait_until(lambda: b"dev-1 1" in journal.read_bytes(), "the first line")
    one.send_signal(signal.SIGSTOP)
    process.kill()
    process.wait(DEADLINE)
    one.send_signal(signal.SIGCONT)
    lines.write_bytes(lines.read_bytes()[:100] + b"\n")
    assert run(client, one, lines).wait(DEADLINE) == 0
    assert set(one.messages()) - {b"dev-1 2 " + b"x" * 30000000} == \
        {b"dev-1 1 one", b"dev-1 2 " + b"x" * 96}


def test_the_client_in_python_is_short():
    lines = (EXAMPLES / "numbered.py").read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if line]) <= 42
