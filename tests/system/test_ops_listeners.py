"""
Why: each [listener NAME] is a promise of its own (its framing, reply, limits), and a Unix socket
leaves a file behind. So: what a section says holds for the connections that came in by it, a
socket file that nobody serves is replaced, one that somebody serves is not, and none stays.
"""

import os
import re
import signal
import socket
import stat
import sys

import pytest

from harness import programs
from harness.client import Client
from harness.server import Server, ini, parse_address
from harness.waiting import wait_until

UNAVAILABLE = 69


def address_of(server, number):
    """The number-th address that the server said it listens on."""
    return server.addresses[number]


def test_sections_differ_and_inherit(server):
    one = server({
        "server.framing": "line", "server.reply": "plain {seq}", "journal.format": "json",
        "listener counted.port": "0", "listener counted.framing": "octet",
        "listener quiet.port": "0", "listener quiet.acknowledge": "no",
    })
    with Client(address_of(one, 0)) as client:
        assert client.say(b"to server") == b"plain 1"
    with Client(address_of(one, 1)) as client:
        client.send(b"10 to counted")
        client.end_sending()
        assert client.receive_all() == b"7 plain 2"
    with Client(address_of(one, 2)) as client:
        client.send(b"to quiet\n")
        client.end_sending()
        assert client.receive_all() == b""
    assert [(record.listener, record.message) for record in one.records()] == [
        (None, b"to server"), ("counted", b"to counted"), ("quiet", b"to quiet")]


def test_unix_socket(server, tmp_path):
    path = tmp_path / "socket"
    one = server({"server.host": path, "server.socket_mode": "0600", "server.framing": "line"})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert one.addresses == [(socket.AF_UNIX, str(path))]
    with Client(one) as client:
        assert client.say(b"hello") == b"server received you message."
    assert [record.peer for record in one.records()] == ["unix"]
    one.stop()
    assert not path.exists()


def test_stale_unix_socket_is_replaced(server, tmp_path):
    path = tmp_path / "socket"
    one = server({"server.host": path})
    one.kill()
    assert path.exists()
    two = server({"server.host": path, "server.framing": "line"})
    with Client(two) as client:
        assert client.say(b"hello") == b"server received you message."


def refused(tmp_path, path, why="Address already in use (another server listens there)"):
    """What a server says that cannot listen on `path`."""
    config = tmp_path / "refused.ini"
    config.write_text(ini({"server.host": path}))
    result = programs.run(programs.tcpackd(), "-c", config)
    assert result.returncode == UNAVAILABLE
    assert result.stderr == f"tcpackd: error: cannot listen on {path}: {why}\n"


def test_live_unix_socket_is_refused(server, tmp_path):
    path = tmp_path / "socket"
    one = server({"server.host": path, "server.framing": "line"})
    refused(tmp_path, path)
    with Client(one) as client:
        assert client.say(b"still here") == b"server received you message."


def test_file_that_is_no_socket_is_refused(tmp_path):
    path = tmp_path / "notes"
    path.write_text("precious")
    refused(tmp_path, path, why="File exists (it is not a socket: remove it, or set another host)")
    assert path.read_text() == "precious"


def test_socket_of_another_server_is_not_removed(server, tmp_path):
    path = tmp_path / "socket"
    one = server({"server.host": path})
    os.rename(path, tmp_path / "renamed")
    two = server({"server.host": path, "server.framing": "line"})
    one.stop()
    with Client(two) as client:
        assert client.say(b"hello") == b"server received you message."


def test_two_servers_start_at_once_at_a_stale_socket(server, tmp_path):
    """A socket that is bound and does not listen yet looks stale to the other one."""
    programs.need_strace()
    path = tmp_path / "socket"
    old = server({"server.host": path})
    old.kill()
    stale = path.stat().st_ino
    (tmp_path / "keep").hardlink_to(path)  # its number is not given out again
    one = Server(tmp_path, {"server.host": path, "server.framing": "line"},
                 wrap=["strace", "-D", "-o", "/dev/null", "-e", "trace=listen",
                       "-e", "inject=listen:delay_enter=500ms"])
    one.spawn()
    wait_until(lambda: path.exists() and path.stat().st_ino != stale, "one's socket")
    refused(tmp_path, path)
    one.log.wait("wait for connection")
    with Client((socket.AF_UNIX, str(path))) as client:
        assert client.say(b"hello") == b"server received you message."
    one.stop()
    assert sorted(file.name for file in tmp_path.iterdir() if file.is_socket()) == ["keep"]


def test_permissions_of_a_unix_socket_are_not_set_by_path(server, tmp_path):
    """Whoever owns the directory could put a link there in the meantime."""
    programs.need_strace()
    path, trace = tmp_path / "socket", tmp_path / "trace"
    changes = "chmod,fchmod,fchmodat,chown,fchown,lchown,fchownat"
    user = {"server.user": "root"} if os.geteuid() == 0 else {}
    one = server({"server.host": path, "server.socket_mode": "0604", **user},
                 wrap=["strace", "-D", "-o", trace, "-e", f"trace={changes}"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o604
    one.config.write_text(ini({**one.settings, "server.socket_mode": "0640"}))
    one.send_signal(signal.SIGHUP)
    one.log.wait("the configuration was read again")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    one.stop()
    assert str(tmp_path) not in trace.read_text()


def test_what_is_put_in_the_place_of_a_unix_socket_keeps_its_permissions(server, tmp_path):
    path, victim = tmp_path / "socket", tmp_path / "victim"
    victim.write_text("")
    victim.chmod(0o600)
    one = server({"server.host": path})
    path.unlink()
    path.symlink_to(victim)
    one.config.write_text(ini({**one.settings, "server.socket_mode": "0666"}))
    one.send_signal(signal.SIGHUP)
    one.log.wait("nothing is changed|was read again")
    assert stat.S_IMODE(victim.stat().st_mode) == 0o600


@pytest.mark.parametrize("format", ["text", "json"])
def test_peer_of_an_interface_with_an_odd_name(tmp_path, format):
    """A name may have any byte but a blank and a slash: the zone is its number."""
    programs.need_root()
    programs.need("ip", "unshare")
    name = 'q"u\\o\x1bé'
    made = ["ip", "link", "add", name, "type", "veth", "peer", "name", "other"]
    probe = programs.run("unshare", "-n", *made)
    if probe.returncode != 0:
        pytest.skip(f"no network namespaces here: {probe.stderr}")
    setup = ('"$1" "$2" "$3" "$4" "$5" "$6" "$7" "$8" "$9" && ip link set lo up && '
             'ip link set other up && ip link set "$4" up && '
             'ip -6 address add fe80::5/64 dev "$4" nodad && shift 9 && exec "$@"')
    wrap = ["unshare", "-n", "sh", "-c", setup, "sh", *made]
    one = Server(tmp_path, {"server.host": "::", "server.framing": "line", "journal.format": format,
                            "journal.file": tmp_path / "journal"}, wrap=wrap)
    send = ("import socket, sys; index = socket.if_nametoindex(sys.argv[1]);"
            "c = socket.socket(socket.AF_INET6);"
            "c.connect(('fe80::5', int(sys.argv[2]), 0, index)); c.send(b'hello\\n');"
            "assert c.recv(100); print(index)")
    with one:
        client = programs.run("nsenter", "-n", "-t", str(one.pid), sys.executable, "-c", send, name,
                              one.port)
        assert client.returncode == 0, client.stderr
    [record] = one.records()
    assert re.fullmatch(rf"\[fe80::5%{client.stdout.strip()}\]:\d+", record.peer)
    with one:  # it reads what it wrote
        pass


@pytest.mark.parametrize("keepalive, interval, probes", [
    (60, 12, 5), (10, 2, 5), (7, 2, 4), (6, 2, 3), (2, 1, 2), (1, 1, 2), (0, None, None)])
def test_keepalive_options(server, tmp_path, keepalive, interval, probes):
    """Twice the time altogether. TCP_USER_TIMEOUT would count instead of the probes."""
    programs.need_strace()
    trace = tmp_path / "trace"
    server({"server.keepalive": keepalive},
           wrap=["strace", "-D", "-o", trace, "-e", "trace=setsockopt"])
    options = dict(re.findall(r"(TCP_\w+|SO_KEEPALIVE), \[(\d+)\]", trace.read_text()))
    expected = {"SO_KEEPALIVE": int(keepalive > 0), "TCP_NODELAY": 1,
                "TCP_KEEPIDLE": keepalive or None, "TCP_KEEPINTVL": interval,
                "TCP_KEEPCNT": probes}
    assert options == {name: str(value) for name, value in expected.items() if value is not None}


@pytest.mark.parametrize("settings, said", [
    ({"server.host": "/nowhere", "listener two.reply": "two"},
     "/nowhere twice: for [server] and [listener two]"),
    ({"server.port": "0", "listener one.port": "9", "listener two.port": "9"},
     "127.0.0.1:9 twice: for [listener one] and [listener two]"),
])
def test_two_sections_on_one_address(tmp_path, settings, said):
    """As happens to who forgets that a section inherits its address."""
    config = tmp_path / "refused.ini"
    config.write_text(ini(settings))
    result = programs.run(programs.tcpackd(), "-c", config)
    assert (result.returncode, result.stderr) == (
        UNAVAILABLE, f"tcpackd: error: cannot listen on {said}\n")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_port_in_use_is_refused_with_its_address(server, tmp_path, host):
    one = server({"server.host": host})
    family, (name, port) = one.addresses[0]
    config = tmp_path / "refused.ini"
    config.write_text(ini({"server.port": "0", "listener two.host": host,
                           "listener two.port": port}))
    result = programs.run(programs.tcpackd(), "-c", config)
    assert result.returncode == UNAVAILABLE
    text = f"[{name}]:{port}" if family == socket.AF_INET6 else f"{name}:{port}"
    assert parse_address(text) == one.addresses[0]
    assert result.stderr == f"tcpackd: error: cannot listen on {text}: Address already in use " \
        "(by which program: ss -ltnp)\n"


# Becomes its arguments in a network of its own, where the kernel has eight ports to choose from, and
# all but one are taken on an address of IPv4. (Linux prefers odd ones of the lower half.)
FEW_PORTS = """
import ctypes, os, socket, sys
if ctypes.CDLL(None, use_errno=True).unshare(0x40000000) != 0:
    sys.exit("no network namespace: " + os.strerror(ctypes.get_errno()))
with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as file:
    file.write("40000 40007")
for port in (40000, 40001, 40002, 40004, 40005, 40006, 40007):
    one = socket.socket()
    one.bind(("127.0.0.1", port))
    one.listen()
    one.set_inheritable(True)
    one.detach()
os.execvp(sys.argv[1], sys.argv[1:])
"""


def test_port_that_the_kernel_chooses_is_free_on_every_address(server):
    programs.need_root()
    wrap = [sys.executable, "-c", FEW_PORTS]
    probe = programs.run(*wrap, "true")
    if probe.returncode != 0:
        pytest.skip(probe.stderr.splitlines()[-1])
    one = server({"server.host": "*"}, wrap=wrap)
    assert [address[1] for _, address in one.addresses] == [40003, 40003]
