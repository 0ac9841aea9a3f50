"""
Why: log lines appear while the user types, and the terminal may stop tcpack, hang up or fail.
tcpack must not send text that the user did not see, and must restore the terminal's modes.
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


def test_what_is_said_while_a_line_is_typed_has_lines_of_its_own(libedit):
    """The text typed so far is shown again, because it is sent with the rest of the line."""
    typed = threading.Event()

    def first(connection):
        receive_until(connection, lambda data: data == b"hello\n")
        connection.sendall(b"ok\n")
        assert typed.wait(DEADLINE)

    def second(connection):
        receive_until(connection, lambda data: data == b"half and half\n")
        connection.sendall(b"done\n")
        receive_all(connection)

    with Peer(first, second) as peer, terminal(peer, "-r") as screen:
        screen.expect(PROMPT)
        screen.type("hello\r")
        screen.expect("ok\r\n" + PROMPT)
        screen.type("half")
        screen.expect("half")
        typed.set()
        screen.expect("\ntcpack: warning: .*the server closed the connection\r\n")
        screen.expect(PROMPT + "half")
        screen.type(" and half\r")
        screen.expect("done\r\n")
        screen.type(CTRL_D)
        assert screen.end() == 0


def test_with_r_and_no_editing_the_prompt_is_shown_again():
    with Peer(lambda connection: connection.recv(100) and connection.sendall(b"bye\n")) as peer:
        with terminal(peer, "-r", term="dumb") as screen:
            screen.expect(PROMPT)
            screen.type("hello\r")
            screen.expect("bye\r\n" + PROMPT + "\r\n")
            screen.expect("tcpack: warning: .*the server closed the connection\r\n" + PROMPT)
            screen.type(CTRL_D)
            assert screen.end() == 0


@pytest.mark.parametrize("number", [signal.SIGWINCH, signal.SIGCONT])
def test_the_prompt_is_shown_again_after_a_signal_amid_a_message(number):
    """The next log line was taken for the terminal's change, which leaves the prompt as it is."""
    sent, answer, ended = threading.Event(), threading.Event(), threading.Event()

    def serve(connection):
        connection.recv(100)
        sent.set()
        assert answer.wait(DEADLINE)
        connection.sendall(b"bye\n")
        assert ended.wait(DEADLINE)

    with Peer(serve) as peer, terminal(peer, "-r", term="dumb") as screen:
        screen.expect(PROMPT)
        screen.type("hello\r")
        assert sent.wait(DEADLINE)
        screen.process.send_signal(number)
        answer.set()
        screen.expect("bye\r\n" + PROMPT)
        ended.set()
        screen.expect("tcpack: warning: .*the server closed the connection\r\n" + PROMPT)
        screen.type(CTRL_D)
        assert screen.end() == 0


def test_an_error_at_the_prompt_has_a_line_of_its_own(term):
    with Peer(lambda connection: connection.recv(100) and connection.sendall(b"bye\n")) as peer:
        with terminal(peer, term=term) as screen:
            screen.expect(PROMPT)
            screen.type("hello\r")
            screen.expect("bye\r\n")
            screen.expect("\ntcpack: error: .*the server closed the connection\r\n"
                          "tcpack: error: 1 sent, 1 acknowledged, 0 not\r\n")
            assert screen.end() == 75


def test_stopped_by_the_terminal(libedit, server):
    """Ctrl-Z restores the terminal's modes for the shell. In the foreground, editing continues."""
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


@pytest.mark.parametrize("typed, message", [
    (b"a\xe9\r", b"a"),                      # Latin-1, and Enter is the byte after it
    (b"\xe9b\xc3\xa9\xf0\x9f\r", "bé".encode()),
    (b"\xf0\x9f\xc3\xa9\xc3\xc3\xa9\r", "éé".encode()),
    (b"a\xff\xfe\x80b\r", b"ab"),
    (b"a\xf0\x9f\xe9\x7fb\r", b"b"),         # Backspace
])
def test_a_byte_after_an_invalid_one_counts(libedit, server, typed, message):
    one = server({"server.reply": "recorded {seq}"})
    with terminal(one) as screen:
        screen.expect(PROMPT)
        screen.type(typed)
        screen.expect("recorded 1")
        screen.type(CTRL_D)
        assert screen.end() == 0
    assert one.messages() == [message]


def bytes_read_by(screen):
    with open(f"/proc/{screen.process.pid}/io", encoding="ascii") as io:
        return int(re.search(r"rchar: (\d+)", io.read())[1])


def test_interrupt_drops_also_what_was_handed_over(server, term):
    """When the terminal edits the line, Ctrl-D within a line passes on its beginning."""
    one = server({"server.reply": "recorded {seq}"})
    with terminal(one, term=term) as screen:
        screen.expect(PROMPT)
        screen.type("not this")
        screen.expect("not this")
        read = bytes_read_by(screen)
        screen.type(CTRL_D)
        if term != "xterm":
            wait_until(lambda: bytes_read_by(screen) == read + len("not this"), "a read() of it")
        screen.type(CTRL_C)
        screen.expect("\r\n" + PROMPT)
        screen.type("but this\r")
        screen.expect("recorded 1")
        screen.type(CTRL_D)
        assert screen.end() == 0
    assert one.messages() == [b"but this"]


@pytest.mark.parametrize("fault, status, said", [
    ("EIO", 0, PROMPT),
    ("ENXIO", 75, "\ntcpack: error: cannot read from the terminal: No such device or address\r\n"),
])
def test_a_terminal_that_cannot_be_read(server, term, fault, status, said):
    """A terminal that was hung up counts as end of file; any other error is logged."""
    programs.need_strace()
    with open(programs.tcpack(), "rb") as program:
        if b"__lsan_" in program.read():
            pytest.skip("LeakSanitizer, which is built into tcpack, does not work under strace")
    tracer = ["strace", "-o", "/dev/null", "-P", "/proc/self/fd/0",
              "-e", f"inject=read:error={fault}"]
    command = [*tracer, programs.tcpack(), "-c", "/dev/null", *address_of(server())]
    with Terminal(command, environment(TERM=term)) as screen:
        screen.expect(PROMPT)
        screen.type("hello\r")
        assert screen.end() == status
        assert re.search(said.encode(), screen.shown)
