"""tcpack at a terminal: how it is started, and the keys that are pressed."""

import termios

import pytest
from harness import programs
from harness.tcpack import address_of, environment
from harness.terminal import Terminal

PROMPT = "Please input msg:"
UP, LEFT, CTRL_A, CTRL_C, CTRL_D, CTRL_R = "\x1b[A", "\x1b[D", "\x01", "\x03", "\x04", "\x12"
CTRL_Z, CTRL_BACKSLASH = "\x1a", "\x1c"


def need_libedit():
    with open(programs.tcpack(), "rb") as file:
        if b"el_gets" not in file.read():
            pytest.skip("tcpack was built without libedit")


def terminal(server, *arguments, state="", term="xterm", **options):
    return Terminal([programs.tcpack(), "-c", "/dev/null", *address_of(server), *map(str, arguments)],
                    environment(TERM=term, XDG_STATE_HOME=str(state)), **options)


def edits(screen):
    """Whether the terminal is in the mode for editing: it edits and shows nothing by itself."""
    return termios.tcgetattr(screen.master)[3] & (termios.ICANON | termios.ECHO) == 0
