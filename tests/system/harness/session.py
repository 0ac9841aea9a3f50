"""A shell that is talked to as at a terminal, in a network of its own: the sessions of a document."""

import os
import re
import select
import shlex
import subprocess
import time

from harness import programs
from harness.server import SANITIZER_BESIDE
from harness.waiting import DEADLINE

# What the shell says of its jobs, and how its other lines begin where it is not at a terminal.
JOBS = re.compile(r"^(\[\d+\][+-]? |bash: line \d+: +\d+ ).*\n?", re.MULTILINE)
SHELL = re.compile(r"^bash: line \d+: ", re.MULTILINE)


def network_namespace():
    """What runs a command in a network namespace of its own, or why that cannot be had."""
    programs.need("unshare", "ip")
    probe = programs.run("unshare", "-n", "ip", "link", "set", "lo", "up")
    return (["unshare", "-n"], "") if probe.returncode == 0 else ([], probe.stderr.strip())


class Session:
    """
    bash in `folder`, with the programs that were built in its PATH, which use this port and read no
    tcpack.ini of this machine. Its lines about jobs are dropped; standard input of a command is empty. As a context
    manager: what runs in the background is killed at the end.
    """

    END = "--- end of the output ---"

    def __init__(self, folder, port, wrap=()):
        found = folder / "bin"
        found.mkdir()
        config = folder / "tcpack.ini"
        config.write_text(f"[server]\nport = {port}\n")
        for name, path in ("tcpack", programs.tcpack()), ("tcpackd", programs.tcpackd()):
            program = found / name
            program.write_text(f'#!/bin/sh\nexec {shlex.quote(path)} -c {config} "$@"\n')
            program.chmod(0o755)
        self.folder = folder / "work"
        self.folder.mkdir()
        inherited = {name: value for name, value in os.environ.items() if "PYTHON" not in name}
        environment = {**inherited, **SANITIZER_BESIDE, "HOME": str(self.folder),
                       "PATH": f"{found}:{os.environ['PATH']}:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"}
        self.process = subprocess.Popen(
            [*wrap, "bash", "--norc"], cwd=self.folder, env=environment, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self._write("set -m")  # %1 and groups of processes, as at a terminal

    def _write(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def run(self, command):
        """What the command prints, without what it prints later in the background."""
        self._write(f"eval {shlex.quote(command)} </dev/null 2>&1; printf '\\n%s\\n' '{self.END}'")
        ending = f"\n{self.END}\n".encode()
        output, end = b"", time.monotonic() + DEADLINE
        while not output.endswith(ending):
            left = max(0, end - time.monotonic())
            assert select.select([self.process.stdout], [], [], left)[0], f"{command}: no end"
            data = os.read(self.process.stdout.fileno(), 65536)
            assert data, f"{command}: the shell ended"
            output += data
        text = output[:-len(ending)].decode(errors="backslashreplace")
        return SHELL.sub("bash: ", JOBS.sub("", text))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self._write('for group in $(jobs -p); do kill -9 "-$group"; done; wait; exit')
        self.process.stdin.close()
        try:
            self.process.wait(DEADLINE)
        finally:
            self.process.kill()
            self.process.stdout.close()
