"""A program at a pseudo-terminal: what a person types, and what the screen then shows."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

from harness.waiting import DEADLINE


def own_the_terminal():
    """In the child: the terminal on standard input becomes the one that sends it signals."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """`stdin`, `stdout`, `stderr`: None for the terminal, or what Popen takes."""

    def __init__(self, command, environment, size=(24, 80), stdin=None, stdout=None, stderr=None):
        self.master, slave = pty.openpty()
        self.resize(*size)
        def given(one):
            return slave if one is None else one
        self.process = subprocess.Popen(
            command, env=environment, stdin=given(stdin), stdout=given(stdout),
            stderr=given(stderr), preexec_fn=own_the_terminal if stdin is None else None)
        os.close(slave)
        self.shown = b""  # everything
        self.seen = 0     # up to where expect() has come

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.master, text if isinstance(text, bytes) else text.encode())

    def _read(self, timeout):
        """More of the screen; false at its end."""
        if not select.select([self.master], [], [], timeout)[0]:
            raise AssertionError(f"not shown within {DEADLINE} s; the screen:\n{self.shown!r}")
        try:
            data = os.read(self.master, 65536)
        except OSError:  # EIO: nobody has it open any more
            data = b""
        self.shown += data
        return data != b""

    def look(self):
        """Take what is shown by now."""
        while select.select([self.master], [], [], 0)[0] and self._read(0):
            pass

    def expect(self, pattern):
        """Wait until the pattern is shown behind what was expected before; the match."""
        end = time.monotonic() + DEADLINE
        while not (match := re.compile(pattern.encode()).search(self.shown, self.seen)):
            if not self._read(max(0, end - time.monotonic())):
                raise AssertionError(f"{pattern!r} is not shown; the screen:\n{self.shown!r}")
        self.seen = match.end()
        return match

    def end(self):
        """Wait for the process's own end; its status."""
        end = time.monotonic() + DEADLINE
        while self._read(max(0, end - time.monotonic())):
            pass
        return self.process.wait(DEADLINE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(DEADLINE)
        os.close(self.master)
