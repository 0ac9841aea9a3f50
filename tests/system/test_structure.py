"""
Why: src/README promises that includes run one way and that names say where a function lives. A
reader relies on both, and nothing else checks them. The file names in the README files must exist,
and each source file must be in its folder's paragraph.
"""

import importlib
import re
import sys
from pathlib import PurePosixPath

import pytest

from harness import programs

ROOT = programs.SOURCE
SOURCES = {path.relative_to(ROOT / "src").as_posix(): path.read_text(encoding="utf-8")
           for path in sorted((ROOT / "src").rglob("*.[ch]"))}
LINES_MAX = 60  # of a function, with its braces
README_WIDTH = 88

# The layers of the server, highest last. A file includes its own layer and those below.
BASE, PARTS, ROUND, TOP = 1, 2, 3, 4
TOP_FILES = {"tcpackd", "server"}
BASE_FILES = {"settings", "metrics", "metrics_http", "outputs", "status"}

# Exported functions whose name does not begin with the name of their file or folder.
OTHER_NAMES = {
    "sync_directory_of": "a step of replace_file(), which the journal needs alone",
    "wait_for_one": "it waits without a wait_set",
}


def folder(name):
    return PurePosixPath(name).parent.as_posix()


def stem(name):
    return PurePosixPath(name).stem


def program(name):
    return PurePosixPath(name).parts[0]


def includes(name):
    return re.findall(r'^#include "(.+)"', SOURCES[name], re.MULTILINE)


def has_main(name):
    return re.search(r"^int main\(", SOURCES[name], re.MULTILINE) is not None


def layer(name):
    """Of a file of the server."""
    if folder(name) == "server":
        assert stem(name) in TOP_FILES | BASE_FILES, f"in which layer is {name}?"
        return TOP if stem(name) in TOP_FILES else BASE
    return ROUND if folder(name) == "server/round" else PARTS


def circle(graph):
    """A path in a {node: nodes} that comes back to where it began, or None."""
    done = set()

    def walk(node, path):
        if node in path:
            return path[path.index(node):] + [node]
        if node in done:
            return None
        found = next(filter(None, (walk(other, path + [node]) for other in graph[node])), None)
        done.add(node)
        return found

    return next(filter(None, (walk(node, []) for node in graph)), None)


def test_every_include_is_a_file_of_the_tree():
    for name in SOURCES:
        for other in includes(name):
            assert other in SOURCES, f"{name} includes {other}"


def test_programs_include_only_themselves_and_common():
    for name in SOURCES:
        for other in includes(name):
            assert program(other) in ("common", program(name)), f"{name} includes {other}"


def test_no_file_of_the_server_includes_a_layer_above_its_own():
    for name in SOURCES:
        for other in includes(name) if program(name) == "server" else []:
            if program(other) == "server":
                assert layer(other) <= layer(name), f"{name} includes {other}"


def test_no_file_includes_itself_through_others():
    assert circle({name: includes(name) for name in SOURCES}) is None


def test_no_folder_of_the_server_includes_itself_through_others():
    def node(name):
        return folder(name) if layer(name) in (PARTS, ROUND) else layer(name)

    graph = {}
    for name in SOURCES:
        if program(name) == "server":
            graph.setdefault(node(name), set()).update(
                node(other) for other in includes(name)
                if program(other) == "server" and node(other) != node(name))
    assert circle(graph) is None


def test_every_file_includes_its_own_header_first():
    for name in SOURCES:
        if name.endswith(".c") and not has_main(name):
            assert name[:-1] + "h" in SOURCES, f"{name} has no header"
            assert includes(name)[:1] == [name[:-1] + "h"], name


def test_headers_begin_with_their_name_and_are_guarded_by_it():
    for name, text in SOURCES.items():
        if name.endswith(".h"):
            guard = "TCPACK_" + re.sub(r"[/.]", "_", name).upper()
            assert re.match(rf"/\*\s+(\* )?{re.escape(PurePosixPath(name).name)}: ", text), name
            assert f"\n#ifndef {guard}\n#define {guard}\n" in text, name


def declared_functions(text):
    """The functions that a header declares or, as static inline, defines."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    text = re.sub(r"^#(.*\\\n)*.*$", "", text, flags=re.MULTILINE)
    while re.search(r"\{[^{}]*\}", text):
        text = re.sub(r"\{[^{}]*\}", ";", text)
    found = [re.match(r"\s*[a-z_][\w\s*]*?\b(\w+)\s*\(", part) for part in text.split(";")]
    return [match[1] for match in found if match]


def test_exported_functions_bear_the_name_of_their_file_or_folder():
    used = set()
    for name, text in SOURCES.items():
        if not name.endswith(".h"):
            continue
        # In the singular or the plural: listener.h has listener_... and listeners_...
        owners = "|".join(owner.removesuffix("s") for owner in
                          (stem(name), PurePosixPath(folder(name)).name))
        for function in declared_functions(text):
            if function in OTHER_NAMES:
                used.add(function)
            else:
                assert re.match(rf"({owners})s?(_|$)", function), f"{function} in {name}"
    assert used == set(OTHER_NAMES)


def test_no_function_is_longer_than_a_screen():
    for name, text in SOURCES.items():
        for body in re.finditer(r"^\{\n.*?^\}", text, re.MULTILINE | re.DOTALL):
            line = text.count("\n", 0, body.start()) + 1
            assert body[0].count("\n") < LINES_MAX, f"{name}:{line}"


# ------------------------------------------------------------------------------- the README files

READMES = [path for path in (ROOT / "README", ROOT / "src/README", ROOT / "tests/README")
           if path.exists()]
TREE = {"/" + path.relative_to(ROOT).as_posix() + ("/" if path.is_dir() else "")
        for top in ("src", "tests", "man", "etc", "doc") for path in (ROOT / top).rglob("*")} | \
       {"/" + path.name for path in ROOT.iterdir() if path.is_file()}
TOPS = {name.split("/")[1] for name in TREE} | {name.split("/")[2] for name in TREE
                                                if name.startswith("/src/") and name != "/src/"}


def file_names(text):
    """What looks like a path or a file, {a,b} and [ch] expanded; placeholders in capitals are not."""
    for token in re.findall(r"(?<![\w./-])[\w./{},\[\]-]*[\w}\]/]", text):
        is_file = re.search(r"\.(\[ch\]|c|h|py|sh|in|ini|am|ac|\d\.in)$", token)
        is_path = "/" in token.strip("/") and token.split("/")[0] in TOPS
        if (is_file or is_path) and not re.search(r"[A-Z]{3}", token) and token[0] not in "./[":
            yield from expand(token)


def expand(token):
    found = re.search(r"\{([^}]*)\}|\[(ch)\]", token)
    if not found:
        return [token]
    choices = found[1].split(",") if found[1] is not None else found[2]
    return [name for choice in choices
            for name in expand(token[:found.start()] + choice + token[found.end():])]


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.parent.name)
def test_files_named_in_the_readme_exist(readme):
    named = list(file_names(readme.read_text(encoding="utf-8")))
    assert named
    for name in named:  # or what `make check` makes: test_x and test_x.log from test_x.c
        ends = "/" + name.rstrip("/"), "/" + name.removesuffix(".log") + ".c"
        assert any(path.rstrip("/").endswith(ends) for path in TREE), name


def folder_paragraphs():
    """{folder: text} of the map: a line with a folder's name, then indented lines."""
    text = (ROOT / "src/README").read_text(encoding="utf-8")
    return dict(re.findall(r"^(\w[\w/]*)/\n((?: +.*\n)+)", text, re.MULTILINE))


def test_every_source_file_is_named_in_the_paragraph_of_its_folder():
    words = {name: re.findall(r"[\w-]+", text) for name, text in folder_paragraphs().items()}
    assert {name for name in SOURCES if stem(name) not in words.get(folder(name), [])} == set()


def named_parts():
    """
    The parts that the map names, as in server/round/wait. Names stand before a colon at the
    beginning of a sentence (`buffer, number: small tools.`); what begins with a capital letter there
    is a heading.
    """
    return [f"{name}/{part}" for name, text in folder_paragraphs().items()
            for names in re.findall(r"(?:^|\. )([a-z][\w, -]*): ", " ".join(text.split()))
            for part in names.split(", ")]


def test_every_part_named_in_a_paragraph_is_a_file_and_named_once():
    named = named_parts()
    assert set(named) - {name[:-2] for name in SOURCES} == set()
    assert [name for name in named if named.count(name) > 1] == []


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.parent.name)
def test_a_readme_is_wrapped(readme):
    text = readme.read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if len(line) > README_WIDTH] == []


def test_every_mutant_of_the_simulation_changes_the_source(monkeypatch):
    """Why: they are built by hand, so that a change of the source would leave some without a text."""
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "simulation"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    mutants = importlib.import_module("mutants")
    everything = mutants.MUTANTS | mutants.CLIENT_MUTANTS
    assert len(everything) > 60
    for name, replacements in everything.items():
        assert mutants.changed(replacements), name
