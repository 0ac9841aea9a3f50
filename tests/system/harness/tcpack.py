"""tcpack as a process: run to its end with bytes as input, or started and talked to."""

import os
import subprocess

from harness import programs
from harness.waiting import DEADLINE


class Result:
    """What a run left: status, stdout (bytes), stderr (text), and its lines."""

    def __init__(self, status, stdout, stderr):
        self.status = status
        self.stdout = stdout
        self.stderr = stderr.decode(errors="backslashreplace")
        assert "Sanitizer" not in self.stderr and "runtime error:" not in self.stderr, self.stderr

    @property
    def replies(self):
        assert self.stdout == b"" or self.stdout.endswith(b"\n"), self.stdout[-80:]
        return self.stdout.split(b"\n")[:-1]

    def __repr__(self):
        return f"status {self.status}\nstdout {self.stdout[:400]!r}\nstderr {self.stderr}"


def environment(**more):
    """A home of nobody's, so that no test reads or writes the history of who runs it."""
    return {**os.environ, "HOME": "/nonexistent", "XDG_STATE_HOME": "", "LC_ALL": "C.UTF-8", **more}


def address_of(server):
    """-H and -p for a Server, or anything that has a port."""
    return ["-H", getattr(server, "host", "127.0.0.1"), "-p", str(server.port)]


def start(server, *arguments, wrap=(), **options):
    """The process, with pipes for everything unless options say otherwise."""
    where = address_of(server) if server is not None else []
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return subprocess.Popen(
        [*wrap, programs.tcpack(), "-c", "/dev/null", *where, *map(str, arguments)],
        **{**pipes, "env": environment(), **options})


def finish(process, data=None):
    """Wait for the process's own end; what does not end is killed."""
    try:
        stdout, stderr = process.communicate(data, timeout=DEADLINE)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return Result(process.returncode, stdout, stderr)


def tcpack(server, *arguments, data=b"", **options):
    """Run it: MESSAGE words among the arguments, or data as its standard input."""
    return finish(start(server, *arguments, **options), data)
