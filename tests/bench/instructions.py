"""Instructions of the user-space part per message, counted by callgrind: the same number in every
run, however noisy the machine. What the kernel does for a message is not in it."""

import glob
import os
import re

import loads
from servers import BenchError, read

BURSTS = (200, 2200)  # two runs: their difference is without start and end


def count(machine, start, bursts, size):
    """All instructions of one run of the server that `start` starts under a given command."""
    for old in glob.glob(machine.path("callgrind.*")):
        os.unlink(old)
    under = ("valgrind", "--quiet", "--tool=callgrind", "--callgrind-out-file=callgrind.%p")
    with start(under=under) as server:
        loads.rally(server, bursts, size)
    totals = 0
    for path in glob.glob(machine.path("callgrind.*")):
        totals += sum(int(number) for number in re.findall(r"^totals: (\d+)", read(path), re.M))
    if totals == 0:
        raise BenchError("callgrind wrote no totals")
    return totals


def per_message(machine, start, size):
    few, many = (count(machine, start, bursts, size) for bursts in BURSTS)
    return (many - few) / ((BURSTS[1] - BURSTS[0]) * size)


def table(machine, progress):
    """Rows of (load, {contender: instructions a message})."""
    contenders = {"tcpackd": machine.tcpackd, "redis": machine.redis, "floor": machine.floor}
    rows = []
    for size, title in ((1, "one message at a time"), (16, "16 pipelined")):
        progress(f"callgrind, {title}")
        counts = {}
        for name, start in contenders.items():
            try:
                counts[name] = per_message(machine, start, size)
            except (BenchError, OSError) as error:
                progress(f"callgrind, {name}: {error}")
        rows.append((title, counts))
    return rows
