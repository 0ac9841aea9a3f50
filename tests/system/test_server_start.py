"""
Starting and stopping: where it listens, what it says, and what a user reads when it cannot.
"""

import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from harness import programs
from harness.classroom import REPLY
from harness.client import Client, send_until_stuck
from harness.load import ANSWER_SEQ, Load
from harness.server import READY, Log, Server
from harness.waiting import DEADLINE, wait_until


def refused(*overrides, wrap=()):
    """Run tcpackd, which must end by itself because it cannot listen: its standard error."""
    arguments = [part for override in overrides for part in ("-o", override)]
    command = [*wrap, programs.tcpackd(), "-c", "/dev/null", *arguments]
    result = programs.run(*command)
    assert result.returncode == 69, result.stderr
    assert result.stdout == ""
    return result.stderr


def has_ipv6():
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on this machine")


def test_the_first_lines(server):
    one = server()
    assert one.log.lines == [f"tcpackd: configuration {one.config}",
                             "tcpackd: journal standard output, last record 0",
                             f"tcpackd: server start at 127.0.0.1:{one.port}",
                             "tcpackd: wait for connection..."]


def test_the_first_lines_of_a_server_with_a_past(server, tmp_path):
    """Which journal it goes on with, after which record; which address is which listener's."""
    journal = tmp_path / "journal"
    first = server({"server.framing": "line", "journal.file": journal})
    with Client(first) as client:
        client.say(b"hello")
    first.stop()
    one = server({"journal.file": journal, "listener alarms.port": 0})
    assert one.log.lines[1:] == [f"tcpackd: journal {journal}, last record 1",
                                 f"tcpackd: server start at 127.0.0.1:{one.port}",
                                 f"tcpackd: server start at 127.0.0.1:{one.addresses[1][1][1]}"
                                 " for [listener alarms]",
                                 "tcpackd: wait for connection..."]


def test_that_there_is_no_configuration_is_said(tmp_path):
    """Who edits another file than tcpackd reads should see it; only -c insists on its file."""
    default = re.search(r"\[(\S+/tcpack\.ini)\]", subprocess.run(
        [programs.tcpackd(), "--help"], check=True, capture_output=True, text=True).stdout)[1]
    if os.path.exists(default):
        pytest.skip(f"there is {default}")
    process = subprocess.Popen([programs.tcpackd(), "-o", "server.port=0"], stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE)
    log = Log(process.stderr)
    log.wait(re.escape(READY))
    process.terminate()
    assert process.wait(DEADLINE) == 0
    assert log.lines[0] == f"tcpackd: there is no {default}: the defaults apply"


@pytest.mark.parametrize("time, of_file, of_pipe", [
    ("auto", True, False), ("yes", True, True), ("no", False, False)])
def test_times_in_the_log(tmp_path, time, of_file, of_pipe):
    """A log in a file needs times; a terminal, a pipe and a service manager get the plain lines."""
    start = [programs.tcpackd(), "-c", "/dev/null", "-o", f"log.time={time}",
             "-o", "log.level=error", "-o", f"server.host={tmp_path}/no/folder"]
    with open(tmp_path / "log", "wb") as file:
        assert subprocess.run(start, stderr=file, check=False).returncode == 69
    lines = (tmp_path / "log").read_text().splitlines()
    form = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z tcpackd: error: "
    assert bool(re.match(form, lines[0])) == of_file and "tcpackd: error: " in lines[0]
    piped = subprocess.run(start, stderr=subprocess.PIPE, check=False, text=True).stderr
    assert bool(re.match(form, piped)) == of_pipe and "tcpackd: error: " in piped


def has_localhost():
    try:
        return bool(socket.getaddrinfo("localhost", 0, socket.AF_INET))
    except OSError:
        return False


@pytest.mark.parametrize("host", [
    "127.0.0.1", "0.0.0.0",
    pytest.param("localhost", marks=pytest.mark.skipif(
        not has_localhost(), reason="no localhost in this machine's /etc/hosts"))])
def test_hosts(server, host):
    one = server({"server.host": host})
    with Client((socket.AF_INET, ("127.0.0.1", one.port))) as client:
        assert client.say(b"hello") == REPLY
        assert one.records()[0].peer == client.peer


@ipv6
def test_ipv6(server):
    one = server({"server.host": "::1"})
    with Client(one) as client:
        assert client.say(b"hello") == REPLY
        assert one.records()[0].peer == client.peer
        assert client.peer.startswith("[::1]:")


@ipv6
def test_ipv4_in_the_form_of_ipv6(server):
    """It was refused as an invalid argument for an IPv4 address that had not been given."""
    one = server({"server.host": "::ffff:127.0.0.1", "server.allow": "127.0.0.1"})
    with Client((socket.AF_INET, ("127.0.0.1", one.port))) as client:
        assert client.say(b"hello") == REPLY
        assert one.records()[0].peer == client.peer
    one.send_signal(signal.SIGHUP)
    one.log.wait("the configuration was read again")
    with Client((socket.AF_INET, ("127.0.0.1", one.port))) as client:
        assert client.say(b"hello") == REPLY


@pytest.fixture
def port_of_both():
    """As free_port, with IPv4 and with IPv6."""
    with socket.socket(socket.AF_INET6) as keeper:
        keeper.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("::", 0))
        yield keeper.getsockname()[1]


@ipv6
def test_star_is_ipv4_and_ipv6_on_one_port(server, port_of_both):
    one = server({"server.host": "*", "server.port": port_of_both})
    for family, host in [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]:
        with Client((family, (host, one.port))) as client:
            assert client.say(b"hello") == REPLY
            assert one.records()[-1].peer == client.peer


def test_port_in_use():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert refused(f"server.port={port}").splitlines() == [
            f"tcpackd: error: cannot listen on 127.0.0.1:{port}: Address already in use "
            "(by which program: ss -ltnp)"]


def test_a_port_can_be_taken_again_at_once(server, free_port):
    """After a restart with connections left in TIME_WAIT."""
    one = server({"server.framing": "line", "server.port": free_port})
    with Client(one) as client:
        assert client.say(b"hello") == REPLY
        one.stop()
    one.start()
    with Client(one) as client:
        assert client.say(b"hello") == REPLY


def test_privileged_port():
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as file:
        if int(file.read()) <= 1:
            pytest.skip("this machine has no privileged ports")
    wrap = ()
    if os.geteuid() == 0:
        programs.need("setpriv")
        wrap = ("setpriv", "--bounding-set=-net_bind_service", "--inh-caps=-net_bind_service")
    assert refused("server.port=1", wrap=wrap).splitlines() == [
        "tcpackd: error: cannot listen on 127.0.0.1:1: Permission denied "
        "(a port below 1024 needs root, or tcpackd.socket)"]


@pytest.mark.parametrize("host, reason", [
    ("192.0.2.1", "cannot listen on 192.0.2.1:8001: Cannot assign requested address (this "
     "machine does not have the address: set another host)"),
    ("no-such-host.invalid", "cannot listen on no-such-host.invalid"),
])
def test_hosts_that_are_not_ours(host, reason):
    assert refused(f"server.host={host}").startswith(f"tcpackd: error: {reason}")


def test_backlog_that_the_kernel_cuts(server):
    with open("/proc/sys/net/core/somaxconn", encoding="ascii") as file:
        allowed = int(file.read())
    if allowed >= 65535:
        pytest.skip("this kernel allows every backlog that can be configured")
    one = server({"server.backlog": str(allowed + 1)})
    line = one.log.matches("^tcpackd: warning: .*backlog")[0].string
    assert str(allowed) in line and str(allowed + 1) in line and "somaxconn" in line
    fits = server({"server.backlog": str(allowed)})
    assert not fits.log.matches("somaxconn")


def test_more_clients_than_descriptors(server):
    """max_clients beyond the descriptor limit is lowered, and that is said."""
    programs.need("prlimit")
    one = server({"server.max_clients": "5000"}, wrap=["prlimit", "--nofile=100:100"])
    assert "5000" in one.log.wait("^tcpackd: warning: .*max_clients").string


def test_soft_limit_is_raised(server):
    """Only the hard limit counts."""
    programs.need("prlimit")
    one = server({"server.framing": "line", "server.backlog": "2000"},
                 wrap=["prlimit", "--nofile=20:1500"])
    clients = [Client(one) for _ in range(1200)]
    for client in clients:  # and all of them stay
        assert client.say(b"hello") == REPLY
    for client in clients:
        client.close()


def pending(one, number):
    """Whether the process has still to take a signal that it was sent."""
    status = (Path("/proc") / str(one.pid) / "status").read_text(encoding="ascii")
    mask = int(re.search(r"^ShdPnd:\s*([0-9a-f]+)$", status, re.MULTILINE)[1], 16)
    return bool(mask >> (number - 1) & 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_finishes_the_round(server, number):
    """What was read is recorded and answered, and nothing else; the exit is clean."""
    one = server(ANSWER_SEQ)
    load = Load(one, clients=4, window=64)
    load.run_until(lambda: load.acknowledged > 1000)
    one.send_signal(number)
    load.drain()
    load.close()
    assert one.wait() == 0, str(one.log)
    load.check(one.records(), exact=True)


def test_stop_leaves_time_to_take_the_replies(server):
    """
    One who has not read yet, and sends on, gets a reply for every record all the same: a close with
    its messages unread made of the end a reset, which threw away what was on its way.
    """
    one = server({"server.framing": "line"})
    with Client(one, receive_buffer=4096) as client:
        send_until_stuck(client, b"message\n" * 100)
        one.send_signal(signal.SIGTERM)
        wait_until(lambda: not pending(one, signal.SIGTERM), "the signal's arrival")
        replies = client.receive_all().count(REPLY + b"\n")
    assert one.wait() == 0, str(one.log)
    assert replies == len(one.records()) > 1000


def test_a_blocked_signal_is_unblocked(server):
    """Whoever starts the server may have blocked it, and the mask is inherited."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    try:
        one = server()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    one.stop()


def test_stop_with_idle_clients_and_unread_replies(server):
    """Nobody who does not read keeps the server from stopping."""
    one = server({"server.framing": "line", "server.reply": "r" * 150})
    with Client(one), Client(one, receive_buffer=4096) as rude:
        send_until_stuck(rude, b"message\n" * 100)
        one.stop()


def test_second_signal_ends_at_once(tmp_path):
    """A round that hangs, here in a journal whose reader is stuck, can be ended all the same."""
    reading, writing = os.pipe()
    one = Server(tmp_path, {"server.framing": "line"}, stdout=writing).start()
    os.close(writing)
    with Client(one) as client:
        send_until_stuck(client, b"message\n" * 1000)
        one.send_signal(signal.SIGTERM)
        wait_until(lambda: not pending(one, signal.SIGTERM), "the first signal's arrival")
        assert one.running

        def ends_when_asked_again():
            one.send_signal(signal.SIGTERM)  # within half a second of the first it is the same one
            return not one.running

        wait_until(ends_when_asked_again, "the end")
        assert one.wait() == -signal.SIGTERM
    os.close(reading)


def has_open(one, path):
    """Whether the process has the file open."""
    folder = Path("/proc") / str(one.pid) / "fd"
    try:
        return any(os.readlink(link) == str(path) for link in folder.iterdir())
    except FileNotFoundError:
        return False


@pytest.fixture
def starting(tmp_path):
    """A server that still reads its configuration, from a pipe, and the pipe's other end."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writing = os.open(pipe, os.O_RDWR)
    one = Server(tmp_path, arguments=["-c", pipe]).spawn()
    wait_until(lambda: has_open(one, pipe), "the server at its configuration")
    yield one, writing
    if one.running:
        one.kill()


def test_signals_before_the_start_is_over_are_obeyed_after_it(starting):
    """HUP and USR1 ended the process as long as it had no handlers yet."""
    one, writing = starting
    one.send_signal(signal.SIGHUP)
    one.send_signal(signal.SIGUSR1)
    os.write(writing, b"[server]\nport = 0\n")
    os.close(writing)
    one.log.wait("^" + re.escape(READY) + "$")
    one.log.wait("nothing comes out of this pipe")  # the configuration was read again
    one.log.wait(r"\d+ messages \(\d+ bytes\) in")
    one.stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_before_the_start_is_over(starting, number):
    one, writing = starting
    one.send_signal(number)
    assert one.wait() == -number
    os.close(writing)


def test_signals_that_mean_nothing_are_survived(server):
    """PIPE and XFSZ are ignored: their calls return errors instead."""
    one = server()
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        one.send_signal(number)
    with Client(one) as client:
        client.send(b"hello")
        assert client.receive() == REPLY


def test_standard_descriptors_closed(tmp_path):
    """Started with descriptor 0 closed, no client's socket may become it by accident."""
    one = Server(tmp_path, {"server.framing": "line"},
                 wrap=["sh", "-c", 'exec "$@" <&-', "sh"])
    with one, Client(one) as client:
        assert client.say(b"hello") == REPLY
        assert one.messages() == [b"hello"]
