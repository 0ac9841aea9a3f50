#!/usr/bin/python3
"""What `make bench` runs: tcpackd measured beside what others would take: rsyslog, syslog-ng, redis,
a floor and a plain select(), on loopback.

Prints a line per row as it goes and a table at the end; writes the table, all samples as CSV and
the plot to the output directory, also after Ctrl-C. What is not installed or fails is named in the
table. Exits 0 if every target is met, 1 if one is missed or was not measured, 2 if it could not
measure at all.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import time

import database
import instructions
import lines
import loads
import peers
import plots
import report
import rows
import servers


GROUPS = (lines.LineLoads, rows.Loads, database.DatabaseLoads)  # what has rows: see their all()
CALLGRIND = "callgrind"  # the name of the row of instructions


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--tcpackd", default="./tcpackd", help="the server (%(default)s)")
    parser.add_argument(
        "--programs", default="tests/bench", help="where floor, hold and latency are (%(default)s)"
    )
    parser.add_argument("--output", default="bench-results", help="directory (%(default)s)")
    parser.add_argument("--rounds", type=int, help="of each row (5; 1 with --quick)")
    parser.add_argument("--quick", action="store_true", help="less exact, within two minutes")
    parser.add_argument("--row", action="append", help="only rows whose name begins so")
    parser.add_argument("--list", action="store_true", help="print the rows' names")
    given = parser.parse_args()
    if given.rounds is None:
        given.rounds = 1 if given.quick else 5
    if given.rounds < 1:
        parser.error("--rounds: at least 1")
    return given


def raise_descriptor_limit():
    wanted = servers.CLIENTS_MOST + 100
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
        except (OSError, ValueError):
            raise servers.BenchError(
                f"10,000 clients need {wanted} descriptors, the hard limit is {hard}: "
                f"raise it (as root: ulimit -Hn {wanted})"
            ) from None
    else:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def why_absent(error):
    if isinstance(error, FileNotFoundError) and error.filename in loads.PACKAGES:
        return f"{error.filename}: not installed (Debian: {loads.PACKAGES[error.filename]})"
    return " ".join(str(error).split())


def each(load):
    """(contender, its values), one after the other; one that cannot be measured is left out from
    then on."""
    for contender, once in list(load.contenders.items()):
        try:
            yield contender, once()
        except (servers.BenchError, OSError, subprocess.SubprocessError) as error:
            del load.contenders[contender]
            progress(f"{load.name}: {contender}: {why_absent(error)}")
            for figure in load.figures:
                figure.absent[contender] = why_absent(error)


def measure(load, rounds):
    """Alternating rounds: what disturbs the machine disturbs all contenders."""
    if load.warm:
        for _ in each(load):
            pass
    if load.swings and rounds > 1:
        rounds = 2 * rounds + 1
    for _ in range(min(rounds, load.rounds_most)):
        for contender, values in each(load):
            for figure, value in zip(load.figures, values):
                figure.samples.setdefault(contender, []).append(value)


def selected(given, machine):
    chosen = [load for group in GROUPS for load in group(machine, given.quick).all()]
    if given.row:
        chosen = [load for load in chosen if load.name.startswith(tuple(given.row))]
        if not chosen and CALLGRIND not in given.row:
            raise servers.BenchError("no row's name begins so; --list prints them")
    return chosen


def run(given, machine):
    """Measures, reports, and returns whether every target was met. What was measured before
    something went wrong is written all the same."""
    figures, counted, done = [], [], False
    chosen = selected(given, machine)
    try:
        for at, load in enumerate(chosen, 1):
            start = time.monotonic()
            measure(load, given.rounds)
            seconds = time.monotonic() - start
            for figure in load.figures:
                _, text, wanted, verdict = report.judge(figure)
                verdict = f", {wanted}: {verdict}" if verdict else ""
                progress(f"[{at:2}/{len(chosen)}] {seconds:4.0f} s  {figure.title}: {text}{verdict}")
            figures += load.figures
        if not given.row or CALLGRIND in given.row:
            counted = instructions.table(machine, progress)
        done = True
    finally:
        write(given, machine, figures, counted, done)
    return all(report.judge(figure)[3] in ("", "met") for figure in figures)


def write(given, machine, figures, counted, done):
    lines = [*report.description(machine, given, peers.versions(machine)), "", *report.table(figures, counted)]
    if not done:
        lines += ["", "incomplete: it was broken off"]
    with open(os.path.join(given.output, "bench.txt"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    report.write_csv(os.path.join(given.output, "bench.csv"), figures, counted)
    print("", *lines, "", f"Written to {given.output}.", sep="\n", flush=True)
    try:
        plots.write(os.path.join(given.output, "bench.svg"), figures)
    except (servers.BenchError, OSError) as error:
        print(f"bench: no plot: {why_absent(error)}", file=sys.stderr)


def progress(text):
    print(text, flush=True)


def main():
    given = arguments()
    machine = servers.Machine(given.tcpackd, given.programs, os.path.join(given.output, "tmp"))
    try:
        if given.list:
            print(*[load.name for load in selected(given, machine)], CALLGRIND, sep="\n")
            return 0
        raise_descriptor_limit()
        os.sched_setaffinity(0, servers.LOAD_CPUS)
        servers.end_on_signals()
        os.makedirs(machine.scratch, exist_ok=True)
        try:
            return 0 if run(given, machine) else 1
        finally:
            shutil.rmtree(machine.scratch, ignore_errors=True)
    except (servers.BenchError, OSError, subprocess.SubprocessError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
