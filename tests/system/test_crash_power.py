"""
Power cuts: the server is stopped under load, and goes on with what was on the disk at that moment. With `sync = yes` nothing acknowledged is missing. The same with a library that turns
every sync into nothing must lose data; otherwise the test would prove nothing.
"""

import random
import signal

from harness import programs
from harness.disk import power_disk
from harness.journal import Journal
from harness.load import ANSWER_SEQ, Load
from harness.server import Server

# Cuts that share one journal; the first of them also tests that a new file's name is on the disk.
CUTS_A_JOURNAL = 10


def cut(disk, one, name, generator):
    """Start, load, cut the power; the load, and the records that are there afterwards."""
    one.start()
    load = Load(one, name, clients=4, window=generator.choice([1, 8, 64]),
                size=generator.choice([16, 100, 3000]))
    enough = generator.randrange(1, 300)
    load.run_until(lambda: load.acknowledged >= enough)
    disk.cut_power(one)
    load.drain()  # what was acknowledged before the cut counts, read before it or not
    load.close()
    disk.restart()
    return load


def test_nothing_acknowledged_is_missing_after_a_power_cut(tmp_path, long):
    cuts = 1000 if long else 20
    generator = random.Random()
    acknowledged = 0
    with power_disk(tmp_path) as disk:
        for number in range(cuts):
            if number % CUTS_A_JOURNAL == 0:
                one = Server(tmp_path, {**ANSWER_SEQ,
                                        "journal.file": str(disk.path / f"journal-{number}"),
                                        "journal.format": generator.choice(["text", "json"])})
                reader = one.journal()
            load = cut(disk, one, f"cut{number}", generator)
            acknowledged += load.check(reader.read())
            if number % CUTS_A_JOURNAL == CUTS_A_JOURNAL - 1:
                one.journal_path.unlink()
    print(f"{cuts} power cuts, {acknowledged} acknowledged, 0 of them missing")
    assert acknowledged > cuts


def rotate_under_load(one, load, generator):
    """Rename and HUP, a few times, with no wait for the server; the files, oldest first."""
    files = []
    for number in range(generator.randrange(1, 6)):
        enough = load.acknowledged + generator.randrange(1, 60)
        load.run_until(lambda: load.acknowledged >= enough)
        if one.journal_path.exists():  # what was asked for last was done
            files.append(one.journal_path.with_name(f"{one.journal_path.name}.{number}"))
            one.journal_path.rename(files[-1])
            one.send_signal(signal.SIGHUP)
    load.run_for(generator.uniform(0, 0.003))
    return [*files, one.journal_path]


def test_a_power_cut_while_the_journal_is_rotated(tmp_path, long):
    """All that was acknowledged is in one of the files, whichever names reached the disk."""
    cuts = 200 if long else 10
    generator = random.Random()
    acknowledged = 0
    with power_disk(tmp_path) as disk:
        for number in range(cuts):
            one = Server(tmp_path, {**ANSWER_SEQ,
                                    "journal.file": str(disk.path / f"journal-{number}")}).start()
            load = Load(one, clients=4, window=generator.choice([1, 8, 64]))
            files = rotate_under_load(one, load, generator)
            disk.cut_power(one)
            load.drain()
            load.close()
            disk.restart()
            records, next_seq = [], 1
            for file in files:
                part = Journal(file, first=next_seq).read()
                next_seq += len(part)
                records += part
            acknowledged += load.check(records)
            for file in files:
                file.unlink(missing_ok=True)
    print(f"{cuts} power cuts while rotating, {acknowledged} acknowledged, 0 of them missing")
    assert acknowledged > cuts


def test_without_sync_a_power_cut_loses_data(tmp_path):
    """The proof that the test above can fail: eatmydata makes fdatasync() do nothing."""
    programs.need("eatmydata")
    generator = random.Random()
    missing = 0
    with power_disk(tmp_path) as disk:
        for number in range(3):
            one = Server(tmp_path, {**ANSWER_SEQ,
                                    "journal.file": str(disk.path / f"journal-{number}")},
                         wrap=["eatmydata"])
            load = cut(disk, one, f"cut{number}", generator)
            assert load.acknowledged > 0
            records = one.journal().read()
            missing += load.acknowledged - min(load.acknowledged, len(records))
    print(f"3 power cuts without sync, {missing} acknowledged missing, as must be")
    assert missing > 0
