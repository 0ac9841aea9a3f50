"""rsyslogd as a process of the test's own: it reads files and sends, or listens and writes."""

import os
import subprocess
from pathlib import Path

import pytest

from harness import programs
from harness.waiting import DEADLINE, wait_until

MODULES = ("/usr/lib/x86_64-linux-gnu/rsyslog", "/usr/lib/aarch64-linux-gnu/rsyslog",
           "/usr/lib64/rsyslog", "/usr/lib/rsyslog")


def need(*modules):
    """Skip without rsyslogd or one of its modules."""
    programs.need("rsyslogd")
    for module in modules:
        if not any(Path(folder, f"{module}.so").exists() for folder in MODULES):
            pytest.skip(f"rsyslog's module {module} is not installed (rsyslog-relp)")


class Rsyslog:
    """As a context manager: started with the configuration `text`, then stopped."""

    def __init__(self, folder, text, name="rsyslog"):
        self.folder = Path(folder)
        self.work = self.folder / f"{name}-work"
        self.config = self.folder / f"{name}.conf"
        self.pid_file = self.folder / f"{name}.pid"
        self.log = self.folder / f"{name}.log"
        self.text = f'global(workDirectory="{self.work}" maxMessageSize="64k")\n{text}\n'
        self.process = None

    def __enter__(self):
        self.work.mkdir(exist_ok=True)
        self.config.write_text(self.text)
        check = programs.run("rsyslogd", "-N1", "-f", self.config)
        assert check.returncode == 0, check.stderr
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                ["rsyslogd", "-n", "-f", str(self.config), "-i", str(self.pid_file)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(DEADLINE)

    def kill(self):
        self.process.kill()
        self.process.wait(DEADLINE)


def port_in(path):
    """The port that a listener's listenPortFileName says, once it is there."""
    wait_until(lambda: os.path.exists(path) and Path(path).read_text().strip(), str(path))
    return int(Path(path).read_text())


def reads(path, tag="x"):
    """Configuration that takes the lines of a file as messages, from its beginning."""
    return (f'module(load="imfile" mode="inotify")\n'
            f'input(type="imfile" file="{path}" tag="{tag}" ruleset="send"\n'
            f'      freshStartTail="off")\n')
