"""
Why: what a first user tries must work: words, lines, files, wrong hosts. The exit status must tell
a script what happened to the messages.
"""

import array
import fcntl
import os
import signal
import socket
import termios

import pytest
from harness import programs
from harness.classroom import REPLY, ClassroomServer
from harness.peers import Peer, receive_all, receive_until, send_pieces
from harness.tcpack import finish, start, tcpack
from harness.waiting import DEADLINE, wait_until

SEQ = {"server.reply": "{seq}"}


def test_words_are_one_message(server):
    one = server()
    result = tcpack(one, "hello", "my", "world")
    assert (result.status, result.stdout, result.stderr) == (0, REPLY + b"\n", "")
    assert one.messages() == [b"hello my world"]


def test_words_that_look_like_options_follow_two_dashes(server):
    one = server()
    assert tcpack(one, "--", "rm", "-r", "--json").status == 0
    assert tcpack(one, "--", "-r").status == 0
    assert tcpack(one, "a", "--", "-r", "--").status == 0
    assert tcpack(one, "").status == 0
    assert one.messages() == [b"rm -r --json", b"-r", b"a -r --", b""]


def test_options_may_follow_words(server):
    one = server()
    result = finish(start(None, "hello", "-H", one.host, "there", "-p", one.port, "--framing=line", "-q"))
    assert (result.status, result.stdout, result.stderr) == (0, b"", "")
    assert one.messages() == [b"hello there"]
    assert tcpack(one, "hello", "-Z").status == 64


def test_each_line_is_a_message(server):
    one = server(SEQ)
    result = tcpack(one, data=b"one\n\ntwo with \0 and \xff and a tab\t\r\nlast without newline")
    assert (result.status, result.replies) == (0, [b"1", b"2", b"3", b"4"])
    assert one.messages() == [b"one", b"", b"two with \0 and \xff and a tab\t",
                              b"last without newline"]


def test_nothing_to_send_is_well_sent(server):
    one = server()
    assert tcpack(one).status == 0
    assert one.messages() == []


def test_long_lines(server):
    one = server({"server.framing": "line", "server.max_message": "8000000", **SEQ})
    lines = [b"x" * size for size in (65535, 65536, 65537, 7_000_000, 1)]
    assert tcpack(one, data=b"\n".join(lines)).status == 0
    assert one.messages() == lines


@pytest.mark.parametrize("framing", ["auto", "line", "nul", "octet"])
def test_every_framing(server, framing):
    one = server({"server.framing": framing, **SEQ})
    lines = [b"%d" % number * (number % 9) for number in range(1000)]
    result = tcpack(one, "-f", framing, data=b"\n".join(lines) + b"\n")
    assert (result.status, result.replies) == (0, [b"%d" % seq for seq in range(1, 1001)])
    assert one.messages() == lines


def test_octet_carries_every_byte(server):
    one = server({"server.framing": "octet", **SEQ})
    assert tcpack(one, "-f", "octet", "two\nlines").status == 0
    assert one.messages() == [b"two\nlines"]


@pytest.mark.parametrize("framing, words, name",
                         [("auto", "a\nb", "newline"), ("line", "a\nb", "newline")])
def test_words_that_the_framing_cannot_carry(server, framing, words, name):
    one = server()
    result = tcpack(one, "-f", framing, words)
    assert result.status == 65
    assert f"framing {framing} cannot carry a {name} (use -f octet)" in result.stderr
    assert one.messages() == []


def test_a_line_that_the_framing_cannot_carry_stops_after_those_before_it(server):
    one = server({"server.framing": "nul", **SEQ})
    result = tcpack(one, "-f", "nul", data=b"one\ntwo\nbad\0line\nfour\n")
    assert (result.status, result.replies) == (65, [b"1", b"2"])
    assert "cannot send message 3: framing nul cannot carry a NUL" in result.stderr
    assert one.messages() == [b"one", b"two"]


@pytest.mark.parametrize("framing, carried", [("octet", 5), ("auto", 2), ("line", 2)])
@pytest.mark.parametrize("option", ["-0", "--null"])
def test_messages_that_end_with_nul(server, framing, carried, option):
    """A message may contain any byte except NUL, as file names do. The last one needs no NUL."""
    one = server({"server.framing": framing, **SEQ})
    messages = [b"one", b"", b"two\nlines\n", b"a carriage return\r", b"last \xff"]
    result = tcpack(one, option, "-f", framing, data=b"\0".join(messages))
    assert (result.status, len(result.replies)) == (0 if carried == 5 else 65, carried)
    refusal = f"cannot send message 3: framing {framing} cannot carry a newline"
    assert (refusal in result.stderr) == (carried < 5)
    assert one.messages() == messages[:carried]
    assert tcpack(one, option, "-f", framing, "--from", 3, data=b"1\0002\0003\0").status == 0
    assert one.messages()[carried:] == [b"3"]


def test_nul_in_nul_out(server):
    one = server({"server.framing": "nul", **SEQ})
    assert tcpack(one, "-0", "-f", "nul", data=b"a\nb\0c\r\0\0").status == 0
    assert one.messages() == [b"a\nb", b"c\r", b""]


@pytest.mark.parametrize("framing", ["auto", "line"])
def test_a_carriage_return_that_belongs_to_the_message(server, framing):
    """The server would take it for a part of the line ending."""
    one = server()
    for result in (tcpack(one, "-f", framing, "word\r"),
                   tcpack(one, "-f", framing, "-0", data=b"end\r\0next\0")):
        assert result.status == 65
        assert "cannot carry a carriage return at its end" in result.stderr
    assert one.messages() == []


def test_quiet_prints_no_replies(server):
    result = tcpack(server(), "-q", data=b"one\ntwo\n")
    assert (result.status, result.stdout, result.stderr) == (0, b"", "")


def test_classroom_server():
    """It replies without a newline, so messages are sent one at a time, from words and lines."""
    with ClassroomServer() as classroom:
        result = tcpack(classroom, data=b"first\nsecond\nthird\n")
        assert (result.status, result.replies) == (0, [REPLY] * 3)
    assert classroom.received == [b"first\n", b"second\n", b"third\n"]


def test_classroom_server_that_ends_after_its_answer():
    def serve(connection):
        connection.recv(1024)
        connection.sendall(REPLY)

    with Peer(serve) as peer:
        result = tcpack(peer, "hello")
        assert (result.status, result.replies) == (0, [REPLY])


@pytest.mark.parametrize("reply", [REPLY, REPLY + b"\n"])
def test_input_that_ended_before_the_server_did(reply):
    """echo hello | tcpack: after the end of the input, a closed connection is not a loss."""
    def serve(connection):
        connection.recv(1024)
        connection.sendall(reply)

    reading, writing = os.pipe()
    os.write(writing, b"hello\n")
    os.close(writing)
    with Peer(serve) as peer, os.fdopen(reading, "rb") as data:
        result = finish(start(peer, stdin=data))
    assert (result.status, result.replies, result.stderr) == (0, [REPLY], "")


def test_first_reply_in_pieces_is_still_a_line():
    """auto decides from the complete first reply, not from the result of one recv()."""
    in_time = []

    def serve(connection):
        receive_until(connection, lambda data: data == b"a\n")
        in_time.append(send_pieces(connection, b"r", b"eply", b" one", b"\n"))
        if in_time[-1]:
            receive_until(connection, lambda data: data == b"b\nc\n")  # both at once: pipelined
            connection.sendall(b"reply two\nreply three\n")
            assert receive_all(connection) == b""

    while not any(in_time):
        with Peer(serve) as peer:
            result = tcpack(peer, data=b"a\nb\nc\n")
    assert (result.status, result.replies) == (0, [b"reply one", b"reply two", b"reply three"])


def test_connection_refused(free_port):
    result = tcpack(None, "-H", "127.0.0.1", "-p", free_port, "hello")
    assert result.status == 69
    assert "cannot connect to 127.0.0.1:" in result.stderr and "refused" in result.stderr


def test_unknown_host():
    result = tcpack(None, "-H", "no-such-host.invalid", "hello")
    assert result.status == 68
    assert "no-such-host.invalid" in result.stderr


def test_connecting_takes_no_longer_than_told():
    """A listener with a full backlog does not answer."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        queued = [socket.socket() for _ in range(4)]
        for one in queued:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        result = tcpack(None, "-H", "127.0.0.1", "-p", listener.getsockname()[1], "-t", "0.3", "x")
        for one in queued:
            one.close()
    assert result.status == 69
    assert "timed out" in result.stderr


def test_silence_is_not_an_acknowledgement():
    with Peer(receive_all) as peer:
        result = tcpack(peer, "-t", "0.3", "hello")
    assert result.status == 75
    assert "no acknowledgement within 0.3 seconds" in result.stderr
    assert "1 sent, 0 acknowledged, 1 not" in result.stderr


def test_a_server_that_goes_away_leaves_a_count():
    def serve(connection):
        receive_until(connection, lambda data: data.count(b"\n") == 5)
        connection.sendall(b"ok\nok\nhalf a rep")

    with Peer(serve) as peer:
        result = tcpack(peer, "-f", "line", data=b"1\n2\n3\n4\n5\n")
    assert (result.status, result.replies) == (75, [b"ok", b"ok"])
    assert "the server closed the connection" in result.stderr
    assert "5 sent, 2 acknowledged, 3 not" in result.stderr
    assert "--from 3" in result.stderr


def test_a_reply_too_many_is_an_error():
    """It would count as the reply to the next message."""
    def serve(connection):
        receive_until(connection, lambda data: data == b"a\n")
        connection.sendall(b"ok\nok\n")
        receive_all(connection)

    with Peer(serve) as peer:
        client = start(peer)
        client.stdin.write(b"a\n")
        client.stdin.flush()
        client.wait(30)  # its input is still open: more messages may follow
        result = finish(client)
    assert result.status == 75
    assert "more replies than there were messages" in result.stderr


def test_a_reply_too_many_without_an_end_is_an_error():
    """tcpack does not keep it in memory while the server continues to send."""
    def serve(connection):
        receive_until(connection, lambda data: data == b"a\n")
        connection.sendall(b"ok\n")
        with pytest.raises(ConnectionError):
            while True:
                connection.sendall(b"x" * 65536)

    with Peer(serve) as peer:
        client = start(peer, "-f", "line")
        client.stdin.write(b"a\n")
        client.stdin.flush()
        client.wait(30)
        result = finish(client)
    assert result.status == 75
    assert "more replies than there were messages" in result.stderr


def test_a_server_that_speaks_first_acknowledges_nothing():
    with Peer(lambda connection: (connection.sendall(b"220 mail\r\n"), receive_all(connection))) as peer:
        client = start(peer)
        client.wait(30)
        result = finish(client)
    assert result.status == 75
    assert "before any message was sent" in result.stderr


@pytest.mark.parametrize("arguments, problem", [
    (["-Z"], "there is no option -Z"),
    (["--nonsense"], "there is no option --nonsense"),
    (["--help=x"], "--help takes no value"),
    (["--json=yes", "x"], "--json takes no value"),
    (["--json", "-Zq"], "there is no option -Z"),
    (["-p"], "-p needs a value"),
    (["-p", "0", "x"], "-p takes a number from 1 to 65535, not '0'"),
    (["-p", "80x", "x"], "not '80x'"),
    (["-w", "0", "x"], "-w takes a number from 1 to 65536"),
    (["--window-bytes", "0", "x"], '--window-bytes: "0" is out of range: 1 to 1073741824'),
    (["--window-bytes", "1k", "x"], '"1k" is not a number from 1 to 1073741824, which may end with K'),
    (["-t", "-1", "x"], "-t takes seconds"),
    (["-t", "1.", "x"], "-t takes seconds"),
    (["-t", ".", "x"], "-t takes seconds"),
    (["-t", "0.1234567", "x"], "-t takes seconds"),
    (["-f", "lines", "x"], "-f takes auto, line, nul, octet, syslog or relp, not 'lines'"),
    (["--load", "5", "x"], "cannot be combined with MESSAGE"),
    (["--from", "5", "x"], "cannot be combined with MESSAGE"),
    (["-0", "x"], "cannot be combined with MESSAGE"),
    (["--load", "5", "-0"], "cannot be combined with --load"),
    (["--null=x"], "--null takes no value"),
    (["-H", "localhost:8001", "x"], "write -H localhost -p 8001"),
    (["x", "-H", "[::1]:8001"], "write -H [::1] -p 8001"),
    (["--host=example.net:", "x"], "write -H example.net -p PORT"),
    (["-H", ":8001", "x"], "-H needs a host before ':8001'"),
    (["-H", "", "x"], "-H takes an address, a name, or the path of a Unix socket, not ''"),
    (["-c", "", "x"], "-c takes the name of a file, not ''"),
    (["--position=", "x"], "--position takes the name of a file, not ''"),
    (["-f", "", "x"], "-f takes auto, line, nul, octet, syslog or relp, not ''"),
    (["-p", "", "x"], "-p takes a number from 1 to 65535, not ''"),
    (["-t", "", "x"], "-t takes seconds"),
    (["--id=", "x"], "--id takes a name"),
    (["--load", "5", "-r"], "cannot be combined with --load"),
    (["--load", "5", "--retries", "2"], "cannot be combined with --load"),
    (["--load", "5", "--from", "1"], "cannot be combined with --load"),
    (["--load", "5", "--json"], "cannot be combined with --load"),
    (["--load", "5", "--no-history"], "cannot be combined with --load"),
])
def test_usage(arguments, problem):
    result = tcpack(None, *arguments)
    assert result.status == 64
    assert problem in result.stderr and "tcpack -h" in result.stderr


@pytest.mark.parametrize("kind, reason", [
    ("file", "does not have a position in it"), ("fifo", "it is not a regular file"),
    ("directory", "it is not a regular file")])
def test_position_is_no_other_file(server, tmp_path, kind, reason):
    """A wrong name must be found before anything is sent, and must not be written over."""
    path = tmp_path / "position"
    {"file": lambda: path.write_text("readings\n"), "fifo": lambda: os.mkfifo(path),
     "directory": path.mkdir}[kind]()
    one = server()
    result = tcpack(one, "--position", path, "dev 1 x")
    assert result.status == 64 and reason in result.stderr
    assert one.journal().read() == []
    assert kind != "file" or path.read_text() == "readings\n"


def test_help_and_version():
    for option in "-h", "--help":
        result = tcpack(None, option)
        assert result.status == 0 and result.stdout.startswith(b"usage: tcpack ")
    for option in "-V", "--version":
        result = tcpack(None, option)
        assert result.status == 0 and result.stdout.startswith(b"tcpack ")


def test_configuration_says_where_and_how(server, tmp_path):
    one = server({"server.framing": "nul", **SEQ})
    config = tmp_path / "client.ini"
    config.write_text(f"[client]\nhost = {one.host}\nport = {one.port}\nframing = nul\n")
    result = programs.run(programs.tcpack(), "-c", config, "hello")
    assert (result.returncode, result.stdout) == (0, "1\n")


def test_configuration_errors(tmp_path):
    config = tmp_path / "client.ini"
    config.write_text("[client]\nport = 99999\n\nprot = 1\n")
    result = programs.run(programs.tcpack(), "-c", config, "hello")
    assert result.returncode == 78
    assert f"tcpack: error: {config}:2: " in result.stderr
    assert f"tcpack: error: {config}:4: " in result.stderr
    result = programs.run(programs.tcpack(), "-c", tmp_path / "none.ini", "hello")
    assert result.returncode == 78 and "none.ini" in result.stderr


def bytes_in(pipe):
    count = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


def test_interrupt_while_the_configuration_comes(tmp_path):
    """The configuration is a pipe with a slow writer."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    pipe = os.open(path, os.O_RDWR)
    os.write(pipe, b"[client]\n")
    client = start(None, "-c", path, "hello")
    wait_until(lambda: bytes_in(pipe) == 0, "a read() of the configuration")
    client.send_signal(signal.SIGINT)
    try:
        assert client.wait(DEADLINE) == -signal.SIGINT
    finally:
        os.close(pipe)
        finish(client)


def test_standard_output_that_is_gone_is_said(server):
    client = start(server(SEQ))
    client.stdout.close()
    client.stdin.write(b"one\n")
    client.stdin.flush()
    assert client.wait(30) == 75
    assert b"cannot write to standard output: Broken pipe" in client.stderr.read()
    client.stdin.close()
    client.stderr.close()


def test_input_that_cannot_be_read(server):
    folder = os.open("/", os.O_RDONLY)
    result = finish(start(server(), stdin=folder))
    os.close(folder)
    assert result.status == 75
    assert "cannot read standard input: Is a directory" in result.stderr
