"""
Why: people copy what a document shows. So the commands of README and of the man pages run here as
they stand there, and give what the document says, but for times and ports.
"""

import re
import shlex
import subprocess

import pytest

from harness import programs
from harness.documents import displays, transcript, unescaped
from harness.waiting import DEADLINE

# What is another one each time: when, from which port, and the server's port.
TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
CLIENT_PORT = re.compile(r"(127\.0\.0\.1):\d+")


def examples(page):
    """The literal displays of a man page's source."""
    text = (programs.SOURCE / "man" / f"{page}.in").read_text(encoding="utf-8")
    return [unescaped(display) for display in displays(text)]


def shell(command, folder):
    """What a command prints; `tcpack` is the one that was built."""
    line = f"tcpack() {{ {shlex.quote(str(programs.tcpack()))} -c /dev/null \"$@\"; }}; {command}"
    result = subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True,
                            timeout=DEADLINE, check=True)
    return result.stdout.decode()


def alike(text):
    return CLIENT_PORT.sub(r"\1:PORT", TIME.sub("TIME", text))


def test_transcript_of_readme(server, tmp_path):
    programs.need("bash", "nc")
    readme = (programs.SOURCE / "README").read_text(encoding="utf-8")
    block = re.search(r"^    \$ tcpackd .*?\n\n", readme, re.DOTALL | re.MULTILINE)[0]
    start, *steps = transcript(re.sub(r"^    ", "", block, flags=re.MULTILINE).strip() + "\n")
    assert start == ("tcpackd -q -o journal.file=journal &", "")
    one = server({"journal.file": tmp_path / "journal"})
    assert len(steps) == 3
    for command, output in steps:
        command = command.replace("8001", str(one.port)).replace("tcpack ", f"tcpack -p {one.port} ")
        assert alike(shell(command, tmp_path)) == alike(output), command


def test_nc_in_the_protocol_page(server, tmp_path):
    programs.need("bash", "nc")
    one = server({})
    block, = [block for block in examples("tcpack-protocol.7") if "nc -N" in block]
    (command, output), = transcript(block)
    assert shell(command.replace("8001", str(one.port)), tmp_path) == output.rstrip("\n")


# English words that a native reader stumbles over where these documents used them.
STUMBLES = re.compile(r"\b(whoever|heeds?|bells?|rings?|had better|for good|of late|may well|"
                      r"no other thing|anew|as ever)\b|\bbehind (the|a|each|its) (byte|record|last)",
                      re.IGNORECASE)


@pytest.mark.parametrize("path", [
    path for folder in (programs.SOURCE, programs.SOURCE / "man", programs.SOURCE / "src")
    for path in sorted(folder.iterdir()) if path.name in ("README", "NEWS") or path.suffix == ".in"],
    ids=lambda path: f"{path.parent.name}-{path.name}")
def test_words(path):
    text = path.read_text(encoding="utf-8")
    assert [found[0] for found in STUMBLES.finditer(text)] == []
