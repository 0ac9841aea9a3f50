"""
Why: at a terminal, a person types, edits, interrupts and resizes. This must work with and without
libedit, on a dumb terminal, and with a server that closes the connection at the prompt.
"""

import os
import signal
import stat
import threading

import pytest
from harness import programs
from harness.peers import Peer, receive_all, receive_until
from harness.prompt import (CTRL_A, CTRL_C, CTRL_D, CTRL_R, LEFT, PROMPT, UP, edits, need_libedit,
                            terminal)
from harness.server import spins
from harness.tcpack import address_of, environment
from harness.terminal import Terminal
from harness.waiting import DEADLINE, wait_until


@pytest.fixture
def libedit():
    need_libedit()


@pytest.fixture(params=["xterm", "dumb", ""])
def term(request):
    return request.param


def test_conversation(server, term):
    one = server({"server.reply": "recorded {seq}"})
    with terminal(one, term=term) as screen:
        screen.expect(PROMPT)
        screen.type("hello\r")
        screen.expect("recorded 1\r\n" + PROMPT)
        screen.type("\r")
        screen.expect("recorded 2\r\n" + PROMPT)
        screen.type("gr\u00fc\u00df dich\r")
        screen.expect("recorded 3\r\n" + PROMPT)
        screen.type(CTRL_D)
        assert screen.end() == 0
        assert screen.shown.endswith(b"\r\n")
    assert one.messages() == [b"hello", b"", "gr\u00fc\u00df dich".encode()]


def test_typing_ahead(server, term):
    """Text typed while tcpack waits for an acknowledgement is not lost."""
    one = server({"server.reply": "recorded {seq}"})
    with terminal(one, term=term) as screen:
        screen.expect(PROMPT)
        screen.type("one\r")
        screen.expect("recorded 1")
        screen.type("two\rthree\rfour\r")
        screen.expect("recorded 4")
        screen.type(CTRL_D)
        assert screen.end() == 0
    assert one.messages() == [b"one", b"two", b"three", b"four"]


def test_interrupt_drops_the_line(server, term):
    one = server({"server.reply": "recorded {seq}"})
    with terminal(one, term=term) as screen:
        screen.expect(PROMPT)
        screen.type("not this")
        screen.expect("not this")
        screen.type(CTRL_C)
        screen.expect("\r\n" + PROMPT)
        screen.type("but this\r")
        screen.expect("recorded 1")
        screen.type(CTRL_D)
        assert screen.end() == 0
    assert one.messages() == [b"but this"]


def test_interrupt_while_it_waits_for_an_acknowledgement_ends_it():
    sent = threading.Event()

    def serve(connection):
        receive_until(connection, lambda data: b"\n" in data)
        sent.set()
        receive_all(connection)

    with Peer(serve) as peer, terminal(peer) as screen:
        screen.expect(PROMPT)
        screen.type("hello\r")
        assert sent.wait(DEADLINE)
        screen.type(CTRL_C)
        assert screen.end() == 75
        screen.expect("interrupted\r\n.*1 sent, 0 acknowledged, 1 not")


@pytest.mark.usefixtures("libedit")
def test_termination_at_the_prompt_restores_the_terminal(server):
    with terminal(server()) as screen:
        screen.expect(PROMPT)
        wait_until(lambda: edits(screen), "the terminal in the mode for editing")
        screen.process.send_signal(signal.SIGTERM)
        assert screen.end() == 75
        assert not edits(screen) and b"sent, " not in screen.shown  # nothing was to be sent


def test_the_server_going_away_is_noticed_at_the_prompt(term):
    with Peer(lambda connection: connection.recv(100) and connection.sendall(b"bye\n")) as peer:
        with terminal(peer, term=term) as screen:
            screen.expect(PROMPT)
            screen.type("hello\r")
            screen.expect("bye\r\n")
            screen.expect("the server closed the connection")  # without any input
            assert screen.end() == 75


def test_a_bare_reply_with_which_the_server_goes_away():
    """A classroom server that serves one message. tcpack does not silently reconnect."""
    def serve(connection):
        connection.recv(100)
        connection.sendall(b"bye")

    with Peer(serve) as peer, terminal(peer) as screen:
        screen.expect(PROMPT)
        screen.type("hello\r")
        screen.expect("bye\r\n")
        screen.expect("the server closed the connection")
        assert screen.end() == 75


def test_replies_too_many_are_none_for_the_next_message():
    def first(connection):
        receive_until(connection, lambda data: data == b"one\n")
        connection.sendall(b"a\nb\nc\n")
        receive_all(connection)

    def second(connection):
        receive_until(connection, lambda data: data == b"two\n")
        connection.sendall(b"d\n")
        receive_all(connection)

    with Peer(first, second) as peer, terminal(peer, "-r") as screen:
        screen.expect(PROMPT)
        screen.type("one\r")
        screen.expect("a\r\n")
        screen.expect("the server sent more replies than there were messages")
        screen.type("two\r")
        screen.expect("d\r\n")
        screen.type(CTRL_D)
        assert screen.end() == 0


def test_hangup_keeps_the_history(libedit, server, tmp_path):
    with terminal(server(), state=tmp_path) as screen:
        screen.expect(PROMPT)
        screen.type("hello\r")
        screen.expect("received.*\r\n" + PROMPT)
        screen.process.send_signal(signal.SIGHUP)
        assert screen.end() == 75
    assert b"hello" in (tmp_path / "tcpack" / "history").read_bytes()


def test_with_r_the_prompt_stays_when_the_server_goes_away():
    def serve(connection):
        connection.recv(100)
        connection.sendall(b"bye\n")

    with Peer(serve, serve) as peer, terminal(peer, "-r") as screen:
        screen.expect(PROMPT)
        screen.type("hello\r")
        screen.expect("bye\r\n")
        screen.expect("the server closed the connection")
        screen.type("again\r")
        screen.expect("bye\r\n")
        screen.type(CTRL_D)
        assert screen.end() == 0


def test_a_message_that_cannot_be_sent_does_not_end_the_conversation(server):
    one = server({"server.framing": "nul", "server.reply": "recorded {seq}"})
    with terminal(one, "-f", "nul", term="dumb") as screen:
        screen.expect(PROMPT)
        screen.type("a\0b\r")
        screen.expect("NUL")
        screen.expect(PROMPT)
        screen.type("hello\r")
        screen.expect("recorded 1")
        screen.type(CTRL_D)
        assert screen.end() == 0
    assert one.messages() == [b"hello"]


def test_what_is_typed_ahead_waits(term):
    """It waits for the acknowledgement of the message before, without using processor time."""
    answer = threading.Event()

    def serve(connection):
        receive_until(connection, lambda data: b"\n" in data)
        assert answer.wait(DEADLINE)
        connection.sendall(b"first\n")
        receive_until(connection, lambda data: b"\n" in data)
        connection.sendall(b"second\n")

    with Peer(serve) as peer, terminal(peer, term=term) as screen:
        screen.expect(PROMPT)
        screen.type("one\rtwo\r")
        screen.expect("one")
        assert not spins(screen.process.pid)
        answer.set()
        screen.expect("first(.|\n)*second")


def test_replies_cannot_control_the_terminal(server):
    one = server({"server.reply": r"\x1b]0;title\x07 \x9b31m"})
    with terminal(one, term="dumb") as screen:
        screen.expect(PROMPT)
        screen.type("hello\r")
        screen.expect(r"\\x1B\]0;title\\x07 \\x9B31m\r\n")
        screen.type(CTRL_D)
        assert screen.end() == 0


def test_replies_go_to_a_file_and_the_prompt_does_not(server, tmp_path):
    one = server({"server.reply": "recorded {seq}"})
    with open(tmp_path / "replies", "wb") as replies, terminal(one, stdout=replies) as screen:
        screen.expect(PROMPT)
        screen.type("hello\r")
        screen.expect(PROMPT)
        screen.type(CTRL_D)
        assert screen.end() == 0
    assert (tmp_path / "replies").read_bytes() == b"recorded 1\n"


def test_editing(libedit, server):
    one = server({"server.reply": "recorded {seq}"})
    with terminal(one) as screen:
        screen.expect(PROMPT)
        screen.type("wrld" + LEFT * 3 + "o" + CTRL_A + "hello \r")
        screen.expect("recorded 1")
        screen.type(UP + "!\r")
        screen.expect("recorded 2")
        screen.type(CTRL_R + "wor")
        screen.expect("world")
        screen.type("\r")
        screen.expect("recorded 3")
        screen.type(CTRL_D)
        assert screen.end() == 0
    assert one.messages() == [b"hello world", b"hello world!", b"hello world!"]


def test_history_across_runs(libedit, server, tmp_path):
    one = server({"server.reply": "recorded {seq}"})
    history = tmp_path / "state" / "tcpack" / "history"
    for number, keys in enumerate(["first\r", UP + " and second\r", UP + UP + "\r"], 1):
        with terminal(one, state=tmp_path / "state") as screen:
            screen.expect(PROMPT)
            screen.type(keys)
            screen.expect(f"recorded {number}")
            screen.type(CTRL_D)
            assert screen.end() == 0
        assert stat.S_IMODE(history.stat().st_mode) == 0o600
        assert stat.S_IMODE(history.parent.stat().st_mode) == 0o700
    assert one.messages() == [b"first", b"first and second", b"first"]


def test_history_that_others_could_read_is_closed_to_them(libedit, server, tmp_path):
    history = tmp_path / "tcpack" / "history"
    history.parent.mkdir()
    history.touch(0o644)
    with terminal(server(), state=tmp_path) as screen:
        screen.expect(PROMPT)
        screen.type("hello\r")
        screen.expect("received")
        screen.type(CTRL_D)
        assert screen.end() == 0
    assert stat.S_IMODE(history.stat().st_mode) == 0o600


@pytest.mark.parametrize("there", [True, False])
def test_history_below_a_home_that_is_there(libedit, server, tmp_path, there):
    """The home of a user without one is /nonexistent, which root must not create."""
    home = tmp_path / "home"
    if there:
        home.mkdir()
    command = [programs.tcpack(), "-c", "/dev/null", *address_of(server())]
    with Terminal(command, environment(TERM="xterm", HOME=str(home))) as screen:
        screen.expect(PROMPT)
        screen.type("hello\r")
        screen.expect("received")
        screen.type(CTRL_D)
        assert screen.end() == 0
    assert (home / ".local" / "state" / "tcpack" / "history").exists() == there
    assert home.exists() == there


def test_no_history(server, tmp_path):
    with terminal(server(), "--no-history", state=tmp_path) as screen:
        screen.expect(PROMPT)
        screen.type("secret\r")
        screen.expect("received")
        screen.type(CTRL_D)
        assert screen.end() == 0
    assert list(tmp_path.rglob("history")) == []


def test_resize(libedit, server):
    """Editing continues on a line that is longer than the new width."""
    one = server({"server.reply": "recorded {seq}"})
    with terminal(one) as screen:
        screen.expect(PROMPT)
        screen.type("x" * 40)
        screen.expect("x" * 40)
        screen.resize(24, 30)
        screen.process.send_signal(signal.SIGWINCH)
        screen.expect("x")  # repainted
        screen.type("y\r")
        screen.expect("recorded 1")
        screen.type(CTRL_D)
        assert screen.end() == 0
    assert one.messages() == [b"x" * 40 + b"y"]


def test_stopped_and_continued(server):
    one = server({"server.reply": "recorded {seq}"})
    with terminal(one) as screen:
        screen.expect(PROMPT)
        screen.process.send_signal(signal.SIGSTOP)
        screen.process.send_signal(signal.SIGCONT)
        screen.type("hello\r")
        screen.expect("recorded 1")
        screen.type(CTRL_D)
        assert screen.end() == 0


def make_null_device(path):
    programs.need_root()
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("no device can be made here")
    path.chmod(0o666)


def make_fifo(path):
    os.mkfifo(path)
    path.chmod(0o666)


def make_file_of_another(path):
    programs.need_root()
    path.touch()
    path.chmod(0o666)
    os.chown(path, 65534, 65534)


@pytest.mark.parametrize("linked", [False, True], ids=["itself", "linked"])
@pytest.mark.parametrize("replaced", [False, True], ids=["before", "meanwhile"])
@pytest.mark.parametrize("make", [make_null_device, make_fifo, make_file_of_another, os.mkdir])
def test_a_history_that_is_no_file_of_ones_own_stays_as_it_is(
        libedit, server, tmp_path, make, replaced, linked):
    history = tmp_path / "tcpack" / "history"
    thing = tmp_path / "thing" if linked else history
    history.parent.mkdir()

    def put():
        history.unlink(missing_ok=True)
        make(thing)
        if linked:
            history.symlink_to(thing)
        return thing.stat()

    if not replaced:
        before = put()
    with terminal(server(), state=tmp_path) as screen:
        screen.expect(PROMPT)
        screen.type("hello\r")
        screen.expect("received")
        if replaced:
            before = put()
        screen.expect(PROMPT)
        screen.type(CTRL_D)
        assert screen.end() == 0
    after = thing.stat()
    assert (after.st_mode, after.st_uid, after.st_mtime_ns, after.st_ino) == (
        before.st_mode, before.st_uid, before.st_mtime_ns, before.st_ino)


def test_a_history_that_is_a_link_is_kept_where_it_leads(libedit, server, tmp_path):
    history = tmp_path / "tcpack" / "history"
    history.parent.mkdir()
    history.symlink_to(tmp_path / "kept elsewhere")
    with terminal(server(), state=tmp_path) as screen:
        screen.expect(PROMPT)
        screen.type("hello\r")
        screen.expect("received")
        screen.type(CTRL_D)
        assert screen.end() == 0
    assert b"hello" in (tmp_path / "kept elsewhere").read_bytes()
    assert history.is_symlink()
