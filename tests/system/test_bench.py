"""
Why: make bench takes half an hour. A program that is not installed, or a row that fails, must not
lose the rest, and its figures must reach README without a typing mistake.
"""

import csv
import os
import resource
import sys

import pytest
from harness import programs

BENCH = programs.SOURCE / "tests" / "bench"


@pytest.fixture
def bench_modules(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)


def bench(output, *arguments, **environment):
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 12100 and os.geteuid() != 0:
        pytest.skip("the bench needs 12,100 descriptors")
    return programs.run(sys.executable, BENCH / "bench.py", "--tcpackd", programs.tcpackd(), "--output",
                        output, "--quick", *arguments,
                        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment})


def test_every_row_has_a_name(tmp_path):
    result = bench(tmp_path, "--list")
    assert result.returncode == 0, result.stderr
    names = result.stdout.split()
    assert names[:2] == ["lines-1-sync", "lines-50-sync"]
    assert len(set(names)) == len(names) > 20


def test_a_program_that_is_not_installed_is_named(tmp_path):
    result = bench(tmp_path, "--row", "client-lines", PATH=str(tmp_path))
    assert result.returncode == 1, result.stderr  # its ratio to them was not measured
    table = (tmp_path / "bench.txt").read_text()
    assert "redis-server: not installed (Debian: redis-server)" in table
    assert "logger: not installed (Debian: bsdutils)" in table
    assert "incomplete" not in table
    with open(tmp_path / "bench.csv", newline="") as file:
        rows = {(row["figure"], row["server"]): row for row in csv.DictReader(file)}
    assert float(rows["client-redis", "tcpackd"]["median"]) > 0
    assert rows["client-redis", "redis"]["samples"] == ""


@pytest.mark.parametrize("senders", ["missing", "silent"])
def test_a_row_that_fails_does_not_lose_the_next(tmp_path, senders):
    """The program for the load of the first is not there, or prints no figure."""
    if senders == "silent":
        (tmp_path / "senders").write_text("#!/bin/sh\n")
        (tmp_path / "senders").chmod(0o755)
    result = bench(tmp_path, "--row", "lines-1-sync", "--row", "client-file", "--programs", tmp_path,
                   PATH=str(tmp_path), BENCH_SYSLOG_NG=str(tmp_path))
    assert result.returncode == 1, result.stderr
    assert "lines-1-sync: tcpackd: " in result.stdout
    with open(tmp_path / "bench.csv", newline="") as file:
        measured = {row["figure"] for row in csv.DictReader(file) if row["samples"]}
    assert measured == {"client-file"}


def test_figures_reach_the_readme(tmp_path, bench_modules):
    import publish
    figures = [("memory", "tcpackd", 258)]
    for name in ("lines-1-sync", "lines-50-sync", "lines-1", "lines-50"):
        figures += [(name, "tcpackd", 2_600_000), (name, "rsyslog", 100_000)]
    for name in ("lines-50-sync-cpu", "lines-50-sync-memory", "cpu-1-beside-0", "cpu-1-beside-9900",
                 "cpu-50", "cpu-50-pipelined", "cpu-10000"):
        figures.append((name, "tcpackd", 1.5))
    with open(tmp_path / "bench.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["figure", "server", "median", "samples"])
        rows.writerows([*figure, "1 2 3"] for figure in figures)
    readme = tmp_path / "README"
    readme.write_text("a\n-\n\nb\n\nHow fast\n--------\n\nold\n\nNext\n----\n\nc\n")
    results = publish.Results(tmp_path / "bench.csv")
    text = publish.section("machine    2 CPUs AMD EPYC, 24 GiB, Linux 6\n", results, {1_000_000: 20.5})
    publish.replace_section(readme, text)
    lines = readme.read_text().splitlines()
    assert lines[:4] == ["a", "-", "", "b"] and lines[-4:] == ["Next", "----", "", "c"]
    assert "old" not in lines
    assert any(line.split() == "1 sender, on disk 2.6 M/s - 26 times".split() for line in lines)
    assert any(line.split()[:6] == "1 client beside 1,000,000 idle 20.5".split() for line in lines)
    with pytest.raises(publish.Incomplete):
        publish.check_whole("load       quick; average 0.5 at the end")
