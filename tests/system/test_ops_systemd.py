"""
Why: under a service manager nobody watches a terminal. A server that does not say READY is killed,
one that loses the sockets that were opened for it refuses clients, and a unit that is wide open
undoes what the program does right. So: both protocols are spoken to peers that take them literally,
and the units are judged by systemd's own tools.
"""

import itertools
import os
import re
import signal
import socket
import subprocess

import pytest

from harness import programs
from harness.client import Client
from harness.server import LISTENING, READY, Server, ini
from harness.waiting import DEADLINE, wait_until

REPLY = b"server received you message."


class Manager:
    """The service manager's end of NOTIFY_SOCKET: what was said is a list of dictionaries."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(DEADLINE)
        self.socket.bind(path)
        self.environment = {"NOTIFY_SOCKET": path.replace("\0", "@")}

    def hear(self):
        return dict(line.split("=", 1) for line in self.socket.recv(4096).decode().split("\n"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


@pytest.mark.parametrize("abstract", [False, True])
def test_start_reload_stop(server, tmp_path, abstract):
    path = f"\0tcpack-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with Manager(path) as manager:
        one = server(environment=manager.environment)
        ready = manager.hear()
        assert ready["READY"] == "1"
        assert re.fullmatch(r"since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ; 0 clients; 0\.0 messages a second in "
                            r"the last \d+ s; journal standard output, last record 0, 0 bytes; "
                            r"no warning or error", ready["STATUS"])
        one.send_signal(signal.SIGHUP)
        reloading = manager.hear()
        assert reloading["RELOADING"] == "1" and reloading["MONOTONIC_USEC"].isdigit()
        assert manager.hear()["READY"] == "1"
        one.config.write_text("[server]\nport = x\n")
        one.send_signal(signal.SIGHUP)
        assert manager.hear()["RELOADING"] == "1"
        assert manager.hear()["READY"] == "1"  # still, as before
        one.stop()
        assert manager.hear() == {"STOPPING": "1"}


def test_watchdog(server, tmp_path):
    with Manager(str(tmp_path / "notify")) as manager:
        one = server({"server.framing": "line"},
                     environment={**manager.environment, "WATCHDOG_USEC": "100000"})
        manager.hear()
        with Client(one) as client:
            client.say(b"hello")
            for _ in range(3):
                assert manager.hear()["WATCHDOG"] == "1"
            wait_until(lambda: re.search(r"; 1 clients; .*, last record 1, \d+ bytes;",
                                         manager.hear()["STATUS"]), "the status")


def test_status_without_a_watchdog(server, tmp_path):
    """What systemctl status shows follows the server; it ends with a rate of 0."""
    with Manager(str(tmp_path / "notify")) as manager:
        one = server({"server.framing": "line"}, environment=manager.environment)
        manager.hear()
        with Client(one) as client:
            client.say(b"hello")
            said = manager.hear()
            assert list(said) == ["STATUS"] and "; 1 clients; " in said["STATUS"]
        wait_until(lambda: re.search(r"; 0 clients; 0\.0 messages a second .* last record 1,",
                                     manager.hear()["STATUS"]), "the last status")


@pytest.mark.parametrize("settings, status, said", [
    ({"server.port": "x"}, 78, "(correct it, check it with tcpackd -t, then start the service again)"),
    ({"journal.file": "/dev/null/journal"}, 74, "error: cannot open journal /dev/null/journal: "),
    ({"server.host": "192.0.2.1"}, 69, "error: cannot listen on 192.0.2.1:0: ")])
def test_status_of_a_failed_unit(tmp_path, settings, status, said):
    """It stays in systemctl status: why the server ended, and what to do."""
    with Manager(str(tmp_path / "notify")) as manager:
        one = Server(tmp_path, settings, environment=manager.environment).spawn()
        assert one.wait() == status
        assert said in manager.hear()["STATUS"]


def test_manager_that_is_gone_does_no_harm(server, tmp_path):
    one = server({"server.framing": "line"},
                 environment={"NOTIFY_SOCKET": str(tmp_path / "nobody")})
    one.log.wait("cannot notify the service manager")
    with Client(one) as client:
        assert client.say(b"hello") == REPLY


def test_manager_that_reads_nothing_does_no_harm(server, tmp_path):
    """The queue of its socket is full: the server waited there for ever, and could not be stopped."""
    with Manager(str(tmp_path / "notify")) as manager, \
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.connect(str(tmp_path / "notify"))
        other.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                other.send(b"STATUS=of another service")
        one = server({"server.framing": "line"},
                     environment={**manager.environment, "WATCHDOG_USEC": "2000000"})
        one.log.wait("cannot notify the service manager")
        with Client(one) as client:
            for _ in range(10):
                assert client.say(b"hello") == REPLY
        while "READY" not in manager.hear():  # it says so as soon as the manager reads again
            pass
        one.stop()


def activate(folder, settings, sockets):
    """A Server that systemd-socket-activate starts at the first connection to one of `sockets`."""
    programs.need("systemd-socket-activate")
    listens = [word for path in sockets.values() for word in ("-l", str(path))]
    return Server(folder, settings, wrap=["systemd-socket-activate", *listens,
                                          "--fdname=" + ":".join(sockets)])


def test_passed_sockets_belong_to_their_sections(tmp_path):
    paths = {"tcpackd.socket": tmp_path / "first", "special": tmp_path / "second"}
    one = activate(tmp_path, {"server.framing": "line", "listener special.reply": "special",
                              "listener special.port": 0,
                              "listener own.host": tmp_path / "third"}, paths)
    one.spawn()
    for path in paths.values():  # it is there before it listens
        one.log.wait(f"Listening on {path}")
    try:
        with Client((socket.AF_UNIX, str(paths["special"]))) as client:
            assert client.say(b"hello") == b"special"
        one.log.wait("^" + re.escape(READY) + "$")
        assert [match[1] for match in one.log.matches(LISTENING)] == [
            str(tmp_path / "first"), str(tmp_path / "second"), str(tmp_path / "third")]
        with Client((socket.AF_UNIX, str(paths["tcpackd.socket"]))) as client:
            assert client.say(b"hello") == REPLY
        with Client((socket.AF_UNIX, str(tmp_path / "third"))) as client:
            assert client.say(b"hello") == REPLY
        ignored = (r"warning: host and port of \[{}\] have no effect: the service manager opened "
                   + re.escape(str(tmp_path)) + "/{}$").format
        assert len(one.log.matches(ignored("server", "first"))) == 1
        assert len(one.log.matches(ignored("listener special", "second"))) == 1
        one.settings["server.port"] = 1
        one.config.write_text(ini(one.settings))
        one.send_signal(signal.SIGHUP)
        one.log.wait("the configuration was read again")
        one.log.wait(ignored("server", "first"), count=2)
        assert len(one.log.matches(ignored("listener special", "second"))) == 1  # not changed
        with Client((socket.AF_UNIX, str(paths["tcpackd.socket"]))) as client:
            assert client.say(b"hello") == REPLY
        one.stop()
        assert all(path.exists() for path in paths.values())  # they are not ours
        assert not (tmp_path / "third").exists()
    finally:
        one.kill()


def test_passed_tcp_socket(server, tmp_path):
    """As systemd passes it: descriptor 3, LISTEN_PID the process itself."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as listener:
        script = 'exec 3<&"$0"; LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"'
        os.set_inheritable(listener.fileno(), True)
        config = tmp_path / "one.ini"
        config.write_text("[server]\nframing = line\nport = 1\n")
        process = subprocess.Popen(
            ["/bin/bash", "-c", script, str(listener.fileno()), programs.tcpackd(), "-c", config],
            pass_fds=[listener.fileno()], stdout=subprocess.PIPE)
        try:
            with Client((socket.AF_INET, listener.getsockname())) as client:
                assert client.say(b"hello") == REPLY
        finally:
            process.terminate()
            output, _ = process.communicate(timeout=DEADLINE)
        assert process.returncode == 0
        assert output.endswith(b" hello\n")


@pytest.mark.parametrize("settings, said", [
    ("", False), ("port = {}\n", False), ("host = *\nport = {}\n", False), ("port = 1\n", True),
    ("host = 127.0.0.2\n", True), ("host = localhost\nport = {}\n", True)])
def test_an_address_without_effect_is_said_at_the_start(tmp_path, settings, said):
    """Where the configuration sets one, and it is not that of the socket."""
    script = 'exec 3<&"$0"; LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"'
    with socket.create_server(("0.0.0.0" if "*" in settings else "127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        config = tmp_path / "one.ini"
        config.write_text("[server]\n" + settings.format(port))
        process = subprocess.Popen(
            ["/bin/bash", "-c", script, str(listener.fileno()), programs.tcpackd(), "-c", config],
            pass_fds=[listener.fileno()], stderr=subprocess.PIPE, encoding="utf-8")
        try:
            lines = list(itertools.takewhile(lambda line: line.rstrip() != READY, process.stderr))
        finally:
            process.terminate()
            process.communicate(timeout=DEADLINE)
    assert process.returncode == 0
    warnings = [line for line in lines if "warning" in line]
    assert warnings == [f"tcpackd: warning: host and port of [server] have no effect: the service "
                        f"manager opened 127.0.0.1:{port}\n"] * said


def test_passed_socket_for_both_families(tmp_path):
    """ListenStream=8001 is an IPv6 socket that takes IPv4, too: its clients are IPv4 all the same."""
    if not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 here")
    script = 'exec 3<&"$0"; LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"'
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as listener:
        process = subprocess.Popen(
            ["/bin/bash", "-c", script, str(listener.fileno()), programs.tcpackd(),
             "-c", "/dev/null", "-o", "server.framing=line", "-o", "server.allow=127.0.0.1"],
            pass_fds=[listener.fileno()], stdout=subprocess.PIPE)
        try:
            port = listener.getsockname()[1]
            with Client((socket.AF_INET, ("127.0.0.1", port))) as client:
                assert client.say(b"hello") == REPLY
                peer = client.peer
            with Client((socket.AF_INET6, ("::1", port))) as client:
                assert client.receive_all() == b""  # not allowed
        finally:
            process.terminate()
            output, _ = process.communicate(timeout=DEADLINE)
    assert output.decode().split()[2] == peer and peer.startswith("127.0.0.1:")


def test_several_servers_share_an_address(tmp_path):
    """As several tcpackd@NAME.socket with ReusePort=yes do: each connection goes to one of them."""
    script = 'exec 3<&"$0"; LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"'
    listeners, processes, port = [], [], 0
    try:
        for number in range(2):
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listener.bind(("127.0.0.1", port))
            listener.listen(64)
            port = listener.getsockname()[1]
            listeners.append(listener)
            processes.append(subprocess.Popen(
                ["/bin/bash", "-c", script, str(listener.fileno()), programs.tcpackd(),
                 "-c", "/dev/null", "-o", "server.framing=line", "-o", f"server.reply=server {number}",
                 "-o", f"journal.file={tmp_path}/journal-{number}"], pass_fds=[listener.fileno()]))
        said = set()
        while said != {b"server 0", b"server 1"}:
            with Client((socket.AF_INET, ("127.0.0.1", port))) as client:
                said.add(client.say(b"hello"))
    finally:
        for process in processes:
            process.terminate()
        assert [process.wait(DEADLINE) for process in processes] == [0, 0]
        for listener in listeners:
            listener.close()


def test_descriptor_that_is_no_listener_is_refused(tmp_path):
    script = 'exec 3</dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" "$@"'
    result = programs.run("/bin/bash", "-c", script, programs.tcpackd(), "-c", "/dev/null",
                          "-o", "server.port=0")
    assert result.returncode == 69
    assert result.stderr == ("tcpackd: error: cannot take the sockets of the service manager: "
                             "descriptor 3: Socket operation on non-socket\n")


def test_lines_for_its_journal_bear_priorities(tmp_path):
    """With standard error as systemd gives it; $JOURNAL_STREAM says so."""
    config = tmp_path / "one.ini"
    config.write_text("[server]\nport = 0\nuser = no-such-user\n")
    read, write = os.pipe()
    status = os.fstat(write)
    environment = {**os.environ, "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
    with os.fdopen(read) as reader:
        result = subprocess.run([programs.tcpackd(), "-c", config], stderr=write, env=environment,
                                timeout=DEADLINE, check=False)
        os.close(write)
        assert result.returncode == 78
        assert reader.read() == "<3>error: there is no user no-such-user (user, group)\n"
    elsewhere = programs.run(programs.tcpackd(), "-c", config, env=environment)
    assert elsewhere.stderr.startswith("tcpackd: error: ")


# The units, as they are installed.

UNITS = ["tcpackd.service", "tcpackd@.service", "tcpackd.socket"]


@pytest.fixture
def units(tmp_path):
    """The units in a folder, with an ExecStart= that is there."""
    for name in UNITS:
        text = (programs.SOURCE / "etc" / f"{name}.in").read_text()
        text = text.replace("@sysconfdir@", "/etc").replace("@sbindir@/tcpackd", "/bin/true")
        (tmp_path / name.replace("@", "@instance")).write_text(text)
    return tmp_path


@pytest.mark.parametrize("name", ["tcpackd.service", "tcpackd@instance.service"])
def test_units_are_hardened(units, name):
    programs.need("systemd-analyze")
    result = programs.run("systemd-analyze", "security", "--offline=yes", "--threshold=15",
                          units / name)
    assert result.returncode == 0, result.stdout


def test_units_are_valid(units):
    programs.need("systemd-analyze")
    result = programs.run("systemd-analyze", "verify", "--man=no",
                          *(units / name.replace("@", "@instance") for name in UNITS))
    assert (result.returncode, result.stderr) == (0, "")


def test_reload_checks_first():
    """A mistake must fail `systemctl reload`, not pass unseen into the log."""
    for name in UNITS[:2]:
        text = (programs.SOURCE / "etc" / f"{name}.in").read_text()
        first, second = re.findall(r"^ExecReload=(.+)$", text, re.MULTILINE)
        start = re.search(r"^ExecStart=(.+)$", text, re.MULTILINE)[1]
        assert first == start + " -t" and second == "/bin/kill -HUP $MAINPID"


def directories(name):
    """What a unit's own directories are called, of the instance `one`, below those of systemd."""
    text = (programs.SOURCE / "etc" / f"{name}.in").read_text().replace("%i", "one")
    found = dict(re.findall(r"^(StateDirectory|RuntimeDirectory)=(.+)$", text, re.MULTILINE))
    assert re.search(r"^WorkingDirectory=%S/(.+)$", text, re.MULTILINE)[1] == found["StateDirectory"]
    return found


def test_directories_do_not_lie_in_each_other():
    """One inside the other's: systemd would remove both when one of them stops."""
    plain, instance = (directories(name) for name in UNITS[:2])
    assert plain.keys() == instance.keys() == {"StateDirectory", "RuntimeDirectory"}
    for key in plain:
        first, second = plain[key].split("/"), instance[key].split("/")
        shorter = min(len(first), len(second))
        assert first[:shorter] != second[:shorter]
