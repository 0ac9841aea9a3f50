"""
What tcpack-journal(1) and -h say is what tcpack-journal does: the page's examples run as they stand,
and every option is in the page, in -h and in the completion.
"""

import re
import subprocess

import pytest

from harness import programs
from harness.reader import read, record
from harness.tcpack import environment
from harness.waiting import DEADLINE

PAGE = (programs.SOURCE / "man" / "tcpack-journal.1.in").read_text(encoding="utf-8")
COMPLETION = programs.SOURCE / "etc" / "bash-completion" / "tcpack-journal"
TIME = "2026-11-23T04:12:07.031415Z"


def examples():
    """Each literal display of the section as [(command, output)]."""
    section = PAGE.split(".Sh EXAMPLES\n")[1].split("\n.Sh ")[0]
    for block in re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed$", section, re.DOTALL | re.MULTILINE):
        parts = re.split(r"^\$ (.*)\n", block.replace("\\e", "\\"), flags=re.MULTILINE)[1:]
        yield list(zip(parts[::2], parts[1::2]))


@pytest.mark.parametrize("steps", examples(), ids=lambda steps: steps[-1][0])
def test_example(tmp_path, steps):
    programs.need("bash", "gzip")
    first = record(1, b"door open", peer="127.0.0.1:53310", time=TIME)
    second = record(2, b"door closed", peer="127.0.0.1:53312", time=TIME)
    rotated = any("journal.[0-9]*" in command for command, _ in steps)
    (tmp_path / "journal").write_bytes(second if rotated else first + second)
    if rotated:
        (tmp_path / "journal.1").write_bytes(first)
    (tmp_path / "journal.seq").write_text("100002\n")
    for command, output in steps:
        script = (f'date() {{ echo {TIME[:10]}; }}; '
                  f'tcpack-journal() {{ {programs.tcpack_journal()} "$@"; }}\n{command}')
        result = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environment(),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, timeout=DEADLINE, check=True)
        assert result.stdout.decode() == output, command


def options_of_page():
    found = set()
    for line in re.findall(r"^\.It (Fl .*)$", PAGE, re.MULTILINE):
        found.update("-" + option for option in re.findall(r"Fl (-?[\w-]+)", line))
    return found


def test_help_and_page_have_the_same_options():
    shown = read("-h").stdout.decode()
    assert options_of_page() == set(re.findall(r"(?<![\w-])(-[A-Za-z0]|--[a-z-]+)", shown))
    lines = re.sub(r"/\S+/tcpack\.ini", "/etc/tcpack.ini", shown).splitlines()
    assert max(map(len, lines)) <= 80 and len(lines) < 24  # one screen


def complete(line, folder):
    """What bash offers for a command line."""
    script = f"""
        source {COMPLETION}
        COMP_WORDS=({line}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        _tcpack_journal
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    result = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True,
                            encoding="utf-8", timeout=DEADLINE, check=True)
    assert result.stderr == ""
    return set(result.stdout.split())


def test_completion(tmp_path):
    (tmp_path / "journal.1").touch()
    assert complete("tcpack-journal -", tmp_path) == options_of_page()
    assert complete("tcpack-journal --js", tmp_path) == {"--json"}
    for before in "", "-f", "-c", "--position", "--once --receipts":
        assert complete(f"tcpack-journal {before} jou", tmp_path) == {"journal.1"}
    assert complete("tcpack-journal --peer u", tmp_path) == {"unix"}
    assert complete("tcpack-journal --from jou", tmp_path) == set()


def test_what_ships_is_written_alike_in_both_pages():
    """And as the tests of shipping run it."""
    command, = re.findall(r"^\.Dl \$ (tcpack-journal -f .*)$", PAGE, re.MULTILINE)
    server = (programs.SOURCE / "man" / "tcpackd.8.in").read_text(encoding="utf-8")
    assert f".Dl {command}\n" in server
    assert "--id $(hostname) --resume P | tcpack -q -r -f octet --position P" in command
