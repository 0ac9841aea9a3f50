"""
What is written and what is built in are the same: keys and options in the man pages, the shipped
configuration and its defaults, and the protocol page's examples, which are replayed byte by byte.
"""

import re

import pytest

from harness import programs
from harness.client import Client

MAN = programs.SOURCE / "man"
SHIPPED = programs.SOURCE / "etc" / "tcpack.ini"

# How the shipped file shows a key: as a comment.
COMMENTED_KEY = re.compile(r"^[;#]\s?(\w+)\s*=\s*(.*)$")


def page(name):
    for path in (MAN / f"{name}.in", MAN / name):
        if path.exists():
            return path.read_text(encoding="utf-8")
    raise AssertionError(f"no man page {name} in {MAN}")


def printed_defaults():
    """[(section, key, value)] of `tcpackd -T` without a configuration."""
    result = programs.run(programs.tcpackd(), "-c", "/dev/null", "-T")
    assert result.returncode == 0, result.stderr
    section, keys = None, []
    for line in result.stdout.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif "=" in line:
            key, value = line.split("=", 1)
            keys.append((section, key.strip(), value.strip()))
    assert len(keys) > 20
    return keys


def unquoted(value):
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value


def documented_defaults():
    """{(section, key): default} of tcpack.ini(5); the default is None where it is in words."""
    section = key = None
    depth = 0  # lists in lists are a key's words
    documented = {}
    lines = iter(page("tcpack.ini.5").splitlines())
    for line in lines:
        if line.startswith(".Sh"):
            heading = re.fullmatch(r"\.Sh \[(\w+)\]", line)
            section = heading and heading[1]
        depth += line.startswith(".Bl") - line.startswith(".El")
        item = re.fullmatch(r"\.It Cm (\w+)", line)
        if item and section and depth == 1:
            key = item[1]
            documented[section, key] = None
        if line == "Default:":
            default = re.fullmatch(r"\.Ql (.*?)(?: [.,])?", next(lines))
            documented[section, key] = default and default[1].replace("\\&", "")
    return documented


def test_every_key_is_in_the_man_page_with_its_default():
    documented = documented_defaults()
    printed = {(section, key): unquoted(value) for section, key, value in printed_defaults()}
    assert set(documented) == set(printed)
    for (section, key), value in printed.items():
        if documented[section, key] is not None:
            assert documented[section, key] == value, (section, key)
        else:
            in_words = printed["server", key] if section == "client" else ""
            assert value == in_words, f"{section}.{key} has a default that the page does not say"


def reload_kinds():
    """{what a reload does: keys} of the option table."""
    table = (programs.SOURCE / "src" / "common" / "config" / "options.c").read_text()
    kinds = {}
    for key, kind in re.findall(r"^    \{[A-Z_]+\((\w+)\), ([A-Z_]+),", table, re.MULTILINE):
        kinds.setdefault(kind, set()).add(key)
    return kinds


def test_the_man_page_says_what_a_reload_leaves_as_it_is():
    kinds = reload_kinds()
    exceptions = re.search(
        r"with two exceptions:\n(.*?)apply to new connections only;\n(.*?)need a restart",
        page("tcpackd.8"), re.DOTALL)
    new_only, restart = (set(re.findall(r"\b(\w{3,})\b", words)) - {"and"}
                         for words in exceptions.groups())
    assert new_only == kinds["NEW_ONLY"]
    assert restart == kinds["AFTER_RESTART"]


def test_shipped_file_lists_every_key_with_its_default():
    section, listed = None, []
    for line in SHIPPED.read_text(encoding="utf-8").splitlines():
        heading = re.match(r"[;#]?\s*\[(.+)\]", line)
        if heading:
            section = heading[1]
        elif match := COMMENTED_KEY.match(line):
            if not section.startswith("listener"):
                listed.append((section, match[1], unquoted(match[2].strip())))
        else:
            assert not line or line[0] in ";#", f"a live setting: {line}"
    printed = [(section, key, unquoted(value)) for section, key, value in printed_defaults()]
    assert sorted(listed) == sorted(printed)


def test_shipped_file_is_a_good_configuration(tmp_path):
    """As it stands, and with every key that it shows made live."""
    assert programs.run(programs.tcpackd(), "-c", SHIPPED, "-t").returncode == 0
    live = tmp_path / "live.ini"
    live.write_text(re.sub(r"^[;#]\s?(\w+\s*=|\[)", r"\1", SHIPPED.read_text(encoding="utf-8"),
                           flags=re.MULTILINE))
    result = programs.run(programs.tcpackd(), "-c", live, "-t")
    assert result.returncode == 0, result.stderr


def test_options_are_those_of_the_man_page():
    text = page("tcpackd.8")
    documented = set(re.findall(r"^\.It Fl (\w)", text, re.MULTILINE))
    shown = set(re.findall(r"(?<!\w)-(\w)\b", programs.run(programs.tcpackd(), "-h").stdout))
    assert documented == shown == set("cotTqvVh")


def test_long_options_are_those_of_the_man_page_and_of_the_completion():
    documented = set(re.findall(r"^\.It Fl \w .*, Fl -(\w+)", page("tcpackd.8"), re.MULTILINE))
    shown = set(re.findall(r"--(\w+)", programs.run(programs.tcpackd(), "--help").stdout))
    completion = programs.SOURCE / "etc" / "bash-completion" / "tcpackd"
    completed = set(re.findall(r"--(\w+)", completion.read_text(encoding="utf-8")))
    assert documented == shown == completed
    assert len(shown) == 8


def protocol_examples():
    """[(framing, [(direction, bytes, whether sending ends), ...])] of tcpack-protocol(7)."""
    framing = None
    for line in page("tcpack-protocol.7").splitlines():
        heading = re.fullmatch(r"\.Ss (\w+)", line)
        if heading:
            framing = heading[1]
        elif line.startswith(".Bd"):
            steps = []
        elif line.startswith(".Ed") and steps:
            yield framing, steps
        elif match := re.match(r"([<>]) ((?:[0-9a-f]{2} )+) *(.*)", line):
            steps.append((match[1], bytes.fromhex(match[2]), "end of stream" in match[3]))


@pytest.mark.parametrize("framing, steps", protocol_examples())
def test_examples_of_the_protocol_page(server, framing, steps):
    one = server({"server.framing": framing, "server.reply": "ok"})
    with Client(one) as client:
        for direction, data, ends in steps:
            if direction == ">":
                client.send(data)
                if ends:
                    client.end_sending()
            else:
                received = b""
                while len(received) < len(data):
                    received += client.receive() or b"(closed)"
                assert received == data


def test_there_are_examples_for_every_framing():
    shown = {framing for framing, _ in protocol_examples()}
    assert shown == {"auto", "line", "nul", "octet", "syslog"}  # and relp, in its own way


def test_relp_session_of_the_protocol_page(server):
    """What the client sends, replayed; what the server sends, up to its length and version."""
    section = page("tcpack-protocol.7").split("\n.Ss relp\n")[1].split("\n.Ss ")[0]
    lines = re.search(r"^\.Bd .*\n((?:[CS]:.*\n)+)\.Ed", section, re.MULTILINE)[1].splitlines()
    sent, expected = ("".join(line[3:] + "\n" for line in lines if line.startswith(side))
                      for side in "CS")
    one = server({"server.framing": "relp"})
    with Client(one) as client:
        client.send(sent.encode())
        received = client.receive_all().decode()
    received = re.sub(r"1 rsp \d+ ", "1 rsp LENGTH ", received)
    received = re.sub(r"tcpackd,.*", "tcpackd,VERSION", received)
    assert received == expected
    assert one.messages() == [b"hello"]
