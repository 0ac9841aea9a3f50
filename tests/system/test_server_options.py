"""
tcpackd's command line and what it does with a configuration, as a user meets them: every option,
exit codes, and errors that are complete in one run.
"""

import os
import re
import signal
import socket

import pytest

from harness import programs
from harness.classroom import REPLY
from harness.client import Client
from harness.server import ini
from harness.waiting import wait_until


def tcpackd(*arguments):
    return programs.run(programs.tcpackd(), *arguments)


@pytest.fixture
def config(tmp_path):
    """A function that writes a file and returns its path."""
    def write(text):
        path = tmp_path / "test.ini"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path
    return write


def effective(*arguments):
    """{"section.key": value} that `tcpackd -T` prints."""
    result = tcpackd(*arguments, "-T")
    assert (result.returncode, result.stderr) == (0, "")
    settings, section = {}, None
    for line in result.stdout.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and line[0] not in ";#":
            key, value = line.split("=", 1)
            settings[f"{section}.{key.strip()}"] = value.strip()
    return settings


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_version(option):
    result = tcpackd(option)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("tcpackd ") and result.stdout.count("\n") == 1


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help(option):
    result = tcpackd(option)
    assert (result.returncode, result.stderr) == (0, "")
    assert all(f"-{option}" in result.stdout for option in "cotTqvVh")
    shown = re.sub(r"/\S+/tcpack\.ini", "/etc/tcpack.ini", result.stdout)
    assert max(map(len, shown.splitlines())) <= 80 and shown.count("\n") < 24  # one screen


@pytest.mark.parametrize("arguments, words", [
    (["-x"], ["x"]), (["-c"], ["-c needs a value"]), (["-o"], ["-o needs a value"]), (["word"], ["word"]),
    (["--nonsense"], ["--nonsense"]), (["-t", "word"], ["word", "-c FILE"]),
    (["--config"], ["--config needs a value"]), (["--check=1"], ["--check takes no value"]),
    (["-c", ""], ["-c takes the name of a file, not ''"]),
    (["-o", ""], ["-o takes section.key=value, not ''"]),
    (["--check", "-Zt"], ["-Z"]), (["--", "-t"], ["-t"]), (["-t", "-T"], ["-t and -T"]),
    (["-q", "-v"], ["-q and -v"]),
])
def test_usage_errors(arguments, words):
    """64, one line that says what was wrong and where to look; nothing on standard output."""
    result = tcpackd(*arguments)
    assert result.returncode == 64, result
    assert result.stdout == ""
    assert re.fullmatch(r"tcpackd: error: (.+) \(try: tcpackd -h\)\n", result.stderr)
    assert all(word in result.stderr for word in words)


def test_check_a_good_file(config):
    result = tcpackd("-c", config("[server]\nport = 9000\n"), "-t")
    assert (result.returncode, result.stdout) == (0, "")


def test_check_does_not_listen_or_write(config, tmp_path):
    journal = tmp_path / "journal"
    assert tcpackd("-c", config(f"[journal]\nfile = {journal}\n"), "-t").returncode == 0
    assert not journal.exists()


@pytest.mark.parametrize("arguments", [["-t"], ["-T"], []])
def test_broken_file_says_everything_at_once(config, arguments):
    path = config("[server]\nprot = 9000\nport = 70000\n[sever]\nframing = lines\n"
                  "[journal]\nsync = maybe\nsync = yes\n")
    result = tcpackd("-c", path, *arguments)
    assert result.returncode == 78
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    for number, words in [(2, ["prot", "port"]), (3, ["70000", "65535"]), (4, ["sever", "server"]),
                          (7, ["maybe"])]:
        prefix = f"tcpackd: error: {path}:{number}: "
        found = [line for line in lines if line.startswith(prefix)]
        assert found and all(word in found[0] for word in words), (number, result.stderr)


def test_reply_that_does_not_compile(config):
    path = config("[server]\nreply = {sequence}\n")
    result = tcpackd("-c", path, "-t")
    assert result.returncode == 78
    assert result.stderr.startswith(f"tcpackd: error: {path}:2: ")


def test_long_options(config):
    """Each does what its letter does."""
    path = config("[server]\nreply = long\n")
    short = tcpackd("-c", path, "-o", "server.port=7", "-q", "-T")
    long = tcpackd("--config", path, "--option=server.port=7", "--quiet", "--print")
    assert (long.returncode, long.stdout, long.stderr) == (0, short.stdout, "")
    assert "level = warning" in long.stdout and "port = 7" in long.stdout
    assert "level = debug" in tcpackd("--verbose", "--print").stdout
    assert "level = trace" in tcpackd("--verbose", "-v", "--print").stdout
    assert "is valid" in tcpackd(f"--config={path}", "--check").stderr


def test_long_list_of_networks(config):
    """A line has room for 198 bytes: a list goes on with the same key, in the file and in -T."""
    networks = [f"10.0.{number}.0/24" for number in range(100)]
    path = config("[server]\n" + "".join(f"allow = {network} ; one\n" for network in networks)
                  + "[listener own]\nport = 1\nallow = ::1\n")
    first = tcpackd("-c", path, "-T")
    assert (first.returncode, first.stderr) == (0, "")
    server, own = first.stdout.split("[listener own]")
    lines = [line.removeprefix("allow = ") for line in server.splitlines() if "allow" in line]
    assert len(lines) > 5 and " ".join(lines).split() == networks
    assert "allow = ::1\n" in own and "10.0" not in own
    assert max(map(len, first.stdout.splitlines())) <= 198
    assert tcpackd("-c", config(first.stdout), "-T").stdout == first.stdout
    over = tcpackd("-c", path, "-o", "server.allow=::2", "-o", "server.allow=" + " ".join(networks),
                   "-T").stdout
    assert "allow = ::2 10.0.0.0/24 " in over


def test_named_file_must_exist(tmp_path):
    result = tcpackd("-c", tmp_path / "absent.ini", "-t")
    assert result.returncode == 78
    assert f"{tmp_path}/absent.ini: cannot read the configuration: No such file" in result.stderr


@pytest.mark.parametrize("program, arguments", [(programs.tcpackd, ["-t"]), (programs.tcpack, [])])
def test_a_pipe_that_gives_nothing_is_no_configuration(tmp_path, program, arguments):
    """It must neither keep the program waiting nor count as an empty file, which is a good one."""
    os.mkfifo(tmp_path / "pipe")
    result = programs.run(program(), "-c", tmp_path / "pipe", *arguments)
    assert result.returncode == 78
    assert "nothing comes out of this pipe" in result.stderr


def test_a_pipe_is_a_configuration_once(server, tmp_path):
    """When it is read again, it gives nothing: then everything stays as it is."""
    reading, writing = os.pipe()
    os.write(writing, b"[server]\nport = 0\nreply = piped\n")
    os.close(writing)
    one = server(arguments=["-c", f"/dev/fd/{reading}"], inherited=[reading])
    os.close(reading)
    one.send_signal(signal.SIGHUP)
    one.log.wait("nothing is changed")
    with Client(one) as client:
        assert client.say(b"message") == b"piped"


def test_a_directory_is_no_file(tmp_path):
    result = tcpackd("-c", tmp_path, "-t")
    assert result.returncode == 78 and "irectory" in result.stderr


def test_override(config):
    path = config("[server]\nport = 9000\nreply = file\n")
    settings = effective("-c", path, "-o", "server.port=9001", "-o", "journal.sync=no")
    assert settings["server.port"] == "9001"
    assert settings["server.reply"].strip('"') == "file"
    assert settings["journal.sync"] == "no"


@pytest.mark.parametrize("override, words", [
    ("server.prot=1", ["prot", "port"]),
    ("server.port=x", ["x"]),
    ("nowhere.port=1", ["nowhere"]),
    ("noequals", ["noequals", "section.key=value"]),
])
def test_broken_override(override, words):
    result = tcpackd("-c", "/dev/null", "-o", override, "-t")
    assert result.returncode == 78
    assert all(word in result.stderr for word in words), result.stderr


def test_effective_configuration_reads_back_to_the_same(config):
    """-T prints what -T reads, whatever characters the values have."""
    path = config(ini({
        "server.reply": '"  a; b # c {seq} \\x00 \\\\ "', "server.framing": "octet",
        "server.max_message": "77", "journal.mode": "0600", "client.prompt": '"> "',
        "server.allow": "10.0.0.0/8 ::1", "listener second.port": "0",
        "listener second.framing": "line"}))
    first = tcpackd("-c", path, "-T")
    assert first.returncode == 0, first.stderr
    second = tcpackd("-c", config(first.stdout), "-T")
    assert second.returncode == 0, second.stderr
    assert second.stdout == first.stdout
    assert "77" in first.stdout and "octet" in first.stdout and "0600" in first.stdout


def answers_and_refuses(port):
    """Whether something at this port answers a line, and closes for one that is too long."""
    try:
        with Client((socket.AF_INET, ("127.0.0.1", port))) as client:
            assert client.say(b"hello") == REPLY
            client.send(b"too long\n")
            return client.receive_all() == b""
    except ConnectionRefusedError:
        return False


def test_quiet_logs_warnings_and_errors_only(server):
    """The start lines are absent too: an answer is the sign of life, at a port that was free."""
    one = server()
    port = one.port
    one.stop()
    one.settings.update({"server.port": str(port), "server.max_message": "7",
                         "server.framing": "line"})
    one.arguments = ["-q"]
    one.spawn()
    wait_until(lambda: answers_and_refuses(port), "an answer")
    one.stop()
    assert one.log.lines and all("warning: " in line for line in one.log.lines), str(one.log)


LIFE = ("accepted 127.0.0.1:.* for \\[server\\]: 1 are open",
        "closed 127.0.0.1:.* \\(peer\\): 2 messages in [0-9]+ seconds")
ROUNDS = ("commit: 2 records up to 2, [0-9]+ bytes, [0-9]+ us",
          "round: .* 2 messages recorded, 6 bytes of replies sent")


@pytest.mark.parametrize("arguments, said, unsaid", [
    ([], (), LIFE + ROUNDS),
    (["-v"], LIFE, ROUNDS),
    (["-vv"], LIFE + ROUNDS, ()),
])
def test_verbose_follows_connections_and_twice_rounds(server, arguments, said, unsaid):
    one = server({"server.framing": "line", "server.reply": "ok"}, arguments=arguments)
    with Client(one) as client:
        client.send(b"a\nb\n")
        assert client.receive() == b"ok\nok\n"
        client.end_sending()
        assert client.receive() == b""
    one.stop()
    for pattern in said:
        one.log.wait(pattern)
    assert not [line for line in one.log.lines for pattern in unsaid if re.search(pattern, line)]


def test_verbose_logs_more(server):
    one = server(arguments=["-v"])
    with Client(one) as client:
        client.send(b"hello")
        assert client.receive() == REPLY
    loud = server()
    with Client(loud) as client:
        client.send(b"hello")
        assert client.receive() == REPLY
    one.stop()
    loud.stop()
    assert len(one.log.lines) > len(loud.log.lines)
