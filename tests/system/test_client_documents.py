"""
Why: tcpack(1) and -h must match the program. The examples of the page run unchanged, and every
option is listed in the page, in -h and in the completion.
"""

import re
import subprocess

import pytest
from harness import programs
from harness.documents import options
from harness.tcpack import environment, tcpack
from harness.waiting import DEADLINE

PAGE = (programs.SOURCE / "man" / "tcpack.1.in").read_text(encoding="utf-8")
COMPLETIONS = programs.SOURCE / "etc" / "bash-completion"
NUMBER = re.compile(r"\d+(\.\d+)?")


def examples():
    """Each literal display of the section as [(command, output)]."""
    section = PAGE.split(".Sh EXAMPLES\n")[1].split("\n.Sh ")[0]
    for block in re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed$", section, re.DOTALL | re.MULTILINE):
        parts = re.split(r"^\$ (.*)\n", block.replace("\\e", "\\"), flags=re.MULTILINE)[1:]
        yield list(zip(parts[::2], parts[1::2]))


def alike(text):
    """Replaces measured times and rates, and the port, which differ in each run."""
    text = re.sub(r"connected to 127\.0\.0\.1:\d+", "connected", text)
    text = re.sub(r"in [\d.]+ s: \d+/s", "in TIME: RATE", text)
    return re.sub(r"\d+ us|(?<=latency_us\":)\d+", "TIME", text)


@pytest.mark.parametrize("steps", examples(), ids=lambda steps: steps[-1][0])
def test_example(server, tmp_path, steps):
    programs.need("bash")
    config = tmp_path / "client.ini"
    config.write_text(f"[client]\nport = {server().port}\n")
    for command, output in steps:
        script = f'tcpack() {{ {programs.tcpack()} -c {config} "$@"; }}\n{command}'
        result = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environment(),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, timeout=DEADLINE, check=True)
        assert alike(result.stdout.decode()) == alike(output), command


def test_help_has_the_options_of_the_page():
    said = tcpack(None, "-h").stdout.decode()
    assert options("tcpack.1") <= set(re.findall(
        r"(?<![\w-])(-[A-Za-z0-9]|--[a-z-]+)", said))
    shown = re.sub(r"/\S+/tcpack\.ini", "/etc/tcpack.ini", said).splitlines()
    assert all(len(line) <= 80 for line in shown) and len(shown) < 24  # one screen


def test_page_has_the_options_of_the_help():
    said = tcpack(None, "-h").stdout.decode()
    listed = set(re.findall(r"(?:^  |, |  )(-[A-Za-z0-9]|--[a-z-]+)", said, re.MULTILINE))
    assert len(listed) > 15
    assert listed <= options("tcpack.1")


def complete(program, line, folder):
    """The completions that bash offers for a command line."""
    script = f"""
        source {COMPLETIONS / program}
        COMP_WORDS=({line}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        _{program}
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    result = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True,
                            encoding="utf-8", timeout=DEADLINE, check=True)
    assert result.stderr == ""
    return set(result.stdout.split())


def test_completion_offers_the_options_of_the_page(tmp_path):
    assert complete("tcpack", "tcpack -", tmp_path) == options("tcpack.1")


@pytest.mark.parametrize("line, offered", [
    ("tcpack -f ''", {"auto", "line", "nul", "octet", "syslog", "relp"}),
    ("tcpack -f n", {"nul"}),
    ("tcpack --l", {"--load"}),
    ("tcpack -p ''", set()),
    ("tcpack -p 80 -f li", {"line"}),
    ("tcpack hello -f ''", {"auto", "line", "nul", "octet", "syslog", "relp"}),
    ("tcpack --framing li", {"line"}),
    ("tcpack -p -", set()),
    ("tcpack -f line -- -", set()),
    ("tcpack -H -- --l", {"--load"}),
    ("tcpack -- -", set()),
    ("tcpack -c some", {"some.ini"}),
    ("tcpack -H :: 1 -f ''", {"auto", "line", "nul", "octet", "syslog", "relp"}),  # as bash cuts ::1
    ("tcpack -H fe80 :: 1 --l", {"--load"}),
    ("tcpack --window = 5 --l", {"--load"}),
    ("tcpack --window = 5 hello --l", {"--load"}),
    ("tcpack --window = 5", set()),
    ("tcpack -H /", None),
])
def test_completion(tmp_path, line, offered):
    (tmp_path / "some.ini").touch()
    found = complete("tcpack", line, tmp_path)
    if offered is None:
        assert "/tmp" in found
    else:
        assert found == offered


def test_completion_of_the_server(tmp_path):
    program = programs.tcpackd()
    (tmp_path / "some.ini").touch()
    options = programs.run(program, "-h").stdout
    assert complete("tcpackd", f"{program} -", tmp_path) == set(
        re.findall(r"(?<![\w-])(?:-[A-Za-z]\b|--[a-z]+)", options))
    for option in "-c", "--config", "--config =":  # as bash cuts --config=
        assert complete("tcpackd", f"{program} {option} so", tmp_path) == {"some.ini"}
    assert complete("tcpackd", f"{program} -o jou", tmp_path) == {
        "journal.file=", "journal.format=", "journal.sync=", "journal.mode=", "journal.postgresql=",
        "journal.replicas=", "journal.commit_timeout="}
    assert "client.prompt=" in complete("tcpackd", f"{program} -o ''", tmp_path)
