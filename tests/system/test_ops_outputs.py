"""
Why: a file that is written for two purposes keeps neither. Metrics that replace the journal take its
acknowledged records along; log lines in the journal end up in the middle of a record. So two outputs
that are one file are refused, by whatever names. And the log of a service manager drops lines above
its rate limit: it is no journal unless somebody says so.
"""

import os
import signal
import socket
import subprocess

import pytest

from harness import programs
from harness.client import Client
from harness.server import ini
from harness.waiting import DEADLINE

REPLY = b"server received you message."


def check(folder, settings, *arguments, **options):
    """tcpackd's exit status and what it said, run in the folder to its end."""
    (folder / "one.ini").write_text(ini({"server.port": 0, **settings}))
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    result = subprocess.run([programs.tcpackd(), "-c", "one.ini", *arguments], cwd=folder,
                            stdin=subprocess.DEVNULL, timeout=DEADLINE, check=False, **options)
    return result.returncode, (result.stderr or b"").decode()


@pytest.mark.parametrize("journal, metrics", [
    ("j", "j"), ("j", "./j"), ("j", "folder/../j"), ("folder/j", "link/j"),
    ("j", "j.seq"), ("j", "j.seq.new"), ("m.tmp", "m"),
    ("there", "hard"), ("there", "soft"), ("soft", "there"),
    ("dangling", "nowhere"), ("nowhere", "dangling"), ("folder/dangling", "folder/nowhere"),
    ("m", "one.ini"), ("./one.ini", "m"), ("one", "m"),
])
@pytest.mark.parametrize("arguments", [("-t",), ("-T",), ()])
def test_files_that_are_one(tmp_path, journal, metrics, arguments):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    (tmp_path / "there").touch()
    (tmp_path / "soft").symlink_to("there")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "folder/dangling").symlink_to("nowhere")
    os.link(tmp_path / "there", tmp_path / "hard")
    (tmp_path / "one").symlink_to("one.ini")
    status, said = check(tmp_path, {"journal.file": journal, "metrics.file": metrics}, *arguments)
    assert status == 78 and "are the same file" in said
    assert said.startswith("tcpackd: error: one.ini: ")
    assert (tmp_path / "there").read_bytes() == b""


def test_socket_at_the_path_of_a_file(tmp_path):
    path = tmp_path / "one"
    for settings in ({"server.host": path, "journal.file": "one"},
                     {"listener x.host": path, "metrics.file": "one"}):
        status, said = check(tmp_path, settings, "-t")
        assert status == 78 and "a Unix socket are the same file" in said


def test_files_of_their_own(tmp_path):
    (tmp_path / "other").mkdir()
    for settings in ({"journal.file": "j", "metrics.file": "m"},
                     {"journal.file": "j", "metrics.file": "other/j"},
                     {"journal.file": "/dev/null", "metrics.file": "m"},
                     {"journal.file": "j", "server.host": tmp_path / "s"}):
        assert check(tmp_path, settings, "-t") == (0, "tcpackd: one.ini: the configuration is valid\n")


@pytest.mark.parametrize("settings, streams", [
    ({}, ("stdout", "stderr")),
    ({"journal.file": "it"}, ("stderr",)),
    ({"metrics.file": "it"}, ("stdout",)),
    ({"journal.file": "j", "metrics.file": "it"}, ("stderr",)),
])
def test_standard_streams(tmp_path, settings, streams):
    """nohup tcpackd, or `>>file 2>&1`: half a log line on a full disk, and a record after it."""
    with open(tmp_path / "it", "ab") as file:
        status, _ = check(tmp_path, settings, **{name: file for name in streams})
        assert status == 78
    said = (tmp_path / "it").read_text()
    assert "are the same file" in said or "stderr" not in streams


def test_shared_pipe_is_no_file(tmp_path):
    """At a terminal, or in a pipe, records and log lines may come together: that is a try-out."""
    host = tmp_path / "socket"
    process = subprocess.Popen([programs.tcpackd(), "-c", "/dev/null", "-o", f"server.host={host}",
                                "-o", "server.framing=line"], stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    while b"wait for connection" not in process.stdout.readline():
        pass
    with Client((socket.AF_UNIX, str(host))) as client:
        assert client.say(b"hello") == REPLY
    process.terminate()
    said, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0 and b" unix hello\n" in said


def test_reload_is_refused(server, tmp_path):
    journal = tmp_path / "journal"
    one = server({"server.framing": "line", "journal.file": journal})
    one.config.write_text(ini({**one.settings, "metrics.file": journal}))
    one.send_signal(signal.SIGHUP)
    one.log.wait("are the same file")
    one.log.wait("nothing is changed")
    with Client(one) as client:
        assert client.say(b"hello") == REPLY
    assert one.messages() == [b"hello"]


# The default, and the service manager's log.


@pytest.mark.parametrize("value, file", [
    (None, "-"), ("", "-"), ("relative", "-"), ("{}", "{}/journal"), ("{}:/other", "{}/journal")])
def test_state_directory_is_the_default(tmp_path, value, file):
    environment = dict(os.environ)
    if value is not None:
        environment["STATE_DIRECTORY"] = value.format(tmp_path)
    printed = programs.run(programs.tcpackd(), "-c", "/dev/null", "-T", env=environment).stdout
    assert f"[journal]\nfile = {file.format(tmp_path)}\n" in printed
    said = programs.run(programs.tcpackd(), "-c", "/dev/null", "-o", "journal.file=-", "-T",
                        env=environment).stdout
    assert "[journal]\nfile = -\n" in said


class ServiceLog:
    """Standard output and error as systemd gives them: one stream socket, named in JOURNAL_STREAM."""

    def __init__(self):
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.ours.settimeout(DEADLINE)
        status = os.fstat(self.theirs.fileno())
        self.environment = {**os.environ, "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}

    def start(self, folder, settings, **environment):
        config = folder / "one.ini"
        config.write_text(ini({"server.host": folder / "socket", "server.framing": "line", **settings}))
        process = subprocess.Popen([programs.tcpackd(), "-c", config], stdin=subprocess.DEVNULL,
                                   stdout=self.theirs, stderr=self.theirs,
                                   env={**self.environment, **environment})
        self.theirs.close()
        return process

    def read_until(self, text):
        said = b""
        while text not in said:
            data = self.ours.recv(65536)
            assert data, said
            said += data
        return said


def test_service_log_is_no_journal(tmp_path):
    log = ServiceLog()
    process = log.start(tmp_path, {})
    said = log.read_until(b"\n")
    assert process.wait(DEADLINE) == 78
    assert b"error: " in said and b"[journal] file is not set" in said and b"rate limit" in said


def test_service_log_as_journal_on_request(tmp_path):
    log = ServiceLog()
    process = log.start(tmp_path, {"journal.file": "-"}, STATE_DIRECTORY=str(tmp_path))
    said = log.read_until(b"wait for connection")
    assert b"<4>warning: [journal] file = - is systemd's log here" in said
    with Client((socket.AF_UNIX, str(tmp_path / "socket"))) as client:
        assert client.say(b"hello") == REPLY
    log.read_until(b" unix hello\n")
    process.terminate()
    assert process.wait(DEADLINE) == 0


def test_service_records_in_its_state_directory(tmp_path):
    log = ServiceLog()
    process = log.start(tmp_path, {}, STATE_DIRECTORY=f"{tmp_path}:/nowhere")
    said = log.read_until(b"wait for connection")
    assert b"warning" not in said
    with Client((socket.AF_UNIX, str(tmp_path / "socket"))) as client:
        assert client.say(b"hello") == REPLY
    process.terminate()
    assert process.wait(DEADLINE) == 0
    assert (tmp_path / "journal").read_bytes().endswith(b" unix hello\n")


def test_reload_to_the_service_log(tmp_path):
    """Not by taking a key away; only by saying it."""
    log = ServiceLog()
    process = log.start(tmp_path, {"journal.file": tmp_path / "j"})
    log.read_until(b"wait for connection")
    settings = {"server.host": tmp_path / "socket", "server.framing": "line"}
    (tmp_path / "one.ini").write_text(ini(settings))
    process.send_signal(signal.SIGHUP)
    assert b"[journal] file is not set" in log.read_until(b"nothing is changed")
    (tmp_path / "one.ini").write_text(ini({**settings, "journal.file": "-"}))
    process.send_signal(signal.SIGHUP)
    assert b"acknowledged records can be lost" in log.read_until(b"read again")
    process.terminate()
    assert process.wait(DEADLINE) == 0


def test_other_sockets_are_journals(tmp_path):
    """Only the stream that JOURNAL_STREAM names is the service manager's."""
    log = ServiceLog()
    log.environment["JOURNAL_STREAM"] = "1:1"
    process = log.start(tmp_path, {})
    said = log.read_until(b"wait for connection")
    assert b"warning" not in said
    process.terminate()
    assert process.wait(DEADLINE) == 0
