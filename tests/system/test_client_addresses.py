"""
Why: -H accepts every kind of server name: host names with several addresses (any of them may work),
IPv6 literals and Unix sockets. For each address that fails, tcpack says why.
"""

import contextlib
import socket
import subprocess

import pytest
from harness import programs
from harness.tcpack import environment, start, finish, tcpack


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")


@needs_ipv6
@pytest.mark.parametrize("host", ["::1", "[::1]", "0:0:0:0:0:0:0:1"])
def test_ipv6_literals(server, host):
    one = server({"server.host": "::1"})
    result = tcpack(None, "-H", host, "-p", one.port, "hello")
    assert (result.status, result.stderr) == (0, "")
    assert one.messages() == [b"hello"]


def test_unix_socket(server, tmp_path):
    path = tmp_path / "socket"
    one = server({"server.host": str(path)})
    result = tcpack(None, "-H", path, "-v", "hello")
    assert result.status == 0
    assert f"tcpack: connected to {path}\n" in result.stderr
    assert one.messages() == [b"hello"]


def test_unix_socket_that_is_not_there(tmp_path):
    result = tcpack(None, "-H", tmp_path / "none", "hello")
    assert result.status == 69
    assert f"cannot connect to {tmp_path}/none: No such file" in result.stderr


def test_unix_socket_without_a_server(tmp_path):
    path = tmp_path / "left"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    result = tcpack(None, "-H", path, "hello")
    assert result.status == 69
    assert f"cannot connect to {path}: Connection refused" in result.stderr


def test_unix_socket_whose_backlog_is_full(tmp_path):
    """connect() does not wait for room in the backlog; tcpack does, up to -t seconds."""
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as listener, contextlib.ExitStack() as queue:
        listener.bind(str(path))
        listener.listen(0)
        for _ in range(3):
            one = queue.enter_context(socket.socket(socket.AF_UNIX))
            one.setblocking(False)
            one.connect_ex(str(path))
        result = tcpack(None, "-H", path, "-t", "0.2", "hello")
        assert result.status == 69 and "timed out" in result.stderr
        client = start(None, "-H", path, "hello")
        queue.close()  # connections stay in the backlog until they are accepted
        listener.settimeout(30)
        while client.poll() is None:
            connection, _ = listener.accept()
            with connection:
                if connection.recv(100) == b"hello\n":
                    connection.sendall(b"ok\n")
                    break
        assert finish(client).stdout == b"ok\n"


def test_load_on_a_unix_socket(server, tmp_path):
    path = tmp_path / "socket"
    one = server({"server.host": str(path), "server.backlog": 5})
    result = tcpack(None, "-H", path, "--load", 400, "--clients", 200)
    assert result.status == 0, result.stderr
    assert len(one.messages()) == 400


def test_unix_socket_with_a_path_too_long():
    result = tcpack(None, "-H", "/" + "x" * 200, "hello")
    assert result.status in (68, 69)
    assert "x" * 20 in result.stderr


@pytest.fixture
def with_hosts(tmp_path):
    """A command prefix that gives the name `several` these addresses in /etc/hosts."""
    programs.need("unshare", "mount")
    hosts = tmp_path / "hosts"

    def prefix(*addresses):
        hosts.write_text("".join(f"{address} several\n" for address in addresses))
        return ["unshare", "-r", "-m", "sh", "-c",
                f'mount --bind {hosts} /etc/hosts && exec "$@"', "sh"]

    probe = subprocess.run([*prefix(), "true"], capture_output=True)
    if probe.returncode != 0:
        pytest.skip("no mount namespaces here: " + probe.stderr.decode().strip())
    return prefix


def to_several(prefix, port, *arguments):
    return finish(start(None, "-H", "several", "-p", port, *arguments, "hello", wrap=prefix))


def test_every_address_of_a_name_is_tried(server, with_hosts):
    """The server listens on the last of three addresses."""
    one = server({"server.host": "127.0.0.3"})
    result = to_several(with_hosts("127.0.0.1", "127.0.0.2", "127.0.0.3"), one.port)
    assert (result.status, result.stderr) == (0, "")
    assert one.messages() == [b"hello"]


def test_what_was_tried_before_is_said_with_v(server, with_hosts):
    one = server({"server.host": "127.0.0.2"})
    result = to_several(with_hosts("127.0.0.1", "127.0.0.2"), one.port, "-v")
    assert f"cannot connect to 127.0.0.1:{one.port}: Connection refused" in result.stderr
    assert f"connected to 127.0.0.2:{one.port}" in result.stderr


@needs_ipv6
def test_the_error_of_each_address(with_hosts, free_port):
    result = to_several(with_hosts("::1", "127.0.0.1", "127.0.0.2"), free_port)
    assert result.status == 69
    for address in "[::1]", "127.0.0.1", "127.0.0.2":
        assert f"tcpack: error: cannot connect to {address}:{free_port}: " in result.stderr
    assert result.stderr.count("\n") == 3


def test_a_server_on_every_address_is_looked_for_on_this_machine(server, tmp_path):
    """The default of [client] host is [server] host, which may be `*`."""
    one = server()
    config = tmp_path / "both.ini"
    config.write_text(f"[server]\nhost = *\nport = {one.port}\n")
    result = programs.run(programs.tcpack(), "-c", config, "hello", env=environment())
    assert result.returncode == 0, result.stderr
    assert one.messages() == [b"hello"]


def test_port_0_of_the_configuration(tmp_path):
    config = tmp_path / "both.ini"
    config.write_text("[server]\nport = 0\n")
    result = programs.run(programs.tcpack(), "-c", config, "hello", env=environment())
    assert result.returncode == 64
    assert "-p" in result.stderr


def one_port(port):
    """A command prefix for a network namespace in which this is the only ephemeral port."""
    programs.need_root()
    programs.need("unshare", "ip")
    return ["unshare", "--net", "sh", "-c", "ip link set lo up && "
            f"echo '{port} {port}' >/proc/sys/net/ipv4/ip_local_port_range && exec \"$@\"", "sh"]


@pytest.mark.parametrize("arguments", [
    ["-f", "line", "hello"], ["hello"], ["-f", "line"], ["--retries", "3", "-t", "0.1", "hello"],
    ["--load", "10"]], ids=lambda arguments: " ".join(arguments))
@pytest.mark.parametrize("host", ["127.0.0.1", pytest.param("::1", marks=needs_ipv6)])
def test_no_server_but_the_client_itself(host, arguments):
    """TCP connects a socket to itself if its own port is the one it connects to."""
    client = start(None, "-H", host, "-p", 40000, *arguments, wrap=one_port(40000))
    result = finish(client, b"hello\n")
    assert (result.status, result.replies) == (69, [])
    assert "40000: Connection refused\n" in result.stderr
