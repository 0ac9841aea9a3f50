"""tcpack-journal as a process, and journals for it: written by a writer that is not the program's."""

import base64
import fcntl
import json
import os
import struct
import subprocess

from harness import programs
from harness.journal import is_utf8
from harness.server import Log
from harness.tcpack import Result, environment
from harness.waiting import DEADLINE, wait_until

SIMPLE = {ord("\\"): b"\\\\", ord("\n"): b"\\n", ord("\r"): b"\\r", ord("\t"): b"\\t"}


def time_of(seq, offset=0):
    """The time of a record: one each millisecond."""
    milliseconds = seq + offset
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"2026-11-{days + 1:02}T{hours:02}:{minutes:02}:{seconds:02}.{rest:03}000Z"


def escape(message):
    """As a journal in text has it."""
    out = b""
    for character in message.decode(errors="surrogateescape"):
        if "\udc80" <= character <= "\udcff":
            out += b"\\x%02X" % (ord(character) - 0xdc00)
        elif ord(character) in SIMPLE:
            out += SIMPLE[ord(character)]
        elif ord(character) < 0x20 or 0x7f <= ord(character) < 0xa0:
            out += b"".join(b"\\x%02X" % byte for byte in character.encode())
        else:
            out += character.encode()
    return out


def record(seq, message, format="text", peer="192.0.2.1:4711", time=None, listener=None):
    """One line of a journal."""
    time = time or time_of(seq)
    if format == "text":
        return f"{seq} {time} {peer} ".encode() + escape(message) + b"\n"
    fields = {"seq": seq, "time": time, "peer": peer}
    if listener:
        fields["listener"] = listener
    if is_utf8(message):
        fields["message"] = message.decode()
    else:
        fields["message_base64"] = base64.b64encode(message).decode()
    line = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    for code in [0x7f, *range(0x80, 0xa0), 8, 12]:
        line = line.replace({8: "\\b", 12: "\\f"}.get(code, chr(code)), f"\\u{code:04x}")
    return line.encode() + b"\n"


def records(first, last, format="text", **fields):
    """The lines of some records: message N, with the number of each."""
    return b"".join(record(seq, b"message %d" % seq, format, **fields)
                    for seq in range(first, last + 1))


def messages(first, last):
    """What is printed of them."""
    return b"".join(b"message %d\n" % seq for seq in range(first, last + 1))


def start(*arguments, **options):
    pipes = dict(stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return subprocess.Popen([programs.tcpack_journal(), *map(str, arguments)],
                            **{**pipes, "env": environment(), **options})


def read(*arguments, data=None, **options):
    """Run it to its end; `data` is its standard input."""
    stdin = subprocess.DEVNULL if data is None else subprocess.PIPE
    process = start(*arguments, stdin=stdin, **options)
    try:
        stdout, stderr = process.communicate(data, timeout=DEADLINE)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return Result(process.returncode, stdout, stderr)


class Follower:
    """tcpack-journal -f, whose output is read as it comes."""

    def __init__(self, *arguments, **options):
        self.process = start("-f", *arguments, **options)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.log = Log(self.process.stderr)
        self.output = b""

    def take(self):
        data = self.process.stdout.read()
        self.output += data or b""
        return self.output

    def wait(self, output):
        """Wait until all of the output is just that."""
        def enough():
            assert self.process.poll() is None, f"it ended:\n{self.log}"
            return len(self.take()) >= len(output)
        wait_until(enough, lambda: f"{len(output)} bytes of output, not {len(self.output)}: "
                                   f"{self.output[:60]!r}...{self.output[-60:]!r}\n{self.log}")
        assert self.output == output, self.log

    def stop(self):
        self.process.terminate()
        self.process.wait(DEADLINE)
        self.take()
        self.log.thread.join(DEADLINE)

    def kill(self):
        self.process.kill()
        self.process.wait(DEADLINE)
        self.take()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.kill()


class Writer:
    """What a tcpackd does to its journal: it appends, and its lock says what is committed."""

    def __init__(self, path, committed=None):
        """`committed`: bytes; None: all that is there."""
        self.fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        if committed is None:
            self.commit()
        else:
            self._lock(fcntl.F_WRLCK, committed)

    def _lock(self, kind, begin, size=0):
        fcntl.fcntl(self.fd, fcntl.F_SETLK,
                    struct.pack("hhqqixxxx", kind, os.SEEK_SET, begin, size, 0))

    def write(self, data):
        """Not committed yet."""
        os.write(self.fd, data)

    def commit(self, data=b""):
        """Write, and commit all."""
        os.write(self.fd, data)
        end = os.fstat(self.fd).st_size
        self._lock(fcntl.F_WRLCK, end)
        if end > 0:
            self._lock(fcntl.F_UNLCK, 0, end)

    def cut(self, size):
        os.ftruncate(self.fd, size)

    def close(self):
        os.close(self.fd)
