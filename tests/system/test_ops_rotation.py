"""
Why: a journal that runs for years is rotated thousands of times, by a program that knows nothing of
acknowledgements, and shipped on by another. So: logrotate itself, with the file that is installed,
under load, loses and doubles nothing; rsyslog itself, with the configuration that is installed,
ships every record on.
"""

import gzip
import os
import re
import signal
import subprocess
from collections import Counter

import pytest

from harness import programs
from harness.client import Client
from harness.journal import DECODERS
from harness.load import ANSWER_SEQ, Load
from harness.waiting import DEADLINE, wait_until

SYSTEMCTL = """#!/bin/sh
test "$*" = "kill --kill-who=main --signal=HUP tcpackd.service" && kill -HUP {pid}
"""


def example(name, **replacements):
    """An installed example, with its paths and addresses replaced; each of them must be in it."""
    text = (programs.SOURCE / "etc" / name).read_text()
    for old, new in replacements.items():
        assert old in text
        text = text.replace(old, str(new))
    return text


def journals(folder):
    """The journal's files, not what else the server keeps beside it."""
    return [path for path in folder.iterdir()
            if re.fullmatch(r"journal(\.\d+(\.gz)?)?", path.name)]


def rotated(folder):
    """The journal's lines, from the oldest file on."""
    def age(path):
        number = re.search(r"journal\.(\d+)", path.name)
        return -int(number[1]) if number else 0

    lines = []
    for path in sorted(journals(folder), key=age):
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
            lines += file.read().splitlines()
    return lines


@pytest.mark.parametrize("rotations", [8, pytest.param(100, marks=pytest.mark.long)])
def test_logrotate_itself(server, tmp_path, rotations):
    programs.need("logrotate")
    folder = tmp_path / "lib" / "tcpack"
    folder.mkdir(parents=True, mode=0o755)
    journal = folder / "journal"
    one = server({**ANSWER_SEQ, "journal.file": journal})
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    systemctl = bin_folder / "systemctl"
    systemctl.write_text(SYSTEMCTL.format(pid=one.pid))
    systemctl.chmod(0o755)
    config = tmp_path / "logrotate.conf"
    text = example("tcpackd.logrotate.in")
    config.write_text(text.replace("@localstatedir@", str(tmp_path)).replace("@sysconfdir@", "/etc")
                      .replace("rotate 14", f"rotate {rotations + 1}"))
    config.chmod(0o644)
    environment = {**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}"}
    with Load(one) as load:
        for _ in range(rotations):
            wait_until(lambda: journal.exists() and journal.stat().st_size > 0, "records")
            rotation = subprocess.run(
                ["logrotate", "-f", "-s", str(tmp_path / "state"), str(config)], env=environment,
                capture_output=True, encoding="utf-8", timeout=DEADLINE, check=False)
            assert (rotation.returncode, rotation.stderr) == (0, "")
    records = [DECODERS["text"](line) for line in rotated(folder)]
    assert [record.seq for record in records] == list(range(1, len(records) + 1))
    load.check(records)
    files = [path.name for path in journals(folder)]
    assert len(files) == rotations + 1
    assert "journal.2.gz" in files and "journal.1" in files


@pytest.mark.parametrize("reopenings", [20, pytest.param(200, marks=pytest.mark.long)])
def test_renamed_under_load(server, tmp_path, reopenings):
    journal = tmp_path / "journal"
    one = server({**ANSWER_SEQ, "journal.file": journal})
    with Load(one) as load:
        for number in range(reopenings):
            wait_until(lambda: journal.exists() and journal.stat().st_size > 0, "records")
            os.rename(journal, tmp_path / f"journal.{reopenings - number}")
            one.send_signal(signal.SIGHUP)
    records = [DECODERS["text"](line) for line in rotated(tmp_path)]
    assert [record.seq for record in records] == list(range(1, len(records) + 1))
    load.check(records)


# How the example becomes part of a configuration: alone, or from a folder as in Debian's, where
# other inputs have been loaded before it.
RSYSLOG = {
    "alone": 'global(workDirectory="{folder}")\n$IncludeConfig {folder}/*.shipping\n',
    "among-others": 'module(load="imuxsock" SysSock.Use="off")\n$WorkDirectory {folder}\n'
                    "$IncludeConfig {folder}/*.shipping\n*.* -{folder}/syslog\n",
}


@pytest.mark.parametrize("way", RSYSLOG)
def test_rsyslog_ships_the_journal_on(server, tmp_path, way):
    """
    Every record arrives, the ones written before it started and while it was stopped, too. The
    longest that default settings can make is among them.
    """
    programs.need("rsyslogd")
    folder = tmp_path / "lib" / "tcpack"
    folder.mkdir(parents=True)
    node = server({**ANSWER_SEQ, "journal.file": folder / "journal"})
    with Client(node) as client:
        client.say(b"\1" * (1 << 20))
    central = server({"server.framing": "line", "server.acknowledge": "no",
                      "server.max_message": 1 << 23})
    text = example("rsyslog.conf.in", **{"192.0.2.20": "127.0.0.1", '"8001"': f'"{central.port}"'})
    (tmp_path / "example.shipping").write_text(text.replace("@localstatedir@", str(tmp_path)))
    config = tmp_path / "rsyslog.conf"
    config.write_text(RSYSLOG[way].format(folder=tmp_path))
    command = ["rsyslogd", "-n", "-f", str(config), "-i", str(tmp_path / "pid")]

    def send(name):
        with Load(node, name=name, clients=2) as load:
            enough = load.acknowledged + 500
            wait_until(lambda: load.acknowledged >= enough, "the load")

    arriving = central.journal()  # which it is still writing
    arrived = Counter()

    def shipped():
        arrived.update(record.message for record in arriving.read())
        return arrived >= Counter(node.journal_path.read_bytes().splitlines())

    for life in range(2):
        send(f"before-{life}")
        rsyslog = subprocess.Popen(command)
        try:
            send(f"during-{life}")
            wait_until(shipped, "every record at the other host")
        finally:
            rsyslog.terminate()
            rsyslog.wait(DEADLINE)
