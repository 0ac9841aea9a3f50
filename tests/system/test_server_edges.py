"""
What only happens at edges: many clients with more than a round takes, a reset at the wrong moment,
odd standard descriptors. Each test here stands for a fault that the server once had.
"""

import os
import re
import signal
import socket
import threading
import time

import pytest

from harness import programs
from harness.client import Client, send_until_stuck
from harness.server import Server, ini
from harness.tracing import finished, tracer
from harness.waiting import wait_until

LINE = {"server.framing": "line"}


def test_what_a_round_leaves_over_is_served_without_news_from_the_client(server):
    """
    A round ends when its batch is large. Clients that it left out and of which everything was
    received before are not ready for the kernel: the server itself must come back to them.
    """
    one = server(LINE)
    lines = 6_000  # more replies than one client gets in a round, and all in one recv()
    clients = [Client(one) for _ in range(60)]
    one.send_signal(signal.SIGSTOP)
    for client in clients:
        client.send(b"\n" * lines)
    one.send_signal(signal.SIGCONT)
    for client in clients:
        replies = 0
        while replies < lines:
            data = client.receive()
            assert data, f"closed after {replies} replies"
            replies += data.count(b"\n")
        client.close()
    assert len(one.records()) == 60 * lines


def test_accepting_pauses_when_no_connection_can_be_taken_for_good(tmp_path):
    """
    An error that accept() reports for a single connection can stay (a rule of the firewall or of
    seccomp): then trying again at once, for ever, would take a whole processor.
    """
    programs.need_strace()
    strace = ("strace", "-D", "-f", "-o", "/dev/null", "-e", "trace=accept4",
              "-e", "inject=accept4:error=EPERM")
    with Server(tmp_path, LINE, wrap=strace) as one, Client(one):
        one.log.wait("warning: cannot accept connections: Operation not permitted: "
                     "new connections wait")


def test_a_reload_that_leaves_no_room_ends_the_attempts_to_accept(tmp_path):
    """
    While it is out of descriptors the server tries to accept ten times a second. When a reload
    lowers max_clients below those that are there, the next attempt never came and was always due.
    """
    programs.need_strace()
    trace = tmp_path / "trace"
    strace = ("strace", "-D", "-f", "-o", trace, "-e", "trace=accept4,select,pselect6",
              "-e", "inject=accept4:error=EMFILE:when=3+")
    with Server(tmp_path, LINE, wrap=strace) as one:
        begin = time.monotonic()
        one.send_signal(signal.SIGSTOP)  # so that both come in by its first two calls
        with Client(one) as first, Client(one) as second, Client(one):
            one.send_signal(signal.SIGCONT)
            one.log.wait("connected by", 2)
            one.log.wait("out of descriptors: new connections wait")
            one.settings.update({"server.max_clients": 1, "server.idle_timeout": 1})
            one.config.write_text(ini(one.settings))
            one.send_signal(signal.SIGHUP)
            assert first.receive_all() == second.receive_all() == b""  # a second later
    waits = len(re.findall("select", trace.read_text()))
    assert waits < 100 + 20 * (time.monotonic() - begin)  # until HUP, ten in a second


def test_a_name_that_has_an_ipv6_address_too_where_ipv6_is_turned_off(tmp_path):
    """As localhost in a container: its IPv4 address was not listened on, either."""
    programs.need_root()
    programs.need("unshare", "ip", "mount")
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 both\n::1 both six\n")
    apart = ["unshare", "--net", "--mount", "sh", "-c",
             "ip link set lo up && echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6 &&"
             f' mount --bind {hosts} /etc/hosts && exec "$@"', "sh"]
    if programs.run(*apart, "true").returncode != 0:
        pytest.skip("no network or mounts of its own")
    with Server(tmp_path, {"server.host": "both"}, wrap=apart) as one:
        assert one.host == "127.0.0.1" and len(one.addresses) == 1
    six = Server(tmp_path, {"server.host": "six"}, wrap=apart).spawn()
    assert six.wait() == 69
    six.log.wait("cannot listen on .::1.:0: Cannot assign requested address")


def test_a_name_that_has_an_address_twice(tmp_path):
    """As localhost where two lines of /etc/hosts say it: the server was in its own way."""
    programs.need("unshare", "mount")
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 twice\n127.0.0.1 once twice\n")
    apart = ["unshare", "-r", "--mount", "sh", "-c",
             f'mount --bind {hosts} /etc/hosts && exec "$@"', "sh"]
    if programs.run(*apart, "true").returncode != 0:
        pytest.skip("no mounts of its own")
    with Server(tmp_path, {"server.host": "twice"}, wrap=apart) as one:
        assert one.host == "127.0.0.1" and len(one.addresses) == 1


def closed(*descriptors):
    """A `wrap` for Server: these descriptors are closed from the beginning."""
    return ["sh", "-c", 'exec "$@" ' + " ".join(f"{one}>&-" for one in descriptors), "sh"]


def test_a_closed_standard_output_is_no_journal(tmp_path):
    """The pipe that signals come through got its number: messages vanished in it, acknowledged."""
    one = Server(tmp_path, LINE, wrap=closed(0, 1)).spawn()
    assert one.wait() == 74
    one.log.wait("error: cannot record on standard output: it is closed")


def test_nothing_becomes_the_standard_error_that_is_closed(tmp_path):
    """The pipe that signals come through got its number: log lines in it were taken for signals."""
    journal = tmp_path / "journal"
    path = str(tmp_path / "socket")
    one = Server(tmp_path, {**LINE, "server.host": path, "journal.file": journal},
                 wrap=closed(0, 2)).spawn()
    try:
        wait_until(lambda: accepts(path), "a server at " + path)
        with Client((socket.AF_UNIX, path)) as client:
            assert client.say(b"hello") == b"server received you message."
    finally:
        one.kill()
    assert one.messages() == [b"hello"]


def accepts(path):
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) == 0


@pytest.mark.long
def test_the_time_of_an_unfinished_message_stands_still_while_replies_are_unread(server, tmp_path):
    """
    While its replies are unread nothing is received of a client. What it had to finish a message
    with may be waiting all that time, and it was closed for an unfinished message.
    """
    stall, replies, reply = 4, 1620, "r" * 150  # more than a Unix socket holds, by less than 64 KiB
    one = server({**LINE, "server.host": tmp_path / "socket", "server.stall_timeout": stall,
                  "server.reply": reply})
    with Client(one) as client:
        client.send(b"\n" * replies + b"half a ")
        time.sleep(stall * 5 / 8)  # a slow reader, but not too slow
        for _ in range(replies):
            client.receive_until()
        time.sleep(stall * 3 / 4)  # a slow writer, likewise
        assert client.say(b"message").decode() == reply
    assert one.messages()[-1] == b"half a message"


def test_a_refused_client_that_had_ended_is_gone_at_once(server):
    """It was waited for two seconds, to end what it had ended already, and blamed for not doing so."""
    one = server({"server.framing": "octet"}, arguments=["-v"])
    with Client(one) as client:
        client.send(b"2 ok3 ab")
        client.end_sending()
        assert client.receive_all() == b"28 server received you message."
        expected = f"tcpackd: closed {client.peer} (malformed): 1 messages in "
        assert one.log.wait("closed").string.startswith(expected)


def sent_bytes(one, metrics):
    """What the metrics say was sent; the figures are new once the line of USR1 is there."""
    reports = len(one.log.matches("connections open"))
    one.send_signal(signal.SIGUSR1)
    one.log.wait("connections open", reports + 1)
    return int(re.search(r"^tcpackd_sent_bytes_total (\d+)$", metrics.read_text(), re.MULTILINE)[1])


def test_replies_that_a_reset_threw_away_are_not_counted_as_sent(server, tmp_path):
    """Those that were waiting for room counted in full."""
    metrics = tmp_path / "metrics"
    one = server({**LINE, "server.reply": "r" * 150, "metrics.file": str(metrics), "log.level": "debug"})
    with Client(one, receive_buffer=4096) as rude:
        send_until_stuck(rude, b"message\n" * 100)
        before = sent_bytes(one, metrics)
        rude.reset()
        one.log.wait("closed ")
    # Some of them may have found room yet: the kernel tries again and again.
    assert 0 < before <= sent_bytes(one, metrics) < len(one.records()) * 151


def test_stopping_with_a_client_is_no_shortage_of_descriptors(server):
    """The place of each one closed was offered to others and, since it stops, missing."""
    one = server(LINE)
    with Client(one) as client:
        client.say(b"hello")
        one.stop()
    assert not one.log.matches("warning:")


@pytest.mark.skipif(os.environ.get("TCPACK_SANITIZED") == "yes", reason="a sanitizer keeps memory")
def test_memory_of_a_crowd_that_left_goes_back_to_the_system(server):
    """What was freed stayed with the process, below a buffer that was allocated last."""
    one = server({**LINE, "server.backlog": 1000, "journal.file": "/dev/null"})
    count, piece = 2500, b"x" * 3000

    with Client(one) as client:
        client.say(b"hello")
        before, descriptors = one.resident_bytes(), one.descriptors()
        crowd = [Client(one) for _ in range(count)]
        for _ in range(3):
            for other in crowd:
                other.send(piece)
            client.say(b"hello")
        for other in crowd:
            assert other.say(b"") == b"server received you message."
        for other in crowd:
            other.close()
        wait_until(lambda: one.descriptors() == descriptors, "the crowd to be gone")
        assert one.resident_bytes() - before < 4 * 1024 * 1024


def test_the_folder_is_synced_when_a_reload_turns_sync_on(tmp_path):
    """A file made with sync = no might not have been there after a power cut, with what it had."""
    programs.need_strace()
    trace = tmp_path / "trace"
    settings = {**LINE, "journal.file": tmp_path / "journal", "journal.sync": "no"}
    with Server(tmp_path, settings, wrap=[*tracer(trace, "trace=fsync,fdatasync"), "-y"]) as one:
        with Client(one) as client:
            client.say(b"before")
            one.settings["journal.sync"] = "yes"
            one.config.write_text(ini(one.settings))
            one.send_signal(signal.SIGHUP)
            one.log.wait("the configuration was read again")
            client.say(b"after")
        one.kill()  # stopping would sync more
    calls = re.findall(rf"\b(f\w*sync)\(\d+<{tmp_path}(?:/journal)?>", "\n".join(finished(trace)))
    # For FILE.seq at the start; for the journal and FILE.seq at the reload; for the message.
    assert calls == ["fsync", "fsync", "fsync", "fdatasync"]


@pytest.mark.parametrize("error, reason, log", [
    ("ETIMEDOUT", "reset", None),
    ("EHOSTUNREACH", "reset", None),
    ("ENOMEM", "memory", "cannot send replies to .*: Cannot allocate memory"),
    ("ENOBUFS", "memory", "cannot send replies to .*: No buffer space available"),
])
def test_a_send_that_fails_is_counted_for_what_it_is(server, tmp_path, error, reason, log):
    """A network that breaks is no news, whether recv() or send() hears of it; want of memory is."""
    programs.need_strace()
    metrics = tmp_path / "metrics"
    one = server({"server.framing": "line", "metrics.file": metrics},
                 wrap=["strace", "-D", "-o", "/dev/null", "-e", "trace=sendto",
                       "-e", f"inject=sendto:error={error}:when=1"])
    with Client(one) as client:
        client.send(b"hello\n")
        if log is None:
            wait_until(lambda: len(one.messages()) == 1, "the record")
            client.end_sending()
        assert client.receive_all() == b""
    one.stop()
    assert f'tcpackd_connections_closed_total{{reason="{reason}"}} 1' in metrics.read_text()
    warnings = one.log.matches("warning: .*")
    assert (len(warnings) == 0) if log is None else re.search(log, warnings[0][0])


@pytest.mark.parametrize("faults", [
    ["recvfrom:error=EAGAIN:when=1+2"],
    ["recvfrom:error=EAGAIN:when=1+2", "ioctl:error=EINVAL"],
], ids=["known-cause", "unknown-cause"])
def test_a_read_that_comes_to_nothing_costs_no_message(server, faults):
    """
    At urgent data recv() says EAGAIN while a signal is pending, and no other signal tells of what
    lies there. Known: the count of unread bytes says so. If nothing does: all sockets are looked at
    now and then.
    """
    programs.need_strace()
    injections = [part for fault in faults for part in ("-e", f"inject={fault}")]
    one = server(LINE, wrap=["strace", "-D", "-o", "/dev/null", "-e", "trace=recvfrom,ioctl",
                             *injections])
    with Client(one) as client:
        for number in range(3):
            assert client.say(b"%d" % number) == b"server received you message."
    assert one.messages() == [b"0", b"1", b"2"]


@pytest.mark.parametrize("unix", [False, True], ids=["tcp", "unix"])
def test_urgent_data_is_data(server, tmp_path, unix):
    """No byte that a client sent is left out of what is acknowledged to it."""
    one = server({**LINE, **({"server.host": tmp_path / "socket"} if unix else {})})
    with Client(one) as client:
        for _ in range(3):
            client.send(b"a")
            client.socket.send(b"!", socket.MSG_OOB)
            client.send(b"b\n")
            client.socket.send(b"?", socket.MSG_OOB)
            client.socket.send(b"\n", socket.MSG_OOB)
            for _ in range(2):
                assert client.receive_until() == b"server received you message."
    assert one.messages() == [b"a!b", b"?"] * 3


def test_urgent_data_amid_signals(server):
    """Nobody waits for ever for what a read stopped at."""
    one = server(LINE)
    done = threading.Event()

    def storm():
        while not done.is_set():
            one.send_signal(signal.SIGUSR1)

    thread = threading.Thread(target=storm)
    thread.start()
    try:
        for _ in range(20):
            clients = [Client(one) for _ in range(20)]
            for client in clients:
                client.send(b"a\n")
                client.socket.send(b"!", socket.MSG_OOB)
                client.send(b"b\n")
            for client in clients:
                client.receive_until()
                client.receive_until()
                client.close()
    finally:
        done.set()
        thread.join()
    assert sorted(one.messages()) == [b"!b"] * 400 + [b"a"] * 400
