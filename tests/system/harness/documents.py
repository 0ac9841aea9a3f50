"""Man pages in mdoc, and the sessions in documents: `$ command` and what it prints."""

import re

from harness import programs


def sections(page):
    """[(title, text)] in the page's order."""
    parts = re.split(r"^\.Sh (.*)\n", page, flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2]))


def displays(text):
    """The literal displays, as they stand in the source."""
    return re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed$", text, re.DOTALL | re.MULTILINE)


def unescaped(display):
    """What the reader sees of a display."""
    return display.replace("\\('e", "é").replace("\\&", "").replace("\\e", "\\")


def transcript(text):
    """[(command, output)] of lines that begin with `$ `, and what follows each."""
    parts = re.split(r"^\$ (.*)\n", text, flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2]))


def options(page):
    """The options in the lists of a manual page: -p, --port."""
    text = (programs.SOURCE / "man" / f"{page}.in").read_text(encoding="utf-8")
    return {"-" + option for line in re.findall(r"^\.It (Fl .*)$", text, re.MULTILINE)
            for option in re.findall(r"Fl (-?[\w-]+)", line)}
