"""
kill -9 at any moment: nothing that was acknowledged is missing from the journal, its SEQ has no gap
and no repeat, and the next server opens it and goes on. This sees what the process had not yet
handed to the kernel; what the kernel had not handed to the disk is test_crash_power.py's.
"""

import random

import pytest

from harness.load import ANSWER_SEQ, Load
from harness.server import Server

# Cycles that share one journal, so that opening a journal after a crash is a part of the test.
CYCLES_A_JOURNAL = 25


def kill_cycle(one, reader, name, generator):
    """Start, load, kill; then compare. Returns how many messages were acknowledged."""
    one.start()
    load = Load(one, name, clients=4, window=generator.choice([1, 16, 128]),
                size=generator.choice([16, 100, 5000]))
    enough = generator.randrange(1, 200)
    load.run_until(lambda: load.acknowledged >= enough)
    load.run_for(generator.uniform(0, 0.002))
    one.kill()
    load.drain()
    load.close()
    return load.check(reader.read())


@pytest.mark.parametrize("part", range(4))  # to be run at once
def test_nothing_acknowledged_is_missing_after_kill(tmp_path, long, part):
    cycles = 2500 if long else 75
    generator = random.Random()
    acknowledged = 0
    settings = dict(ANSWER_SEQ)
    for cycle in range(cycles):
        if cycle % CYCLES_A_JOURNAL == 0:
            settings["journal.file"] = str(tmp_path / f"journal-{cycle}")
            settings["journal.format"] = generator.choice(["text", "json"])
            settings["journal.sync"] = generator.choice(["yes", "no"])  # the kernel lives on
            one = Server(tmp_path, settings)
            reader = one.journal()
        acknowledged += kill_cycle(one, reader, f"cycle{cycle}", generator)
        if cycle % CYCLES_A_JOURNAL == CYCLES_A_JOURNAL - 1:
            one.journal_path.unlink()
    print(f"part {part}: {cycles} kills, {acknowledged} acknowledged, 0 of them missing")
    assert acknowledged > cycles
