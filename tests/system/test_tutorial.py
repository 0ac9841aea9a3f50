"""
Why: a lesson whose commands do something else than the page shows teaches nothing. So each section
of tcpack-tutorial(7) runs as it stands, in a shell and a network of its own, and prints what the
page says, but for times, ports, sizes and descriptors. In the other language it is the same lesson.
"""

import re
import resource

import pytest
from harness import programs
from harness.documents import displays, sections, transcript, unescaped
from harness.session import Session, network_namespace
from harness.waiting import wait_until

PAGES = {"en": "tcpack-tutorial.7.in", "zh_CN": "zh_CN/tcpack-tutorial.7.in"}
PORT = 8001

# A command that only looks is repeated until it shows what runs in the background.
LOOKS = re.compile(r"(cat|cut|grep|ss|tail|wc) ")
# Sections that look at all connections of the machine need a network of their own.
NETWORK = re.compile(r"^\$ (ss|tcpdump) ", re.MULTILINE)
START = "$ sudo unshare -n bash\n# ip link set lo up\n"
PROGRAM = re.compile(r"# (\w+\.py)\n")

VARYING = [
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
    (r"(?<=: configuration )\S+", "FILE"),
    (rf"(127\.0\.0\.1[:.])(?!{PORT}\b)\d+", r"\1PORT"),
    (rf"htons\((?!{PORT}\b)\d+", "htons(PORT"),
    (r"^(accept4|recvfrom|write|fdatasync|sendto)\(\d+", r"\1(FD"),
    (r"(?<=htons\(PORT\)).*", ""),
    (r", MSG_\w*$", ""),
    (r" = \d+$", " = N"),
    (r"\d+(\.\d+)? (s|us)\b", "TIME"),
    (r"\d+/s", "RATE"),
    (r"\b\d{5,}\b", "SIZE"),
    (r"[ \t]+", " "),
    (r" $", ""),
]


def page(language):
    return (programs.SOURCE / "man" / PAGES[language]).read_text(encoding="utf-8")


def program_files(text):
    """{name: program} of the displays that begin with a file's name."""
    found = {}
    for display in map(unescaped, displays(text)):
        if match := PROGRAM.match(display):
            found[match[1]] = display
    return found


def steps(text):
    """[(command, output)] of a section, through all of its displays but START, which Session does."""
    return [step for display in displays(text) if display != START and not PROGRAM.match(display)
            for step in transcript(unescaped(display))]


def alike(command, output):
    """What must be the same; ss lists connections in any order."""
    for pattern, name in VARYING:
        output = re.sub(pattern, name, output, flags=re.MULTILINE)
    lines = output.rstrip("\n").split("\n")
    return sorted(lines) if command.startswith("ss ") else lines


def cases():
    return [pytest.param(language, number, id=f"{language}-{title}")
            for language in PAGES
            for number, (title, text) in enumerate(sections(page(language))) if steps(text)]


def need_for(text, wrap, why):
    """Skip a section that cannot run here."""
    programs.need("bash", *(name for name in ("nc", "ss", "tcpdump", "python3")
                            if re.search(rf"\b{name} -?", text)))
    if "strace" in text:
        programs.need_strace()
    if "--clients 2000" in text and resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 4096:
        pytest.skip("no 4096 descriptors here")
    if not wrap and NETWORK.search(text):
        pytest.skip(f"no network namespace: {why}")


def expect(session, command, output):
    """The command prints this; one that only looks may have to look again."""
    wanted, said = alike(command, output), [""]

    def seen():
        said[:] = [session.run(command)]
        return alike(command, said[0]) == wanted
    try:
        if command.startswith("kill -STOP"):
            session.run(command)
            wait_until(lambda: session.run("jobs -s | wc -l") != "0\n", "a stopped job")
        elif LOOKS.match(command):
            wait_until(seen, command)
        else:
            seen()
    except AssertionError:
        pass
    assert alike(command, said[0]) == wanted, f"{command}\n{said[0]}"


@pytest.mark.parametrize("language, number", cases())
def test_section(tmp_path, free_port, language, number):
    text = page(language)
    wrap, why = network_namespace()
    need_for(sections(text)[number][1], wrap, why)
    port = PORT if wrap else free_port

    def moved(part):
        return part.replace(str(PORT), str(port))
    with Session(tmp_path, port, wrap) as session:
        for name, program in program_files(text).items():
            (session.folder / name).write_text(moved(program), encoding="utf-8")
        if wrap:
            session.run("ip link set lo up")
        for command, output in steps(sections(text)[number][1]):
            expect(session, moved(command), moved(output))
