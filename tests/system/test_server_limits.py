"""
What happens when something runs out, and when signals rain: clients wait or are told, the others
are served, and the server neither spins nor dies.
"""

import contextlib
import os
import select
import signal
import threading
import time

import pytest

from harness import programs
from harness.classroom import REPLY
from harness.client import Client, send_until_stuck
from harness.load import ANSWER_SEQ, Load
from harness.tracing import tracer
from harness.waiting import DEADLINE, wait_until


def served(client):
    """Whether this client, which sent a line before, has its answer by now."""
    client.socket.setblocking(False)
    try:
        return client.receive_until() == REPLY
    except BlockingIOError:
        return False
    finally:
        client.socket.settimeout(DEADLINE)


def test_descriptors_exhausted(server):
    """Those who do not fit wait in the backlog; as soon as some leave, they are served."""
    programs.need("prlimit")
    one = server({"server.framing": "line", "server.backlog": "200"},
                 wrap=["prlimit", "--nofile=40:40"])
    clients = [Client(one) for _ in range(100)]
    for client in clients:
        client.send(b"hello\n")
    pending = set(clients)

    def all_served():
        ready = {client for client in pending if served(client)}
        for client in ready:
            client.close()
        pending.difference_update(ready)
        return not pending

    wait_until(all_served, "100 clients served, 40 descriptors")
    one.stop()
    assert one.messages() == [b"hello"] * 100


def test_full_server_serves_those_who_are_in(server):
    """One line per episode, no busy loop, nothing for the others to notice."""
    programs.need("prlimit")
    one = server({"server.framing": "line", "server.backlog": "200"},
                 wrap=["prlimit", "--nofile=40:40"])
    inside = [Client(one)]
    assert inside[0].say(b"inside") == REPLY
    waiting = [Client(one) for _ in range(100)]
    one.log.wait("^tcpackd: (warning|error): .*(descriptor|open files|clients)")
    for _ in range(200):
        assert inside[0].say(b"inside") == REPLY
    assert len(one.log.matches("^tcpackd: (warning|error): ")) == 1, str(one.log)
    assert not one.spins()  # accepts in vain, for those who wait
    for client in waiting:
        client.close()
    assert inside[0].say(b"still inside") == REPLY


def test_max_clients(server):
    """The one too many waits in the backlog and is served when another one leaves."""
    one = server({"server.framing": "line", "server.max_clients": "3"})
    inside = [Client(one) for _ in range(3)]
    for client in inside:
        assert client.say(b"inside") == REPLY
    late = Client(one)
    late.send(b"late\n")
    for client in inside:
        assert client.say(b"inside") == REPLY
    assert not served(late)
    inside[0].close()
    assert late.receive_until() == REPLY
    assert one.messages() == [b"inside"] * 6 + [b"late"]


def test_clients_that_come_and_go_at_the_limit_do_not_fill_the_log(server):
    """They are one episode until it has been calm for a second; it also ends when nobody comes."""
    one = server({"server.framing": "line", "server.max_clients": 1})
    begin = time.monotonic()
    for _ in range(100):
        with Client(one) as client:
            assert client.say(b"hello") == REPLY
    one.log.wait("new connections are accepted again")
    # What lasted longer than a second, on a machine that is busy, may have been calm in between.
    allowed = 1 + int(time.monotonic() - begin)
    assert 1 <= len(one.log.matches("max_clients is reached: new connections wait")) <= allowed
    assert len(one.log.matches("accepted again")) <= allowed


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGHUP, signal.SIGPIPE])
def test_signal_storm(server, tmp_path, number):
    """Whatever call a signal interrupts, nothing is lost, doubled or answered in vain."""
    one = server({**ANSWER_SEQ, "journal.file": str(tmp_path / "journal")})
    stop = threading.Event()

    def storm():
        while not stop.is_set():
            os.kill(one.pid, number)

    thread = threading.Thread(target=storm, daemon=True)
    load = Load(one, clients=4, window=16)
    thread.start()
    try:
        load.run_until(lambda: load.acknowledged > 2000)
        load.finish()
    finally:
        stop.set()
        thread.join()
    load.close()
    one.stop()
    load.check(one.records(), exact=True)


@pytest.mark.parametrize("call", ["pselect6,select", "recvfrom", "write", "fdatasync", "sendto",
                                  "accept4,accept"])
def test_interrupted_calls(server, tmp_path, call):
    """EINTR from every second call: it is tried again, and nobody notices."""
    programs.need_strace()
    one = server({**ANSWER_SEQ, "journal.file": str(tmp_path / "journal")},
                 wrap=tracer("/dev/null", f"trace={call}", f"inject={call}:error=EINTR:when=2+2"))
    load = Load(one, clients=3, window=4)
    load.run_until(lambda: load.acknowledged > 200)
    load.finish()
    load.close()
    one.stop()
    load.check(one.records(), exact=True)


def test_idle_timeout(server):
    """Who sends no message for so long is closed; half a message is none."""
    one = server({"server.framing": "line", "server.idle_timeout": "4"})
    with Client(one) as idle, Client(one) as busy:
        idle.send(b"unfinished")
        peer = idle.peer
        one_left = threading.Event()

        def keep_busy():
            while not one_left.is_set():
                assert busy.say(b"busy") == REPLY

        thread = threading.Thread(target=keep_busy, daemon=True)
        thread.start()
        try:
            assert idle.receive_all() == b""
        finally:
            one_left.set()
            thread.join()
        one.log.wait(f"^tcpackd: .*{peer}.*idle_timeout")
        assert busy.say(b"busy") == REPLY
    assert set(one.messages()) == {b"busy"}


def test_idle_timeout_of_those_whom_a_full_batch_left(server):
    """They have sent in time: that the server had too much to do is not their silence."""
    timeout = 4  # within which all of them must have connected
    one = server({"server.framing": "line", "server.idle_timeout": str(timeout),
                  "server.buffer_size": "65536"})
    messages = (b"m" * 999 + b"\n") * 60
    clients = [Client(one) for _ in range(120)]
    for client in clients:
        client.send(b"hello\n")
    for client in clients:
        assert client.receive_until() == REPLY
    one.send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    for client in clients:
        client.send(messages)  # together more than a batch holds
    while time.monotonic() < stopped + timeout + 0.1:
        time.sleep(0.05)  # the timeout itself
    one.send_signal(signal.SIGCONT)
    for client in clients:
        for _ in range(60):
            assert client.receive_until() == REPLY


def test_idle_timeout_of_one_who_left(server):
    """Its time is over with it, and must not come for a connection that is not there."""
    one = server({"server.framing": "line", "server.idle_timeout": "2"})
    with Client(one) as gone:
        gone.send(b"hello\n")
    with Client(one) as idle:
        assert idle.receive_all() == b""
    with Client(one) as client:
        assert client.say(b"still there") == REPLY


def test_taking_replies_is_no_idleness(server, tmp_path):
    """Who had to read first could not send: its time begins anew when it has read everything."""
    timeout = 6
    reply, rounds = b"r" * 150, 65536  # how many bytes of replies a connection gets in a round
    with open("/proc/sys/net/core/wmem_default", encoding="ascii") as file:
        size = (int(file.read()) // rounds + 1) * rounds  # the last round's do not fit
    one = server({"server.host": str(tmp_path / "socket"), "server.framing": "line",
                  "server.stall_timeout": "0", "server.idle_timeout": str(timeout),
                  "server.reply": reply.decode()})

    def wait_for(end):
        while time.monotonic() < end:
            time.sleep(0.05)

    with Client(one) as slow:
        begin = time.monotonic()
        messages = size // (len(reply) + 1)
        slow.send(b"\n" * messages)
        wait_for(begin + timeout / 2)
        for _ in range(messages):
            assert slow.receive_until() == reply
        wait_for(begin + timeout + 0.2)  # counted from its messages, it is over now
        for _ in range(2):  # by now it would have been closed
            with Client(one) as other:
                assert other.say(b"other") == reply
        assert slow.say(b"still there") == reply


def test_stall_timeout_spares_whose_pieces_end_in_half_a_message(server):
    """Something is unfinished all the time, and each time it is another message."""
    timeout = 4
    one = server({"server.framing": "line", "server.stall_timeout": str(timeout)})
    with Client(one) as client:
        client.send(b"half")
        end = time.monotonic() + 1.5 * timeout
        while time.monotonic() < end:
            client.send(b" whole\nhalf")
            assert client.receive_until() == REPLY


def test_stall_timeout_of_an_unfinished_message(server):
    one = server({"server.framing": "line", "server.stall_timeout": "1"})
    with Client(one) as stalled, Client(one) as silent:
        stalled.send(b"whole\nunfinished")
        assert stalled.receive_until() == REPLY
        peer = stalled.peer
        assert stalled.receive_all() == b""
        one.log.wait(f"^tcpackd: .*{peer}.*stall_timeout")
        # A client with nothing under way is no stalled one.
        assert silent.say(b"still here") == REPLY
    assert one.messages() == [b"whole", b"still here"]


def test_stall_timeout_of_a_message_that_comes_byte_by_byte(server):
    """It is as old as its first byte: who never ends one would be there for ever otherwise."""
    one = server({"server.framing": "line", "server.stall_timeout": "1"})
    with Client(one) as client:
        peer = client.peer
        client.send(b"x")
        end = time.monotonic() + DEADLINE
        while not select.select([client.socket], [], [], 0.05)[0]:
            assert time.monotonic() < end, "still not closed"
            with contextlib.suppress(ConnectionError):  # it is closed now
                client.send(b"x")
        one.log.wait(f"^tcpackd: .*{peer}.*stall_timeout")
    assert one.messages() == []


def test_stall_timeout_spares_a_slow_reader(server, tmp_path):
    """While replies are taken, however slowly, time stands still."""
    timeout = 6
    one = server({"server.host": str(tmp_path / "socket"), "server.framing": "line",
                  "server.stall_timeout": str(timeout), "server.reply": "r" * 150,
                  "log.level": "debug"})
    with Client(one) as slow:
        send_until_stuck(slow, b"\n" * 4096)
        end = time.monotonic() + 1.5 * timeout
        while time.monotonic() < end:
            assert len(slow.socket.recv(65536)) > 0
            select.select([], [], [], 0.1)  # no more than some hundred kB a second
        slow.end_sending()
        replies = slow.receive_all()
    assert replies.endswith(b"r" * 150 + b"\n")
    one.log.wait("^tcpackd: .*closed")
    assert not one.log.matches("within stall_timeout")


def test_a_round_takes_no_more_than_a_batch(server):
    """All that a crowd has sent at once, in memory at once, would be memory without bound."""
    if programs.is_sanitized():
        pytest.skip("AddressSanitizer keeps what is freed")
    one = server({"server.framing": "line", "server.buffer_size": str(1 << 20),
                  "journal.file": "/dev/null"})
    lines = (b"m" * 999 + b"\n") * 1000
    clients = [Client(one) for _ in range(60)]
    before = one.resident_bytes(most=True)
    one.send_signal(signal.SIGSTOP)
    for client in clients:
        client.send(lines)
    one.send_signal(signal.SIGCONT)
    for client in clients:
        client.end_sending()
        assert client.receive_all().count(REPLY) == 1000
        client.close()
    assert one.resident_bytes(most=True) - before < 24 << 20


def test_stall_timeout_of_unread_replies(server):
    one = server({"server.framing": "line", "server.stall_timeout": "1",
                  "server.reply": "r" * 150})
    with Client(one, receive_buffer=4096) as rude:
        peer = rude.peer
        try:
            send_until_stuck(rude, b"message\n" * 1000)
        except ConnectionError:
            pass  # it was closed already
        one.log.wait(f"^tcpackd: .*{peer}.*stall_timeout")
    with Client(one) as client:
        assert client.say(b"message") == b"r" * 150


def test_idle_clients_hold_no_buffer(server, long):
    """What a client sent or was answered before is no memory of the server's afterwards."""
    if programs.is_sanitized():
        pytest.skip("AddressSanitizer keeps what is freed")
    one = server({"server.framing": "line", "server.backlog": "4096"})
    clients = []

    def talk(count):
        while len(clients) < count:
            clients.append(Client(one))
            clients[-1].send(b"m" * 50000)  # unfinished for a moment: it must be kept
            assert clients[-1].say(b"end") == REPLY

    talk(100)
    before = one.resident_bytes()
    talk(10000 if long else 1000)
    each = (one.resident_bytes() - before) / (len(clients) - 100)
    print(f"{each:.0f} bytes a client")
    assert each < 1024


def test_idle_clients_wake_nobody(server, tmp_path, long):
    """With timeouts that are configured and not due, the server sleeps: no system call at all."""
    programs.need_strace()
    trace = tmp_path / "trace"
    one = server({"server.framing": "line", "server.idle_timeout": "3600", "server.backlog": "4096",
                  "journal.file": str(tmp_path / "journal")}, wrap=tracer(trace))
    clients = [Client(one) for _ in range(1000 if long else 100)]
    for client in clients:
        assert client.say(b"hello") == REPLY
    begin = time.monotonic()
    quiet_since, size = begin, trace.stat().st_size
    while time.monotonic() - quiet_since < (10 if long else 2):
        assert time.monotonic() - begin < 4 * DEADLINE, trace.read_text()[-2000:]
        time.sleep(0.01)  # the test's own; what it waits for is that nothing happens
        if trace.stat().st_size != size:
            quiet_since, size = time.monotonic(), trace.stat().st_size
    assert clients[0].say(b"still there") == REPLY
