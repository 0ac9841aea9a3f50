"""
Why: a translation that lacks an option or shows another command misleads the readers it was made
for. So sections, lists and examples of the Chinese pages are those of the English ones, in order;
and man finds the pages after an installation.
"""

import os
import re
import subprocess
import unicodedata

import pytest
from harness import programs
from harness.documents import displays, sections, transcript, unescaped

PAGES = ["tcpack.1", "tcpack-tutorial.7"]
# Sections whose heading says what the reader finds there; the others are free.
HEADINGS = {"NAME": "名称", "SYNOPSIS": "用法", "DESCRIPTION": "说明", "SIGNALS": "信号",
            "ENVIRONMENT": "环境变量", "FILES": "文件", "EXIT STATUS": "退出状态",
            "EXAMPLES": "示例", "SEE ALSO": "参见", "CAVEATS": "注意事项"}


def both(page):
    """The English page and its translation."""
    man = programs.SOURCE / "man"
    return [(man / folder / f"{page}.in").read_text(encoding="utf-8") for folder in (".", "zh_CN")]


def paired(page):
    """[(English section, Chinese section)], each as (title, text)."""
    english, chinese = map(sections, both(page))
    assert len(english) == len(chinese)
    return list(zip(english, chinese))


def figures_left_out(text):
    """What the displays show that a reader types or sees typed: a figure has words to translate."""
    return [display for display in map(unescaped, displays(text))
            if transcript(display) or display.startswith("# ")]


def entries(text):
    """The heads of lists: options, variables, files, exit status."""
    return re.findall(r"^\.It (?!Nm$)(.+)$", text, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_sections_are_the_same(page):
    for (english, _), (chinese, _) in paired(page):
        assert chinese == HEADINGS.get(english, chinese)


@pytest.mark.parametrize("page", PAGES)
def test_examples_are_the_same(page):
    for (title, english), (_, chinese) in paired(page):
        assert figures_left_out(chinese) == figures_left_out(english), title
        assert len(displays(chinese)) == len(displays(english)), title
        assert re.findall(r"^\.Dl .*", chinese, re.MULTILINE) == \
            re.findall(r"^\.Dl .*", english, re.MULTILINE), title


@pytest.mark.parametrize("page", PAGES)
def test_options_and_other_lists_are_the_same(page):
    for (title, english), (_, chinese) in paired(page):
        assert entries(chinese) == entries(english), title


def test_synopsis_and_see_also_are_the_same():
    for page in PAGES:
        for (title, english), (_, chinese) in paired(page):
            if title == "SYNOPSIS":
                lines = re.sub(r"^\.(Bl .*|El)\n", "", chinese, flags=re.MULTILINE)
                assert lines.replace(".It Nm\n", ".Nm\n") == english
            elif title == "SEE ALSO":
                assert chinese == english


def columns(line):
    """Of a terminal: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in line)


@pytest.mark.parametrize("page", PAGES)
def test_man_finds_and_formats_the_installed_page(tmp_path, page):
    """With -L, which needs no such locale on this machine; the folder's name makes it Chinese."""
    programs.need("man")
    name, section = page.rsplit(".", 1)
    folder = tmp_path / "man" / "zh_CN" / f"man{section}"
    folder.mkdir(parents=True)
    (folder / page).write_text(both(page)[1], encoding="utf-8")
    environment = {**os.environ, "MANPATH": str(tmp_path / "man"), "LC_ALL": "C.UTF-8",
                   "MANWIDTH": "80"}
    shown = subprocess.run(["man", "-L", "zh_CN.UTF-8", "--warnings", "-E", "UTF-8", section, name],
                           env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                           encoding="utf-8", check=True)
    assert shown.stderr == ""
    for title, _ in sections(both(page)[1]):
        assert f"\n{title}\n" in shown.stdout
    # Chinese has no blanks between words: without groff's macros for it, no line can be broken.
    assert not [line for line in shown.stdout.split("\n") if re.search("[\u4e00-\u9fff]", line)
                and columns(line) > 80]
