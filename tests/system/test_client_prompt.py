"""
The prompt and what is said meanwhile, and a terminal that stops tcpack, ends it or fails: nothing
is sent that was not seen, and who comes next gets the terminal as it was.
"""

import re
import signal
import threading

import pytest
from harness import programs
from harness.peers import Peer, receive_all, receive_until
from harness.prompt import (CTRL_BACKSLASH, CTRL_C, CTRL_D, CTRL_Z, LEFT, PROMPT, edits,
                            need_libedit, terminal)
from harness.tcpack import address_of, environment
from harness.terminal import Terminal
from harness.waiting import DEADLINE, wait_until


@pytest.fixture
def libedit():
    need_libedit()


@pytest.fixture(params=["xterm", "dumb", ""])
def term(request):
    return request.param


def test_stopped_by_the_terminal(libedit, server):
    """Ctrl-Z: the shell gets its terminal as it was; back in the foreground, editing goes on."""
    programs.need("bash")
    one = server({"server.reply": "recorded {seq}"})
    command = " ".join([programs.tcpack(), "-c", "/dev/null", *address_of(one)])
    script = f"set -m; {command}; echo stopped; read line; echo read $line; fg; echo status $?"
    with Terminal(["bash", "-c", script], environment(TERM="xterm")) as screen:
        screen.expect(PROMPT)
        screen.type("hel")
        screen.expect("hel")
        screen.type(CTRL_Z)
        screen.expect("stopped\r\n")
        assert not edits(screen)
        screen.type("a line\r")
        screen.expect("read a line\r\n")
        screen.expect(PROMPT + "hel")
        assert edits(screen)
        screen.type("lx" + LEFT + "o" + CTRL_D + "\r")
        screen.expect("recorded 1")
        screen.expect(PROMPT)
        screen.type(CTRL_D)
        screen.expect("status 0")
        assert screen.end() == 0
    assert one.messages() == [b"hello"]


def test_quit_by_the_terminal(libedit, server):
    programs.need("prlimit")
    command = ["prlimit", "--core=0", programs.tcpack(), "-c", "/dev/null", *address_of(server())]
    with Terminal(command, environment(TERM="xterm")) as screen:
        screen.expect(PROMPT)
        wait_until(lambda: edits(screen), "the terminal in the mode for editing")
        screen.type(CTRL_BACKSLASH)
        assert screen.end() == -signal.SIGQUIT
        assert not edits(screen)


def test_tabs_are_typed(server, term):
    one = server({"server.reply": "recorded {seq}"})
    with terminal(one, term=term) as screen:
        screen.expect(PROMPT)
        screen.type("21.5\tdegrees\r")
        screen.expect("recorded 1")
        screen.type(CTRL_D)
        assert screen.end() == 0
    assert one.messages() == [b"21.5\tdegrees"]


def test_what_is_no_character_is_not_dropped_in_silence(libedit, server):
    one = server({"server.reply": "recorded {seq}"})
    with terminal(one) as screen:
        screen.expect(PROMPT)
        screen.type(b"a\xff")
        screen.expect("a(.|\n)*\x07")
        screen.type("b\r")
        screen.expect("recorded 1")
        screen.type(CTRL_D)
        assert screen.end() == 0
    assert one.messages() == [b"ab"]
