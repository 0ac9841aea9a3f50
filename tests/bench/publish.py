#!/usr/bin/python3
"""What `make bench-publish` runs after `make bench`: copies table, samples and plot of a whole run to
tests/bench/results, and writes its figures into the section "How fast" of README."""

import csv
import os
import re
import shutil
import sys
import textwrap

import plots

HERE = os.path.dirname(os.path.abspath(__file__))
FILES = ("bench.txt", "bench.csv", "bench.svg")

WIDTH = 84  # of README

SECTION = """\
How fast
--------

{begin}

{lines}

{cost}

{idle}

{messages}

{end}

"""

BEGIN = """\
Lines of 91 bytes from a network into a file, on a virtual machine with {machine}: lines
a second, and how many times as many as the others record."""

COST = """\
On disk means that a line counts once it is synced, in batches{default_sizes}. Only tcpackd
acknowledges each line. The senders have one core and the server has the other one; the others
have threads and would use more cores. A line on disk takes {cpu} of CPU time, and 50 senders take
{memory} of memory."""

IDLE = """\
An idle client takes {bytes} bytes, and hardly any time from the others. CPU time of the server for a
message:"""

END = """\
"make bench" measures all of it on your machine, in about half an hour; "make bench-quick" takes
two minutes. tests/bench/results has the run of these figures: the table bench.txt, every sample
in bench.csv, plots in bench.svg, and in notes.txt which targets it missed, and why."""


class Incomplete(Exception):
    """The run is not one to publish; the text says why."""


class Results:
    """The medians of a CSV: figure and server."""

    def __init__(self, path):
        with open(path, encoding="ascii", newline="") as file:
            rows = list(csv.DictReader(file))
        self.medians = {
            (row["figure"], row["server"]): float(row["median"]) for row in rows if row["samples"]
        }

    def get(self, figure, server="tcpackd"):
        """None: it was not measured."""
        return self.medians.get((figure, server))

    def need(self, figure, server="tcpackd"):
        if (figure, server) not in self.medians:
            raise Incomplete(f"{figure} of {server} was not measured")
        return self.medians[figure, server]


def row(title, cells):
    return f"    {title:31}" + "".join(f"{cell:>12}" for cell in cells)


def rate(value):
    return f"{value / 1e6:.{1 if value >= 1e6 else 2}f} M/s"


def unit(value, name):
    if value is None:
        return "-"
    return f"{value:,.{0 if value >= 100 else 1 if value >= 10 else 2}f} {name}"


def line_rows(results):
    """The table of lines into a file."""
    others = ("syslog-ng", "rsyslog")
    titles = (
        ("lines-1-sync", "1 sender, on disk"),
        ("lines-50-sync", "50 senders, on disk"),
        ("lines-1", "1 sender, not synced"),
        ("lines-50", "50 senders, not synced"),
    )
    rows = [row("", ["tcpackd", *others])]
    for figure, title in titles:
        cells = [rate(results.need(figure)), *[times(results, figure, other) for other in others]]
        rows.append(row(title, cells))
    return "\n".join(rows)


def times(results, figure, other):
    """How many times as much tcpackd does."""
    theirs = results.get(figure, other)
    if theirs is None:
        return "-"
    ratio = results.need(figure) / theirs
    return f"{ratio:.{0 if ratio >= 3 else 1}f} times"


def beside_others(results, figure, name):
    """"0.17 us (syslog-ng 2.28, rsyslog 1.58)"."""
    others = [(other, results.get(figure, other)) for other in ("syslog-ng", "rsyslog")]
    text = ", ".join(f"{other} {unit(value, '').strip()}" for other, value in others if value)
    return unit(results.need(figure), name) + (f" ({text})" if text else "")


def message_rows(results, million):
    """The table of messages beside idle clients and of many clients."""
    servers = ("tcpackd", "redis", "plain select")
    titles = (
        ("cpu-1-beside-0", "1 client"),
        ("cpu-1-beside-9900", "1 client beside 9,900 idle"),
        ("cpu-50", "50 clients"),
        ("cpu-50-pipelined", "50 clients, 16 pipelined"),
        ("cpu-10000", "10,000 clients"),
    )
    rows = [row("", ["tcpackd", "redis", "select()"])]
    for figure, title in titles:
        results.need(figure)
        rows.append(row(title, [unit(results.get(figure, server), "us") for server in servers]))
        if figure == "cpu-1-beside-9900" and million:
            most = max(million)
            cells = [unit(million[most], "us"), "-", "-"]
            rows.append(row(f"1 client beside {most:,} idle", cells))
    return "\n".join(rows)


def default_sizes(results):
    value = results.get("lines-50-sync", "rsyslog, default sizes")
    if value is None:
        return ""
    return f" (rsyslog with the sizes that it has by default: {value:,.0f} lines a second)"


def machine_of(table):
    """From the line "machine  2 CPUs MODEL, 24 GiB, Linux VERSION"."""
    found = re.search(r"^machine\s+(\d+) CPUs (.*?), \d+ GiB", table, re.M)
    if found is None:
        raise Incomplete("bench.txt names no machine")
    model = re.sub(r"\((R|TM)\)|\s+Processor", "", found[2])
    return f"{found[1]} cores ({model})"


def fill(text, **values):
    return textwrap.fill(text.format(**values), WIDTH, break_on_hyphens=False)


def section(table, results, million):
    cost = fill(
        COST,
        default_sizes=default_sizes(results),
        cpu=beside_others(results, "lines-50-sync-cpu", "us"),
        memory=beside_others(results, "lines-50-sync-memory", "MB"),
    )
    return SECTION.format(
        begin=fill(BEGIN, machine=machine_of(table)),
        lines=line_rows(results),
        cost=cost,
        idle=fill(IDLE, bytes=f"{results.need('memory'):.0f}"),
        messages=message_rows(results, million),
        end=fill(END),
    )


def check_whole(table):
    if "quick; " in table or "incomplete: " in table:
        raise Incomplete("it is quick or incomplete: run make bench")
    load = re.search(r"^load\s+average ([\d.]+)", table, re.M)
    if load and float(load[1]) >= 2:
        print(f"bench-publish: the machine was not quiet: load {load[1]}", file=sys.stderr)


def replace_section(readme, text):
    with open(readme, encoding="utf-8") as file:
        old = file.read()
    new, count = re.subn(
        r"^How fast\n-+\n.*?(?=^[^\n]+\n-+\n)", lambda _: text, old, count=1, flags=re.M | re.S
    )
    if count != 1:
        raise Incomplete(f"{readme} has no section How fast")
    with open(readme, "w", encoding="utf-8") as file:
        file.write(new)


def main():
    source = sys.argv[1] if len(sys.argv) > 1 else "bench-results"
    target = os.path.join(HERE, "results")
    try:
        with open(os.path.join(source, "bench.txt"), encoding="utf-8") as file:
            table = file.read()
        check_whole(table)
        results = Results(os.path.join(source, "bench.csv"))
        million = plots.million_idle(os.path.join(target, "million.csv"))
        text = section(table, results, million)
        replace_section(os.path.join(HERE, "..", "..", "README"), text)
        for name in FILES:
            shutil.copy(os.path.join(source, name), os.path.join(target, name))
    except (Incomplete, OSError) as error:
        print(f"bench-publish: {source}: {error}", file=sys.stderr)
        return 2
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
