"""A tcpackd with a mistake, for controls: what a test checks must find it."""

import os
from pathlib import Path

import pytest

from harness import programs


def tcpackd(folder, **changes):
    """
    Build it in `folder`, with changes={"FILE_C": (text, other text)}, of a file FILE.c in src/server;
    its path. The texts are there once.
    """
    build = os.environ.get("TCPACK_BUILDDIR")
    if not build:
        pytest.skip("TCPACK_BUILDDIR is not set: make check sets it")
    folder = Path(folder) / "mutant"
    folder.mkdir()
    for name, (before, after) in changes.items():
        path, = (programs.SOURCE / "src" / "server").glob(f"*/{name.removesuffix('_c')}.c")
        text = path.read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{path.name} has not once: {before}"
        (folder / path.name).write_text(text.replace(before, after), encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    built = programs.run("make", "-s", "-C", build, f"MUTANT={folder}", folder / "tcpackd",
                         env=environment)
    assert built.returncode == 0, built.stdout + built.stderr
    return str(folder / "tcpackd")
