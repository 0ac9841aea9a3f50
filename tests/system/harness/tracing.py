"""strace: which calls the server makes, and making them fail or be the last."""

import re
from collections import Counter

from harness.server import READY
from harness.waiting import wait_until

CALL = re.compile(r"^(?:\d+ +)?(\w+)\(")


def tracer(trace, *expressions):
    """A `wrap` for Server: the process stays the server's own, strace is beside it (-D)."""
    options = [part for expression in expressions for part in ("-e", expression)]
    return ["strace", "-D", "-f", "-o", str(trace), *options]


def finished(trace):
    """The trace's lines once the traced process has ended."""
    def ended():
        return trace.exists() and re.search(r"^\d+ +\+\+\+ (exited|killed)", trace.read_text(),
                                            re.MULTILINE)
    wait_until(ended, "the end of the trace")
    return trace.read_text().splitlines()


def count_calls(lines):
    """How often each system call came before the server was ready, and how often afterwards."""
    before, after = Counter(), Counter()
    counter = before
    for line in lines:
        match = CALL.match(line)
        if match:
            counter[match[1]] += 1
        if READY in line:
            counter = after
    return before, after
