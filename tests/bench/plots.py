"""The plot: two pictures side by side, drawn by gnuplot from the figures."""

import csv
import os
import re
import subprocess

from report import median
from servers import BenchError

SCRIPT = """\
set terminal svg size 1000,400 enhanced font "sans-serif,12" background "white"
set output "{output}"
set multiplot layout 1,2
set border 3
set tics nomirror
{pictures}
unset multiplot
"""

# ------------------------------------------------------------------------------- lines a second

LINES = {
    "lines-1-sync": "1 sender\\non disk",
    "lines-50-sync": "50 senders\\non disk",
    "lines-1": "1 sender\\nnot synced",
    "lines-50": "50 senders\\nnot synced",
}
LINES_COLOURS = {
    "tcpackd": "#1f5fa8",
    "syslog-ng": "#7f8c8d",
    "rsyslog": "#c0392b",
    "socat": "#27ae60",
}
LINES_PICTURE = """\
set title "91-byte lines into a file"
set ylabel "million lines a second"
set style data histogram
set style histogram clustered gap 1
set style fill solid border -1
set boxwidth 0.9
set xrange [-0.6:{right}]
set yrange [0:*]
set bmargin 4
set grid ytics lc rgb "#dddddd"
set key top left reverse Left
$lines << END
{data}
END
plot {plots}
"""


def lines_picture(figures):
    """"": nothing of it was measured."""
    measured = [figure for figure in figures if figure.name in LINES]
    names = [name for name in LINES_COLOURS if any(name in f.samples for f in measured)]
    if not names:
        return ""
    data = []
    for figure in measured:
        cells = [f"{median(figure, n) / 1e6:.4g}" if n in figure.samples else "0" for n in names]
        data.append(f'"{LINES[figure.name]}" {" ".join(cells)}')
    plots = [
        f'$lines using {at + 2}{":xtic(1)" if at == 0 else ""} lc rgb "{LINES_COLOURS[name]}" '
        f'title "{name}"'
        for at, name in enumerate(names)
    ]
    return LINES_PICTURE.format(right=len(data) - 0.4, data="\n".join(data), plots=", ".join(plots))


# --------------------------------------------------------------------------------- idle clients

IDLE_COLOURS = {
    "plain select": "#c0392b",
    "redis": "#7f8c8d",
    "tcpackd": "#1f5fa8",
    "floor": "#27ae60",
}
IDLE_PICTURE = """\
set title "Server's CPU time for a message of 1 client"
set xlabel "idle clients beside it"
set ylabel "microseconds"
set style data linespoints
set autoscale y
set logscale xy
set xtics ("100" 100, "1,000" 1000, "10,000" 10000, "100,000" 100000, "1,000,000" 1000000)
set format y "%.0f"
set xrange [70:1500000]
set grid ytics lc rgb "#dddddd"
set key top left reverse Left
{data}
plot {plots}
"""


def measured_idle(figures):
    """contender -> {idle clients: us}."""
    points = {}
    for figure in figures:
        name = re.fullmatch(r"cpu-1-beside-(\d+)", figure.name)
        for contender in figure.samples if name else ():
            points.setdefault(contender, {})[int(name[1])] = median(figure, contender)
    return points


def million_idle(path):
    """The same, of tcpackd beyond what this machine's ports allow: from million.csv, if it is there."""
    try:
        with open(path, encoding="ascii", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError:
        return {}
    names = [(re.fullmatch(r"cpu-1-beside-(\d+)", row["figure"]), row) for row in rows]
    return {
        int(name[1]): float(row["median"])
        for name, row in names
        if name and row["server"] == "tcpackd" and row["median"]
    }


def idle_picture(figures, million):
    """"": too few steps were measured."""
    points = measured_idle(figures)
    if len(points.get("tcpackd", {})) < 3:
        return ""
    points["tcpackd"].update(million)
    data, plots = [], []
    for contender, colour in IDLE_COLOURS.items():
        steps = sorted((idle, us) for idle, us in points.get(contender, {}).items() if idle > 0)
        if not steps:
            continue
        block = "$" + contender.replace(" ", "_")
        data += [f"{block} << END", *[f"{idle} {us:.6g}" for idle, us in steps], "END"]
        plots.append(f'{block} using 1:2 lw 2 pt 7 ps 0.6 lc rgb "{colour}" title "{contender}"')
    return IDLE_PICTURE.format(data="\n".join(data), plots=", ".join(plots))


def write(path, figures):
    """Only what was measured; no file if that is nothing."""
    here = os.path.join(os.path.dirname(__file__), "results")
    million = million_idle(os.path.join(here, "million.csv"))
    pictures = [text for text in (lines_picture(figures), idle_picture(figures, million)) if text]
    if not pictures:
        return
    script = SCRIPT.format(output=path, pictures="\n".join(pictures))
    done = subprocess.run(["gnuplot"], input=script, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"gnuplot: {done.stderr.strip()}")
