"""Where the programs under test are, which other programs this machine has, and what it allows."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.waiting import DEADLINE

SOURCE = Path(os.environ.get("TCPACK_SRCDIR") or Path(__file__).parents[3]).resolve()


def find(variable, name):
    """The program that `variable` names; for runs by hand, one built in the usual places."""
    if os.environ.get(variable):
        return os.path.abspath(os.environ[variable])
    for folder in (Path.cwd(), SOURCE, SOURCE / "build"):
        if os.access(folder / name, os.X_OK):
            return str(folder / name)
    raise FileNotFoundError(f"no {name} here: build it, or name it with {variable}=")


def tcpackd():
    return find("TCPACKD", "tcpackd")


def tcpack():
    return find("TCPACK", "tcpack")


def tcpack_journal():
    return find("TCPACK_JOURNAL", "tcpack-journal")


def run(program, *arguments, timeout=2 * DEADLINE, **options):
    """Run a program to its end; the result has returncode, stdout and stderr as text."""
    return subprocess.run([program, *map(str, arguments)], stdin=subprocess.DEVNULL,
                          capture_output=True, encoding="utf-8", timeout=timeout, **options)


def need(*names):
    """Skip the test where one of the programs is not installed."""
    for name in names:
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed")


def need_root():
    if os.geteuid() != 0:
        pytest.skip("only root may do this")


def need_strace():
    """Skip where strace is missing or not allowed to trace (a container may forbid ptrace)."""
    need("strace")
    probe = run("strace", "-o", "/dev/null", "-e", "trace=getpid", "true")
    if probe.returncode != 0:
        pytest.skip("strace may not trace here: " + probe.stderr.strip())


def is_sanitized():
    """Whether tcpackd was built with AddressSanitizer."""
    with open(tcpackd(), "rb") as file:
        return b"__asan_init" in file.read()
