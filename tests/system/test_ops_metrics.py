"""
Why: figures are believed when something is wrong, and only then. So: each is checked against what
was done to the server, the file is whole whenever it is read, promtool accepts it, and a file that
cannot be written is said once.
"""

import os
import re
import signal
import stat
import subprocess

import pytest

from harness import programs
from harness.client import Client
from harness.server import ini
from harness.waiting import wait_until


def figures(path):
    """{name with labels: value}."""
    lines = path.read_text().splitlines()
    return {name: float(value) for name, value in
            (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def report(server):
    """Ask for the line of figures; the file is written by then, too."""
    count = len(server.log.matches("messages .* commits"))
    server.send_signal(signal.SIGUSR1)
    server.log.wait("messages .* commits", count + 1)
    return server.log.matches("messages .* commits")[-1].string


@pytest.fixture
def metrics(tmp_path):
    return tmp_path / "tcpackd.prom"


def test_figures_are_what_happened(server, tmp_path, metrics):
    one = server({"server.framing": "line", "server.max_message": 5, "journal.file": tmp_path / "j",
                  "server.deny": "127.0.0.2", "metrics.file": metrics})
    assert figures(metrics)["tcpackd_connections_accepted_total"] == 0
    with Client(one) as client, Client(one) as other:
        assert client.say(b"one") and client.say(b"four") and other.say(b"")
        other.send(b"too long\n")
        other.receive_all()
        line = report(one)
        now = figures(metrics)
    assert now["tcpackd_messages_total"] == now["tcpackd_journal_sequence"] == 3
    assert now["tcpackd_message_bytes_total"] == 7
    assert now["tcpackd_received_bytes_total"] == len("one\nfour\n\ntoo long\n")
    assert now["tcpackd_sent_bytes_total"] == 3 * len("server received you message.\n")
    assert now["tcpackd_journal_commits_total"] == 3
    assert now["tcpackd_journal_bytes_total"] == (tmp_path / "j").stat().st_size
    assert now["tcpackd_journal_sync_seconds_count"] == 3
    assert now["tcpackd_journal_sync_seconds_sum"] > 0
    assert now['tcpackd_journal_sync_seconds_bucket{le="+Inf"}'] == 3
    assert now["tcpackd_connections_accepted_total"] == 2
    assert now["tcpackd_connections"] in (1, 2)  # the refused one may not be closed yet
    assert now["tcpackd_start_time_seconds"] > 1.7e9
    assert line.startswith("tcpackd: 3 messages (7 bytes) in 3 commits, last record 3; ")
    one.stop()
    now = figures(metrics)  # written once more at the end
    assert now["tcpackd_connections"] == 0
    assert now['tcpackd_connections_closed_total{reason="too_long"}'] == 1
    closed = sum(value for name, value in now.items() if "connections_closed_total" in name)
    assert closed == 2


def test_an_end_counts_as_the_log_says(server, metrics):
    """idle_timeout with half a message there: it counted as stalled."""
    one = server({"server.framing": "line", "server.idle_timeout": 1, "metrics.file": metrics})
    with Client(one) as client:
        client.send(b"half")
        assert client.receive_all() == b""
    one.log.wait("no message came within idle_timeout")
    report(one)
    now = figures(metrics)
    assert now['tcpackd_connections_closed_total{reason="idle"}'] == 1
    assert now['tcpackd_connections_closed_total{reason="stalled"}'] == 0


def test_refusals_and_reloads_are_counted(server, metrics):
    one = server({"server.framing": "line", "server.max_clients_per_address": 1,
                  "metrics.file": metrics})
    with Client(one) as client:
        client.say(b"hello")
        Client(one).receive_all()
        one.send_signal(signal.SIGHUP)
        one.log.wait("read again")
        one.config.write_text("[server]\nport = x\n")
        one.send_signal(signal.SIGHUP)
        one.log.wait("nothing is changed")
        report(one)
    now = figures(metrics)
    assert now['tcpackd_connections_refused_total{reason="address_limit"}'] == 1
    assert now["tcpackd_connections_accepted_total"] == 2
    assert now["tcpackd_reloads_total"] == now["tcpackd_reload_errors_total"] == 1


def test_journal_errors_are_counted(server, tmp_path, metrics):
    one = server({"server.framing": "line", "journal.file": tmp_path / "journal",
                  "metrics.file": metrics}, wrap=["prlimit", "--fsize=65536"])
    with Client(one) as client:
        client.send(b"x" * 100000 + b"\n")
        assert client.receive_all() == b""
    report(one)
    now = figures(metrics)
    assert now["tcpackd_journal_errors_total"] == 1
    assert now["tcpackd_messages_total"] == 0


def test_every_interval(server, metrics):
    one = server({"server.framing": "line", "metrics.file": metrics, "metrics.interval": 1})
    with Client(one) as client:
        client.say(b"hello")
        wait_until(lambda: figures(metrics)["tcpackd_messages_total"] == 1, "the next file")


def test_promtool(server, metrics):
    programs.need("promtool")
    server({"metrics.file": metrics})
    with open(metrics, "rb") as file:
        result = subprocess.run(["promtool", "check", "metrics"], stdin=file, check=False,
                                capture_output=True, timeout=60)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")


def test_readers_find_whole_files(server, metrics):
    one = server({"metrics.file": metrics})
    lines = len(metrics.read_text().splitlines())
    for _ in range(200):
        one.send_signal(signal.SIGUSR1)
        text = metrics.read_text()
        assert text.endswith("\n") and len(text.splitlines()) == lines


def test_file_that_cannot_be_written_is_said_once(server, tmp_path):
    path = tmp_path / "later" / "tcpackd.prom"
    one = server({"server.framing": "line", "metrics.file": path})
    one.log.wait(re.escape(f"error: cannot write metrics to {path}: No such file or directory"))
    for _ in range(3):
        report(one)
    assert len(one.log.matches("^tcpackd: error: cannot write metrics")) == 1
    path.parent.mkdir()
    report(one)
    one.log.wait("writing metrics works again")
    assert path.exists()


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.symlink("elsewhere", path)])
@pytest.mark.parametrize("suffix", ["", ".tmp"])
def test_what_is_no_regular_file_stays(server, metrics, make, suffix):
    """A device, as /dev/null is, was replaced by a file."""
    other = metrics.with_name(metrics.name + suffix)
    make(other)
    before = os.lstat(other)
    one = server({"metrics.file": metrics})
    one.log.wait(re.escape(f"error: cannot write metrics to {metrics}: "
                           "there is something other than a regular file"))
    one.stop()
    after = os.lstat(other)
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)


def test_all_may_read_it_whatever_the_umask(server, metrics):
    """The units have UMask=0077, and node_exporter is somebody else."""
    server({"metrics.file": metrics}, wrap=["sh", "-c", 'umask 077 && exec "$@"', "sh"])
    assert stat.S_IMODE(metrics.stat().st_mode) == 0o644


def balance(path):
    """Connections accepted, and the sum of those that are open, were refused, and have ended."""
    now = figures(path)
    return now["tcpackd_connections_accepted_total"], now["tcpackd_connections"] + sum(
        value for name, value in now.items()
        if re.match("tcpackd_connections_(refused|closed)_total", name))


def test_every_connection_counts_once(server, metrics):
    """Also behind proxy_from, where one may end before its header, or amid it."""
    one = server({"server.framing": "line", "server.proxy_from": "127.0.0.1", "metrics.file": metrics,
                  "server.deny": "192.0.2.66", "server.max_clients_per_address": 5})
    header = b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 8001\r\n"
    local = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00"
    before = [b"", header[:9], b"no header\n", header, header + b"hello\n", header + b"half",
              header.replace(b".7", b".66") + b"hello\n", local, local + b"check\n"]
    clients = []
    for number in range(3 * len(before)):
        sent = before[number % len(before)]
        for end in (Client.close, Client.reset, Client.end_sending, None):
            client = Client(one)
            client.send(sent)
            if end is None:
                clients.append(client)
            else:
                end(client)
    everyone = 12 * len(before)
    wait_until(lambda: report(one) and balance(metrics)[0] == everyone, "everyone accepted")
    assert balance(metrics) == (everyone, everyone)
    for client in clients:
        client.close()
    one.stop()
    assert figures(metrics)["tcpackd_connections"] == 0
    assert balance(metrics) == (everyone, everyone)


def test_reset_amid_a_proxy_header(server, metrics):
    """It was called an unfinished message."""
    one = server({"server.proxy_from": "127.0.0.1", "metrics.file": metrics})
    with Client(one) as client:
        client.send(b"PROXY TC")
        wait_until(lambda: report(one) and figures(metrics)["tcpackd_received_bytes_total"] == 8,
                   "the beginning of the header")
        client.reset()
    one.log.wait("Connection reset by peer: its PROXY header was unfinished")
    report(one)
    assert figures(metrics)['tcpackd_connections_closed_total{reason="reset"}'] == 1


def test_old_file_goes_with_its_key(server, metrics):
    """Figures that stand still look like a server that nobody talks to."""
    one = server({"metrics.file": metrics})
    other = metrics.with_name("other.prom")
    for settings, exist in (({"metrics.file": other}, [False, True]), ({}, [False, False])):
        one.config.write_text(ini({"server.port": 0, **settings}))
        count = len(one.log.matches("read again"))
        one.send_signal(signal.SIGHUP)
        one.log.wait("read again", count + 1)
        one.send_signal(signal.SIGUSR1)
        one.log.wait("0 messages", count + 1)
        assert [metrics.exists(), other.exists()] == exist
