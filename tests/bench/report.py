"""Table, CSV and plot."""

import csv
import os
import platform
import re
import statistics
import subprocess
import time

from rows import IDLE_STEPS
from servers import CPUS, BenchError, read

PLOTTED = (
    ("plain select", "#c0392b"),
    ("redis", "#7f8c8d"),
    ("tcpackd", "#1f5fa8"),
    ("floor", "#27ae60"),
)

GNUPLOT = """\
set terminal svg size 800,480 enhanced font "sans-serif,14" background "white"
set output "{output}"
set title "CPU time of the server per message: 1 client speaks, the others are idle"
set xlabel "idle clients"
set ylabel "microseconds per message (logarithmic)"
set logscale y
set format y "%.0f"
set xtics ({xtics}) nomirror
set ytics nomirror
set grid ytics lc rgb "#dddddd"
set border 3
set key left top reverse Left
set xrange [-150:10200]
{data}
plot {plots}
"""


def median(figure, contender):
    return statistics.median(figure.samples[contender])


def judge(figure):
    """(value, its text, what is wanted, "met" or "MISSED" or nothing)."""
    value = median(figure, "tcpackd")
    text = f"{number(value)} {figure.unit}"
    if figure.against:
        value /= median(figure, figure.against)
        text = f"{value:.2f} of {figure.against}"
    if figure.at_most is not None and figure.at_least is not None:
        met = figure.at_least <= value <= figure.at_most
        wanted = f"{figure.at_least:g} to {figure.at_most:g}"
    elif figure.at_most is not None:
        met = value <= figure.at_most
        wanted = f"at most {figure.at_most:g}"
    elif figure.at_least is not None:
        met = value >= figure.at_least
        wanted = f"at least {figure.at_least:g}"
    else:
        return value, text, "", ""
    return value, text, wanted, "met" if met else "MISSED"


def number(value):
    digits = 0 if value == int(value) or value >= 1000 else 1 if value >= 100 else 2
    return f"{value:,.{digits}f}"


def first_line(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip().split("\n")[0]


def description(machine, arguments):
    """The machine and the programs, for whoever compares figures."""
    model = re.search(r"^model name\s*:\s*(.*)$", read("/proc/cpuinfo"), re.M)
    memory = int(re.search(r"^MemTotal:\s+(\d+)", read("/proc/meminfo"), re.M).group(1))
    return [
        f"date       {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}",
        f"machine    {len(CPUS)} CPUs {model.group(1) if model else platform.machine()}, "
        f"{memory / 1024 / 1024:.0f} GiB, Linux {platform.release()}",
        f"tcpackd    {first_line([machine.tcpackd_path, '-V'])}",
        f"redis      {first_line(['redis-server', '--version'])}",
        f"load       {'quick; ' if arguments.quick else ''}"
        f"average {os.getloadavg()[0]:.2f} at the end (a quiet machine: below 2)",
    ]


def table(figures, instructions):
    lines = [f"{'':28}{'min':>10}{'median':>10}{'max':>10}{'ratio':>8}"]
    for figure in figures:
        _, _, wanted, verdict = judge(figure)
        lines.append("")
        rounds = max(map(len, figure.samples.values()))
        lines.append(f"{figure.title}, {figure.unit}, {rounds} round{'s' if rounds > 1 else ''}")
        for contender, samples in figure.samples.items():
            cells = [number(f(samples)) for f in (min, statistics.median, max)]
            ratio = ""
            if figure.against and median(figure, figure.against) > 0:
                ratio = f"{median(figure, contender) / median(figure, figure.against):.2f}"
            end = f"  {wanted}: {verdict}" if contender == "tcpackd" and verdict else ""
            lines.append(
                f"  {contender:26}" + "".join(f"{c:>10}" for c in cells) + f"{ratio:>8}{end}"
            )
    if instructions:
        lines += ["", "instructions in user space per message (callgrind)"]
        for title, counts in instructions:
            counted = ", ".join(f"{name} {count:,.0f}" for name, count in counts.items())
            lines.append(f"  {title:26}{counted}")
    return lines


def write_csv(path, figures, instructions):
    with open(path, "w", encoding="ascii", newline="") as file:
        rows = csv.writer(file)
        rows.writerow("figure unit server min median max ratio target verdict samples".split())
        for figure in figures:
            _, _, wanted, verdict = judge(figure)
            for contender, samples in figure.samples.items():
                against = median(figure, figure.against) if figure.against else 0
                ours = contender == "tcpackd"
                rows.writerow(
                    [figure.name, figure.unit, contender]
                    + [f"{f(samples):.6g}" for f in (min, statistics.median, max)]
                    + [f"{median(figure, contender) / against:.4f}" if against else ""]
                    + [wanted if ours else "", verdict if ours else ""]
                    + [" ".join(f"{sample:.6g}" for sample in samples)]
                )
        for title, counts in instructions:
            for contender, counted in counts.items():
                rows.writerow(
                    [f"callgrind {title}", "instructions/message", contender, "", f"{counted:.0f}"]
                )


def write_plot(path, figures):
    """None where too few of its steps were measured."""
    steps = {
        idle: figure
        for figure in figures
        for idle in IDLE_STEPS
        if figure.name == f"cpu-1-beside-{idle}"
    }
    if len(steps) < 3:
        return
    data, plots = [], []
    for at, (contender, colour) in enumerate(PLOTTED):
        points = [
            f"{idle} {median(figure, contender):.6g}"
            for idle, figure in steps.items()
            if contender in figure.samples
        ]
        if points:
            data += [f"$data{at} << END", *points, "END"]
            plots.append(
                f'$data{at} using 1:2 with linespoints lw 2 pt 7 ps 0.6 lc rgb "{colour}" '
                f'title "{contender}"'
            )
    script = GNUPLOT.format(
        output=path,
        xtics=", ".join(f'"{idle:,}" {idle}' for idle in IDLE_STEPS if idle != 100),
        data="\n".join(data),
        plots=", ".join(plots),
    )
    done = subprocess.run(["gnuplot"], input=script, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"gnuplot: {done.stderr.strip()}")
