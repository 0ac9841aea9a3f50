"""
Why: a completion that lacks an option, or fails in the shell it was written for, is seen by nobody
who builds with another shell. So the real fish and zsh complete command lines here, and must offer
what the manual pages list. bash: test_client_documents.py.
"""

import os
import re
import subprocess

import pytest
from harness import programs
from harness.documents import options
from harness.tcpack import environment
from harness.terminal import Terminal
from harness.waiting import DEADLINE

FRAMINGS = "those that tcpack -h lists"


def fish(line, folder):
    """What fish offers at the end of the line."""
    programs.need("fish")
    program = os.path.basename(line.split()[0])
    file = programs.SOURCE / "etc" / "fish-completion" / f"{program}.fish"
    done = subprocess.run(["fish", "--no-config", "-c", f"source {file}; complete -C '{line}'"],
                          cwd=folder, env=environment(HOME=str(folder)), capture_output=True,
                          encoding="utf-8", stdin=subprocess.DEVNULL, timeout=DEADLINE, check=True)
    assert done.stderr == ""
    return {offer.split("\t")[0].removeprefix("--framing=") for offer in done.stdout.splitlines()}


# The completion of an interactive shell: its list of matches, and nothing else that it would add.
ZSH = """PS1='READY> ' fpath=({folder} $fpath); autoload -U compinit; compinit -D -u
zstyle ':completion:*' verbose no; LISTMAX=10000; bindkey '^T' list-choices; echo SET''UP
"""


def zsh(line, folder):
    """What zsh lists at the end of the line, which is dropped then."""
    programs.need("zsh")
    files = programs.SOURCE / "etc" / "zsh-completion"
    with Terminal(["zsh", "-f"], environment(TERM="xterm", HOME=str(folder)), size=(200, 100)) as shell:
        shell.type(f"cd {folder}\n" + ZSH.format(folder=files))
        shell.expect("SETUP\r\n")
        shell.expect("READY> ")  # before, the terminal itself would take ^U, and drop the line
        begin = shell.seen
        shell.type(f"{line}\x14\x15echo EN''D\n")
        shell.expect("END\r\n")
        shown = shell.shown[begin:shell.seen].decode()
        shell.type("exit\n")
        shell.end()
    listed = re.search(r"\n\x1b\[J(.*?)\x1b\[\d*A", shown, re.DOTALL)
    return set(listed[1].split()) if listed else set()


@pytest.mark.parametrize("complete", [fish, zsh])
def test_options_are_those_of_the_page(tmp_path, complete):
    assert complete("tcpack -", tmp_path) == options("tcpack.1")
    assert complete("tcpackd -", tmp_path) == options("tcpackd.8")
    assert complete("tcpack-journal -", tmp_path) == options("tcpack-journal.1")


@pytest.mark.parametrize("complete", [fish, zsh])
@pytest.mark.parametrize("line, offered", [
    ("tcpack -f ", FRAMINGS),
    ("tcpack -f n", {"nul"}),
    ("tcpack --framing=n", {"nul"}),
    ("tcpack --framing n", {"nul"}),
    ("tcpack hello -f li", {"line"}),
    ("tcpack --lo", {"--load"}),
    ("tcpack -p ", set()),
    ("tcpack so", set()),
    ("tcpack -- -", set()),
    ("tcpack -c so", {"some.ini"}),
    ("tcpackd -c so", {"some.ini"}),
])
def test_completion(tmp_path, complete, line, offered):
    (tmp_path / "some.ini").touch()
    if offered == FRAMINGS:
        help_text = programs.run(programs.tcpack(), "-h").stdout
        offered = set(re.search(r"--framing (\S+)", help_text)[1].split("|"))
        assert len(offered) > 4
    assert complete(line, tmp_path) == offered


@pytest.mark.parametrize("complete", [fish, zsh])
def test_keys_are_those_of_the_server(tmp_path, complete):
    """Of the program that is named in the command line, which has this version's."""
    program = programs.tcpackd()
    (tmp_path / "tcpackd").symlink_to(program)
    section, keys = "", set()
    for line in programs.run(program, "-c", "/dev/null", "-T").stdout.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif re.match(r"[a-z]", line):
            keys.add(f"{section}.{line.split(' = ')[0].removesuffix(' =')}=")
    assert "server.host=" in keys and "client.prompt=" in keys
    assert complete("./tcpackd -o ", tmp_path) == keys
    assert complete("./tcpackd --option j", tmp_path) == {
        key for key in keys if key.startswith("journal.")}

