"""
Why: what goes to syslog goes through a socket of its own, whose daemon may be restarted or away, and
nobody sees on the terminal that it does not arrive. So: a daemon of the test's own, at /dev/log in
a mount namespace, gets every line with its severity; without one the server serves all the same.
"""

import re
import sys

import pytest

from harness import programs

# Runs where /dev is empty: listens there if it is asked to, starts the server, shows what came.
DAEMON = """
import os, signal, socket, subprocess, sys

listens, program, *arguments = sys.argv[1:]
daemon = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
daemon.settimeout(30)
if listens == "yes":
    daemon.bind("/dev/log")
server = subprocess.Popen([program, *arguments], stdout=subprocess.PIPE)
connection = socket.socket(socket.AF_UNIX)
text = b""
while listens == "yes" and b"wait for connection" not in text:
    text = daemon.recv(4096)
    print(text.decode())
for _ in range(3000):
    if connection.connect_ex(arguments[-1].split("=", 1)[1]) == 0:
        break
    signal.sigtimedwait([], 0.01)
connection.sendall(b"hello\\n")
assert connection.recv(100) == b"server received you message.\\n"
server.terminate()
assert server.wait(30) == 0
"""


def syslogged(tmp_path, listens, *arguments):
    """What the daemon got, from a server that served and stopped."""
    programs.need_root()
    programs.need("unshare", "mount")
    namespace = programs.run("unshare", "--mount", "mount", "-t", "tmpfs", "none", "/dev")
    if namespace.returncode != 0:
        pytest.skip(f"no mount namespaces here: {namespace.stderr}")
    config = tmp_path / "empty.ini"  # /dev/null is not there
    config.touch()
    result = programs.run(
        "unshare", "--mount", "/bin/sh", "-c", 'mount -t tmpfs none /dev && exec "$@"', "sh",
        sys.executable, "-c", DAEMON, listens, programs.tcpackd(), "-c", config,
        "-o", "log.to=syslog", *arguments, "-o", f"server.host={tmp_path}/socket")
    assert result.returncode == 0, result.stderr
    assert "tcpackd:" not in result.stderr
    return result.stdout.splitlines()


def test_lines_arrive_with_their_severity(tmp_path):
    daemon = 3 << 3
    lines = syslogged(tmp_path, "yes", "-o", "server.backlog=65535")
    said = [re.fullmatch(r"<(\d+)>.* tcpackd\[\d+\]: (.*)", line).groups() for line in lines]
    assert (str(daemon | 5), f"server start at {tmp_path}/socket") in said
    assert said[-1] == (str(daemon | 5), "wait for connection...")
    warnings = [text for priority, text in said if priority == str(daemon | 4)]
    assert all("backlog" in text for text in warnings)


def test_no_daemon_is_no_obstacle(tmp_path):
    assert syslogged(tmp_path, "no") == []
