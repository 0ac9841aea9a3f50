"""
Why: a server that runs for years is never convenient to restart. So: on SIGHUP everything that can
change does, connections stay, a file with a mistake changes nothing, what needs a restart is said
by name, and reloading under load loses and doubles nothing.
"""

import os
import re
import select
import signal
import socket
import stat
import subprocess

import pytest

from harness import programs
from harness.client import Client
from harness.load import ANSWER_SEQ, Load
from harness.server import LISTENING, READY, Server, ini, parse_address
from harness.tracing import finished, tracer
from harness.waiting import DEADLINE, wait_until

READ_AGAIN = "tcpackd: the configuration was read again"


def reload(server, settings, expect=READ_AGAIN):
    """Change some settings (None: remove), reload, and wait until the server says `expect`."""
    for key, value in settings.items():
        if value is None:
            del server.settings[key]
        else:
            server.settings[key] = value
    server.config.write_text(ini(server.settings))
    count = len(server.log.matches(expect))
    server.send_signal(signal.SIGHUP)
    server.log.wait(expect, count + 1)


def is_refused(address):
    """Whether nobody listens there."""
    family, where = address
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(where) != 0


def test_reply_and_limits_change_for_connections_that_stay(server):
    one = server({"server.framing": "line", "server.reply": "before"})
    with Client(one) as client:
        assert client.say(b"1") == b"before"
        reload(one, {"server.reply": "after", "server.max_message": 3})
        assert client.say(b"2") == b"after"
        client.send(b"four\n")
        assert client.receive_all() == b""
    with Client(one) as client:
        assert client.say(b"3") == b"after"


def test_framing_stays_for_connections_that_stay(server):
    one = server({"server.framing": "line", "server.reply": "{bytes}"})
    with Client(one) as before:
        before.send(b"whole\nhalf a ")
        assert before.receive_until() == b"5"  # so it was accepted before the reload
        reload(one, {"server.framing": "octet"})  # in which replies differ, too
        assert before.say(b"line") == b"11"
        with Client(one) as after:
            after.send(b"3 a\nb")
            after.end_sending()
            assert after.receive_all() == b"1 3"


def test_reply_that_the_framing_cannot_carry_changes_nothing(server):
    """The rest of it would count as another reply, for a message that is not recorded."""
    one = server({"server.framing": "line", "server.reply": "before"})
    with Client(one) as client:
        reload(one, {"server.reply": r"after\n"}, expect="nothing is changed")
        one.log.wait(re.escape(f"error: {one.config}:4: reply: "))
        assert client.say(b"hello") == b"before"


def test_reply_that_the_framing_of_a_connection_cannot_carry(server):
    """The framing of an open connection stays, and so does its reply then."""
    one = server({"server.framing": "line", "server.reply": "before"})
    with Client(one) as before:
        assert before.say(b"1") == b"before"
        reload(one, {"server.framing": "octet", "server.reply": r"after\n"})
        with Client(one) as after:
            after.send(b"1 2")
            assert after.receive() == b"6 after\n"
            assert before.say(b"3\n4") == b"before"
            assert before.receive_until() == b"before"
        reload(one, {"server.reply": "fits"})
        assert before.say(b"5") == b"fits"
    assert one.messages() == [b"1", b"2", b"3", b"4", b"5"]


def test_buffer_grows(server):
    one = server({"server.framing": "line", "server.buffer_size": 1000})
    with Client(one) as client:
        client.say(b"before")
        reload(one, {"server.buffer_size": 1 << 20})
        client.say(b"y" * 1000000)
    assert one.messages() == [b"before", b"y" * 1000000]


def test_timeouts_begin_for_connections_that_stay(server):
    one = server({"server.framing": "line"})
    with Client(one) as client:
        client.say(b"hello")
        reload(one, {"server.idle_timeout": 1})
        assert client.receive_all() == b""
    one.log.wait("no message came within idle_timeout")


def test_listeners_come_and_go(server, tmp_path):
    path = tmp_path / "socket"
    one = server({"server.framing": "line", "listener gone.port": 0, "listener gone.reply": "gone"})
    gone = one.addresses[1]
    with Client(one) as kept, Client(gone) as left:
        kept.say(b"1")
        left.say(b"2")
        reload(one, {"listener gone.port": None, "listener gone.reply": None,
                     "listener new.host": path, "listener new.reply": "new"})
        one.log.wait(f"server start at {path}")
        assert is_refused(gone)
        assert kept.say(b"3") == b"server received you message."
        assert left.say(b"4") == b"gone"  # its section is gone, it stays as it was
        with Client((socket.AF_UNIX, str(path))) as client:
            assert client.say(b"5") == b"new"
        with Client(one) as client:
            assert client.say(b"6") == b"server received you message."
        reload(one, {"listener new.host": None, "listener new.reply": None})
        assert not path.exists()
    assert one.messages() == [b"%d" % number for number in range(1, 7)]


def test_address_moves(server):
    one = server({"server.framing": "line"})
    before = one.addresses[0]
    reload(one, {"server.host": "::1"})
    after = parse_address(one.log.matches(LISTENING)[1][1])
    assert after[0] == socket.AF_INET6
    assert is_refused(before)
    with Client(after) as client:
        client.say(b"hello")


@pytest.mark.parametrize("host", ["*", "0.0.0.0"])
def test_address_widens_and_narrows_on_its_port(server, tmp_path, host):
    """Where the old socket and the new one cannot be without each other's leave."""
    keeper = socket.socket()  # of a port that is free on all addresses, whoever else asks for one
    keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    keeper.bind(("0.0.0.0", 0))
    port = keeper.getsockname()[1]
    one = server({"server.framing": "line", "server.port": port})
    with keeper, Client(one) as client:
        client.say(b"1")
        reload(one, {"server.host": host, "server.port": port})
        with Client((socket.AF_INET, ("127.0.0.2", port))) as other:
            other.say(b"2")
        refused = tmp_path / "refused.ini"  # the port is not open to others of the same user
        refused.write_text(ini({"server.port": port}))
        assert programs.run(programs.tcpackd(), "-c", refused).returncode == 69
        reload(one, {"server.host": "127.0.0.1"})
        assert is_refused((socket.AF_INET, ("127.0.0.2", port)))
        with Client(one) as other:
            other.say(b"3")
        client.say(b"4")
    reload(one, {"listener all.host": host, "listener all.port": port},
           expect="nothing is changed")  # beside one that stays it is an error, as at a start


def test_backlog_and_socket_mode_change_in_place(server, tmp_path):
    path = tmp_path / "socket"
    one = server({"server.host": path, "server.socket_mode": "0600", "server.framing": "line"})
    inode = path.stat().st_ino
    reload(one, {"server.socket_mode": "0666", "server.backlog": 7})
    assert stat.S_IMODE(path.stat().st_mode) == 0o666
    assert path.stat().st_ino == inode
    with Client(one) as client:
        client.say(b"hello")


def test_socket_mode_that_cannot_change_is_said(server, tmp_path):
    programs.need_strace()
    path = tmp_path / "socket"
    one = server({"server.host": path},
                 wrap=["strace", "-D", "-o", "/dev/null", "-e", "trace=chmod", "-e",
                       "inject=chmod:error=EPERM"])
    reload(one, {"server.socket_mode": "0666"},
           f"tcpackd: warning: cannot change socket_mode of {path}, which stays as it was: Operation")
    assert stat.S_IMODE(path.stat().st_mode) == 0o660


def test_socket_that_somebody_removed_is_made_again(server, tmp_path):
    path = tmp_path / "socket"
    one = server({"server.host": path, "server.framing": "line"})
    with Client(one) as client:
        client.say(b"hello")
        path.unlink()
        reload(one, {})
        with Client(one) as other:
            other.say(b"hello")
        client.say(b"hello")
        inode = path.stat().st_ino
        reload(one, {})
        assert path.stat().st_ino == inode
    one.stop()
    assert not path.exists()


def test_what_is_in_a_socket_s_place_stays(server, tmp_path):
    path = tmp_path / "socket"
    one = server({"server.host": path})
    os.rename(path, tmp_path / "moved")
    path.write_text("somebody else's")
    path.chmod(0o600)
    reload(one, {"server.socket_mode": "0666"}, expect="nothing is changed")
    one.log.wait(f"error: cannot listen on {path}: File exists")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("somebody else's", 0o600)


def test_port_that_was_chosen_can_be_set(server):
    """The socket stays: it would not be free for another one."""
    one = server({"server.framing": "line"})
    descriptors = one.descriptors()
    with Client(one) as client:
        client.say(b"hello")
        reload(one, {"server.port": one.port})
        client.say(b"hello")
        reload(one, {"listener two.port": one.port}, expect="nothing is changed")
        del one.settings["listener two.port"]
        reload(one, {"server.port": one.port})
    with Client(one) as client:
        client.say(b"hello")
    assert len(one.log.matches(LISTENING)) == 1 and not one.log.matches("server stop")
    wait_until(lambda: one.descriptors() == descriptors, "no other socket")


@pytest.mark.parametrize("change", [
    {"listener gone.host": None, "listener gone.port": None},
    {"listener gone.host": "::1", "listener gone.port": "0"},
])
def test_those_who_wait_when_a_listener_goes_are_accepted(server, change):
    """Closing it would reset them, who are connected as far as they know."""
    one = server({"server.framing": "line", "server.max_clients": 1, "listener gone.host": "127.0.0.1",
                  "listener gone.port": "0"})
    gone = one.addresses[1]
    with Client(one) as client:
        client.say(b"hello")
        waiting = [Client(gone) for _ in range(3)]
        for number, one_waits in enumerate(waiting):
            one_waits.send(b"%d\n" % number)
        reload(one, {**change, "server.max_clients": 3})
        for one_waits in waiting[:2]:  # as far as there is room
            assert one_waits.receive_until() == b"server received you message."
        assert waiting[2].receive_all() == b""
        assert is_refused(gone)


def test_keepalive_changes_for_connections_that_stay(server, tmp_path):
    programs.need_strace()
    trace = tmp_path / "trace"
    one = server({"server.framing": "line", "listener two.host": tmp_path / "socket"},
                 wrap=["strace", "-D", "-o", trace, "-e", "trace=accept4,setsockopt"])
    two = Client(one.addresses[1])
    with Client(one) as client, two:
        client.say(b"hello")
        two.say(b"hello")
        reload(one, {"server.keepalive": 3600})
        client.say(b"hello")
        two.say(b"hello")
    text = trace.read_text()
    fd = re.search(r"^accept4\(.*AF_INET.* = (\d+)$", text, re.MULTILINE)[1]
    changed = re.findall(rf"setsockopt\({fd}, SOL_TCP, TCP_KEEPIDLE, \[(\d+)\]", text)
    assert changed == ["3600"]
    assert "cannot change" not in str(one.log)


def test_invalid_file_changes_nothing(server):
    one = server({"server.framing": "line", "server.reply": "before"})
    with Client(one) as client:
        reload(one, {"server.reply": "after", "server.prot": 1, "server.port": "x"},
               expect="nothing is changed")
        assert [match[1] for match in one.log.matches(f"error: {one.config}:(.+)")] == [
            '2: port: "x" is not a number from 0 to 65535',
            '5: unknown key "prot" in [server] (did you mean "port"?)',
            " nothing is changed",
        ]
        assert client.say(b"hello") == b"before"


def test_address_in_use_changes_nothing(server):
    other = server({})
    one = server({"server.framing": "line", "server.reply": "before"})
    reload(one, {"server.reply": "after", "listener two.host": "127.0.0.1",
                 "listener two.port": other.port}, expect="nothing is changed")
    one.log.wait(f"error: cannot listen on 127.0.0.1:{other.port}: Address already in use")
    with Client(one) as client:
        assert client.say(b"hello") == b"before"


def test_journal_that_cannot_be_opened_changes_nothing(server, tmp_path):
    one = server({"server.framing": "line", "journal.file": tmp_path / "journal"})
    reload(one, {"journal.file": tmp_path / "no" / "journal", "listener two.port": 0,
                 "server.reply": "after"}, expect="nothing is changed")
    one.log.wait("recording goes on where it was")
    one.settings["journal.file"] = tmp_path / "journal"
    with Client(one) as client:
        assert client.say(b"hello") == b"server received you message."
    assert one.messages() == [b"hello"]
    assert len(one.log.matches(LISTENING)) == 1


def test_journal_moves_and_numbers_go_on(server, tmp_path):
    one = server({"server.framing": "line", "server.reply": "{seq}",
                  "journal.file": tmp_path / "first"})
    with Client(one) as client:
        assert client.say(b"one") == b"1"
        reload(one, {"journal.file": tmp_path / "second", "journal.format": "json"})
        assert client.say(b"two") == b"2"
    assert [record.seq for record in one.journal(first=2).read()] == [2]


def test_mistake_does_not_keep_a_rotated_journal_from_being_opened(server, tmp_path):
    path = tmp_path / "journal"
    one = server({"server.framing": "line", "journal.file": path})
    with Client(one) as client:
        client.say(b"one")
        os.rename(path, tmp_path / "rotated")
        reload(one, {"server.port": "x"}, expect="nothing is changed")
        client.say(b"two")
    assert b"two" in path.read_bytes()


def test_address_in_use_does_not_keep_a_rotated_journal_from_being_opened(server, tmp_path):
    other = server({})
    path = tmp_path / "journal"
    one = server({"server.framing": "line", "journal.file": path})
    with Client(one) as client:
        client.say(b"one")
        os.rename(path, tmp_path / "rotated")
        reload(one, {"server.port": other.port}, expect="nothing is changed")
        client.say(b"two")
    assert b"two" in path.read_bytes()


def test_log_level_changes(server):
    one = server({"server.framing": "line"})
    with Client(one) as client:
        client.say(b"hello")
    reload(one, {"log.level": "debug"})
    with Client(one) as client:
        client.say(b"hello")
    one.log.wait("tcpackd: closed 127.0.0.1")


def test_restart_is_said_by_name(server):
    one = server({})
    reload(one, {"server.user": "nobody"})
    one.log.wait('warning: user = nobody needs a restart: it is "" until then')
    reload(one, {"server.user": "daemon"})
    one.log.wait('warning: user = daemon needs a restart: it is "" until then')
    reload(one, {"server.user": ""})
    assert len(one.log.matches("needs a restart")) == 2, str(one.log)


def test_max_clients_shrinks_and_grows(server):
    one = server({"server.framing": "line"})
    with Client(one) as first, Client(one) as second:
        first.say(b"1")
        second.say(b"2")
        reload(one, {"server.max_clients": 1})
        one.log.wait("max_clients is reached")
        with Client(one) as third:
            third.send(b"3\n")
            assert first.say(b"4") and second.say(b"5")
            reload(one, {"server.max_clients": 3})
            assert third.receive_until() == b"server received you message."


@pytest.mark.parametrize("rounds", [50, pytest.param(1000, marks=pytest.mark.long)])
def test_under_load(server, tmp_path, rounds):
    """Replies, listeners and journal change all the time; nothing is lost or doubled."""
    path = tmp_path / "socket"
    one = server({**ANSWER_SEQ, "journal.file": tmp_path / "journal"})
    with Load(one) as load:
        for number in range(rounds):
            on = number % 2 == 0
            reload(one, {"server.buffer_size": 4096 if on else 65536,
                         **({"listener extra.host": path} if on else {"listener extra.host": None})})
        enough = load.acknowledged + 1000
        wait_until(lambda: load.acknowledged >= enough, "the load going on")
    load.check(one.records())


def test_check_leaves_the_server_alone(server):
    """What ExecReload= does first."""
    one = server({"server.framing": "line"})
    one.config.write_text("[server]\nport = x\n")
    result = programs.run(programs.tcpackd(), "-c", one.config, "-t")
    assert result.returncode == 78
    with Client(one) as client:
        client.say(b"hello")


@pytest.mark.parametrize("call, error", [
    ("openat", "EMFILE"), ("openat", "EACCES"), ("read", "EIO"), ("socket", "EMFILE"),
    ("fcntl", "EINVAL"), ("setsockopt", "ENOMEM"), ("bind", "EACCES"), ("listen", "EADDRINUSE"),
    ("getsockname", "ENOBUFS"), ("newfstatat", "EIO"), ("flock", "EAGAIN"),
    ("pread64", "EIO"), ("fdatasync", "EIO"), ("fsync", "EIO"), ("rename", "EIO"),
    ("close", "EIO"), ("unlink", "EACCES"), ("chmod", "EPERM"),
])
def test_every_call_of_a_reload_may_fail(server, tmp_path, call, error):
    """The first, the second... of its kind: the server says what it did, and serves on."""
    programs.need_strace()
    one = server({"server.framing": "line", "server.reply": "{seq}",
                  "journal.file": tmp_path / "journal-0"})
    seq = 0
    with Client(one) as client:
        for number in range(1, 5):
            strace = subprocess.Popen(
                ["strace", "-p", str(one.pid), "-o", "/dev/null", "-e", f"trace={call}",
                 "-e", f"inject={call}:error={error}:when={number}"],
                stderr=subprocess.PIPE, encoding="utf-8")
            try:
                assert "attached" in strace.stderr.readline()
                reload(one, {"journal.file": tmp_path / f"journal-{number}",
                             f"listener new{number}.host": tmp_path / f"socket-{number}",
                             f"listener tcp{number}.port": 0},
                       expect="the configuration was read again|nothing is changed")
            finally:
                strace.terminate()
                strace.communicate(timeout=DEADLINE)
            seq += 1
            assert client.say(b"hello") == b"%d" % seq
        reload(one, {})  # nothing is left that stands in the way
        with Client((socket.AF_UNIX, str(tmp_path / "socket-4"))) as other:
            assert other.say(b"hello") == b"%d" % (seq + 1)


def test_default_file_that_is_gone_changes_nothing(server, tmp_path):
    """None at the start means the defaults; one that is away when it is read again does not."""
    programs.need_root()
    programs.need("unshare", "mount")
    default = re.search(r"\[(/.*)/tcpack\.ini\]", programs.run(programs.tcpackd(), "-h").stdout)[1]
    folder = tmp_path / "configuration"  # what the server sees at the place of its own
    folder.mkdir()
    apart = ["unshare", "--mount", "sh", "-c",
             f'mount --bind {folder} {default} && exec "$1" -o server.port=0', "sh"]
    if programs.run(*apart, "true").returncode != 0:
        pytest.skip("no mounts of its own")
    config = folder / "tcpack.ini"
    one = server(wrap=apart)  # without a file

    def reload_default(expect):
        count = len(one.log.matches(expect))
        one.send_signal(signal.SIGHUP)
        one.log.wait(expect, count + 1)

    reload_default(READ_AGAIN)
    config.write_text("[server]\nframing = line\nreply = of the file\n")
    reload_default(READ_AGAIN)
    config.unlink()
    reload_default("nothing is changed")
    one.log.wait(f"error: {default}/tcpack.ini: cannot read the configuration: No such file or directory")
    with Client(one) as client:
        assert client.say(b"hello") == b"of the file"


@pytest.mark.parametrize("text", ["", "\n", "\r\n \t\n"])
def test_emptied_file_changes_nothing(server, text):
    """Many programs empty a file before they write it: what is in effect is not what that says."""
    one = server({"server.framing": "line", "server.reply": "before"})
    one.config.write_text(text)
    one.send_signal(signal.SIGHUP)
    one.log.wait(f"error: {one.config}: cannot read the configuration: it is empty, and was not")
    one.log.wait("nothing is changed")
    with Client(one) as client:
        assert client.say(b"hello") == b"before"


def test_file_of_comments_means_the_defaults(server):
    """The shipped file is one. One that was empty may stay so."""
    one = server({"journal.sync": "no"}, arguments=["-o", "server.port=0"])
    for count, text in enumerate(["# nothing\n", "# still nothing\n"], 1):
        one.config.write_text(text)
        one.send_signal(signal.SIGHUP)
        one.log.wait(READ_AGAIN, count)


def test_pipe_that_gives_nothing_does_not_keep_the_server_waiting(server, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writing = os.open(pipe, os.O_RDWR)
    os.write(writing, b"[server]\nport = 0\nreply = before\n")
    one = Server(tmp_path, arguments=["-c", pipe]).spawn()
    wait_until(lambda: not select.select([writing], [], [], 0)[0], "the configuration to be read")
    os.close(writing)
    one.log.wait("wait for connection")
    one.addresses = [parse_address(match[1]) for match in one.log.matches(LISTENING)]
    writing = os.open(pipe, os.O_RDWR)
    one.send_signal(signal.SIGHUP)
    one.log.wait("nothing comes out of this pipe now")
    with Client(one) as client:
        assert client.say(b"hello") == b"before"
    os.close(writing)
    one.stop()


def test_names_are_looked_up_at_the_start_only(tmp_path):
    """When the name server is away, a lookup takes a minute in which nobody is served."""
    programs.need_strace()
    trace = tmp_path / "trace"
    one = Server(tmp_path, {"server.framing": "line", "server.host": "localhost"},
                 wrap=tracer(trace, "trace=openat,write"))
    with one:
        reload(one, {"server.reply": "again"})
        reload(one, {"listener same.host": "localhost", "listener same.port": 0})
        where = parse_address(one.log.matches(LISTENING)[-1][1])
        with Client(where) as client:
            assert client.say(b"hello") == b"again"
        reload(one, {"listener same.host": "other.invalid"}, expect="nothing is changed")
        one.log.wait(r"error: cannot listen on other\.invalid port 0: names are looked up only at "
                     "the start: write its address, or restart")
        reload(one, {"listener same.host": "127.0.0.1"})
    lines = finished(trace)
    ready = [number for number, line in enumerate(lines) if READY in line][0]
    assert [line for line in lines[:ready] if "/etc/hosts" in line]
    assert not [line for line in lines[ready:] if "/etc/hosts" in line or "resolv.conf" in line]
