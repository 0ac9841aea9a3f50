"""Table and CSV."""

import csv
import os
import platform
import re
import statistics
import subprocess
import time

from servers import CPUS, read

def median(figure, contender):
    return statistics.median(figure.samples[contender])


def judge(figure):
    """(value, its text, what is wanted, "met", "MISSED", "not measured", or nothing: no target)."""
    wanted = target(figure)
    if "tcpackd" not in figure.samples or (figure.against and figure.against not in figure.samples):
        return None, "not measured", wanted, "not measured"
    value = median(figure, "tcpackd")
    text = f"{number(value)} {figure.unit}"
    if figure.against:
        value /= median(figure, figure.against)
        text = f"{value:.2f} of {figure.against}"
    if not wanted:
        return value, text, "", ""
    met = (figure.at_least is None or figure.at_least <= value) and (
        figure.at_most is None or value <= figure.at_most
    )
    return value, text, wanted, "met" if met else "MISSED"


def limit(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:g}"


def target(figure):
    """What is wanted, as text; "": nothing."""
    if figure.at_most is not None and figure.at_least is not None:
        return f"{limit(figure.at_least)} to {limit(figure.at_most)}"
    if figure.at_most is not None:
        return f"at most {limit(figure.at_most)}"
    return f"at least {limit(figure.at_least)}" if figure.at_least is not None else ""


def ratio(figure, contender):
    """Text for the table: of the medians of `contender` and of what tcpackd is judged against; or how
    many times as much tcpackd does."""
    own = median(figure, contender)
    if figure.times:
        if contender == "tcpackd" or "tcpackd" not in figure.samples:
            return ""
        ours = median(figure, "tcpackd")
        times = ours / own if figure.unit.endswith("/s") else own / ours
        return f"{times:.0f} x" if times >= 10 else f"{times:.1f} x"
    if figure.against not in figure.samples or median(figure, figure.against) == 0:
        return ""
    return f"{own / median(figure, figure.against):.2f}"


def number(value):
    digits = 0 if value == int(value) or value >= 1000 else 1 if value >= 100 else 2
    return f"{value:,.{digits}f}"


def version(command):
    """The first line that it prints."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "not installed"
    return (done.stdout + done.stderr).strip().split("\n")[0]


def description(machine, arguments, others=()):
    """The machine and the programs, for whoever compares figures; `others`: (name, version)."""
    model = re.search(r"^model name\s*:\s*(.*)$", read("/proc/cpuinfo"), re.M)
    memory = int(re.search(r"^MemTotal:\s+(\d+)", read("/proc/meminfo"), re.M).group(1))
    redis = ("redis", version(["redis-server", "--version"]))
    return [
        f"date       {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}",
        f"machine    {len(CPUS)} CPUs {model.group(1) if model else platform.machine()}, "
        f"{memory / 1024 / 1024:.0f} GiB, Linux {platform.release()}",
        f"tcpackd    {version([machine.tcpackd_path, '-V'])}",
        *[f"{name:10} {text}" for name, text in (redis, *others)],
        f"load       {'quick; ' if arguments.quick else ''}"
        f"average {os.getloadavg()[0]:.2f} at the end (a quiet machine: below 2)",
    ]


def row_of(figure, contender):
    samples = figure.samples[contender]
    cells = [number(f(samples)) for f in (min, statistics.median, max)]
    _, _, wanted, verdict = judge(figure)
    end = f"  {wanted}: {verdict}" if contender == "tcpackd" and wanted else ""
    line = f"  {contender:26}" + "".join(f"{cell:>10}" for cell in cells)
    return f"{line}{ratio(figure, contender):>8}{end}"


def table(figures, instructions):
    lines = [f"{'':28}{'min':>10}{'median':>10}{'max':>10}{'ratio':>8}"]
    for figure in figures:
        rounds = max(map(len, figure.samples.values()), default=0)
        lines.append("")
        lines.append(f"{figure.title}, {figure.unit}, {rounds} round{'' if rounds == 1 else 's'}")
        lines += [row_of(figure, contender) for contender in figure.samples]
        lines += [f"  {contender:26}{why}" for contender, why in figure.absent.items()]
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
                ours = contender == "tcpackd"
                rows.writerow(
                    [figure.name, figure.unit, contender]
                    + [f"{f(samples):.6g}" for f in (min, statistics.median, max)]
                    + [ratio(figure, contender)]
                    + [wanted if ours else "", verdict if ours else ""]
                    + [" ".join(f"{sample:.6g}" for sample in samples)]
                )
            for contender, why in figure.absent.items():
                rows.writerow([figure.name, figure.unit, contender, "", "", "", "", "", why, ""])
        for title, counts in instructions:
            for contender, counted in counts.items():
                rows.writerow(
                    [f"callgrind {title}", "instructions/message", contender, "", f"{counted:.0f}"]
                )
