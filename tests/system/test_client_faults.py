"""
Why: any system call of tcpack may fail. With -r all lines are acknowledged once the call works
again. Without -r, the exit status and standard error say what was not acknowledged.
"""

import os
import threading
from pathlib import Path

import pytest
from harness import programs
from harness.peers import Peer, receive_until
from harness.tcpack import finish, start
from harness.waiting import DEADLINE, wait_until

LINES = [b"line %d" % number for number in range(1000)]
SEQ = {"server.framing": "line", "server.reply": "{seq}"}


@pytest.fixture(autouse=True)
def strace():
    programs.need_strace()
    with open(programs.tcpack(), "rb") as program:
        if b"__lsan_" in program.read():
            pytest.skip("LeakSanitizer, which is built into tcpack, does not work under strace")


def inject(server, fault, *arguments):
    client = start(server, "-f", "line", "-w", 50, *arguments,
                   wrap=["strace", "-o", "/dev/null", "-e", f"inject={fault}"])
    return finish(client, b"\n".join(LINES))


@pytest.mark.parametrize("fault", [
    "sendto:error=EINTR:when=1+2",
    "sendto:error=EAGAIN:when=1+2",
    "recvfrom:error=EINTR:when=1+2",
    "recvfrom:error=EAGAIN:when=1+2",
    "pselect6:error=EINTR:when=1+2",
    "write:error=EINTR:when=1+2",
    "write:error=EAGAIN:when=1+2",
])
def test_what_only_means_to_try_again(server, fault):
    one = server(SEQ)
    result = inject(one, fault)
    assert (result.status, result.stderr) == (0, "")
    assert len(result.replies) == len(LINES)
    assert one.messages() == LINES


@pytest.mark.parametrize("fault, said", [
    ("sendto:error=ECONNRESET:when=3+4", "Connection reset by peer"),
    ("sendto:error=EPIPE:when=3+4", "Broken pipe"),
    ("sendto:error=ENOBUFS:when=3+4", "No buffer space available"),
    ("recvfrom:error=ECONNRESET:when=3+4", "Connection reset by peer"),
    ("recvfrom:error=EHOSTUNREACH:when=3+4", "No route to host"),
    ("recvfrom:retval=0:when=3+4", "the server closed the connection"),
    ("connect:error=ENETUNREACH:when=1..2", "Network is unreachable"),
    ("socket:error=EMFILE:when=1..2", "Too many open files"),
    ("getsockopt:error=ENOBUFS:when=1", "No buffer space available"),
    ("getsockname:error=ENOBUFS:when=1", "No buffer space available"),
])
def test_what_breaks_a_connection(server, fault, said):
    one = server(SEQ)
    result = inject(one, fault, "-r")
    assert result.status == 0, result.stderr
    assert f": {said}" in result.stderr
    assert "no acknowledgement within" not in result.stderr
    assert len(result.replies) == len(LINES)
    assert list(dict.fromkeys(one.messages())) == LINES


@pytest.mark.parametrize("fault, status, said", [
    ("sendto:error=ENOBUFS:when=2", 75, "No buffer space available"),
    ("recvfrom:error=ECONNRESET:when=2", 75, "Connection reset by peer"),
    ("pselect6:error=EBADF:when=4", 75, "cannot wait: Bad file descriptor"),
    ("write:error=ENOSPC:when=2", 75, "cannot write to standard output: No space left on device"),
    ("socket:error=EMFILE:when=1", 69, "Too many open files"),
])
def test_what_ends_it(server, fault, status, said):
    one = server(SEQ)
    result = inject(one, fault)
    assert result.status == status
    assert said in result.stderr
    assert status != 75 or "to resume: --from " in result.stderr
    assert one.messages() == LINES[:len(one.messages())]


def state_of(pid):
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]


def test_a_reply_that_arrives_while_tcpack_is_stopped_is_in_time(tmp_path):
    """What counted was the time after the stop, with what had arrived before it."""
    asked, stopped = threading.Event(), threading.Event()

    def serve(connection):
        receive_until(connection, lambda data: data == b"a\n")
        asked.set()
        assert stopped.wait(DEADLINE)
        connection.sendall(b"ok\n")
        receive_until(connection, lambda data: data == b"b\n")
        connection.sendall(b"ok\n")

    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    # The second read() of its input, which comes after it has looked what there is, takes long.
    wrap = ["strace", "-D", "-o", "/dev/null", "-P", str(fifo),
            "-e", "inject=read:delay_enter=1500ms:when=2"]
    with Peer(serve) as peer:
        own = os.open(fifo, os.O_RDWR)
        client = start(peer, "-f", "line", "-t", 1, wrap=wrap, stdin=os.open(fifo, os.O_RDONLY))
        os.write(own, b"a\n")
        assert asked.wait(DEADLINE)
        wait_until(lambda: state_of(client.pid) == "S", "a wait for more input")
        os.write(own, b"b\n")
        wait_until(lambda: state_of(client.pid) == "t", "the read of it")
        stopped.set()
        os.close(own)
        result = finish(client)
    assert (result.status, result.replies) == (0, [b"ok", b"ok"]), result
