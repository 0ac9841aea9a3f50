"""Man pages in mdoc, and the sessions in documents: `$ command` and what it prints."""

import re


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
