"""
Clients that nobody here wrote, as people have them: what they send is recorded, what they expect is
answered, and nothing that they do at the end loses a message.
"""

import subprocess

import pytest

from harness import programs
from harness.waiting import DEADLINE

REPLY = "server received you message."
LINES = [f"message {number}" for number in range(100)]
INPUT = "".join(line + "\n" for line in LINES)
ANSWERS = (REPLY + "\n") * len(LINES)


def piped(command, text=INPUT):
    """What a program prints for this input, which must end well."""
    result = subprocess.run(command, input=text, capture_output=True, encoding="utf-8",
                            timeout=DEADLINE)
    assert result.returncode == 0, result
    return result.stdout


def recorded(one):
    return [message.decode() for message in one.messages()]


@pytest.mark.parametrize("framing", ["auto", "line"])
@pytest.mark.parametrize("command", [
    ["nc", "-N", "HOST", "PORT"],
    ["ncat", "HOST", "PORT"],
    ["socat", "-t", "30", "-", "TCP:HOST:PORT"],
], ids=lambda command: command[0])
def test_piped_lines(server, framing, command):
    programs.need(command[0])
    one = server({"server.framing": framing})
    assert piped([part.replace("HOST", one.host).replace("PORT", str(one.port))
                  for part in command]) == ANSWERS
    assert recorded(one) == LINES


def test_curl_telnet(server):
    """curl does not end when its input does; the server's end of the connection ends it."""
    programs.need("curl")
    one = server({"server.framing": "line", "server.idle_timeout": "4"})
    result = subprocess.run(["curl", "-sN", f"telnet://{one.host}:{one.port}"], input=INPUT,
                            capture_output=True, encoding="utf-8", timeout=DEADLINE)
    assert result.stdout == ANSWERS, result
    assert recorded(one) == LINES


def test_bash(server):
    programs.need("bash")
    one = server({"server.framing": "line"})
    script = f"""
        exec 3<>/dev/tcp/{one.host}/{one.port}
        for number in {{0..99}}; do
            echo "message $number" >&3
            read -r reply <&3
            echo "$reply"
        done"""
    assert piped(["bash", "-c", script], "") == ANSWERS
    assert recorded(one) == LINES


@pytest.mark.parametrize("pipelined", [1, 16])
def test_redis_benchmark(server, pipelined):
    """PING as an inline command is a line; any server that answers +PONG will do."""
    programs.need("redis-benchmark")
    one = server({"server.framing": "line", "server.reply": "+PONG"})
    count = 10000
    output = piped(["redis-benchmark", "-h", one.host, "-p", str(one.port), "-t", "ping_inline",
                    "-n", str(count), "-c", "50", "-P", str(pipelined), "-q"], "")
    assert "requests per second" in output
    # It first asks on a connection of its own for the server's settings: 14 lines.
    assert len(one.messages()) == count + 14


@pytest.mark.parametrize("framing, options", [("line", []), ("octet", ["--octet-count"])])
def test_logger(server, tmp_path, framing, options):
    """A one-way sender: answers would make its kernel throw away what it still had to send."""
    programs.need("logger")
    one = server({"server.framing": framing, "server.acknowledge": "no"})
    count = 8000
    lines = tmp_path / "lines"
    lines.write_text("".join(f"line {number} of {count}\n" for number in range(count)))
    piped(["logger", "--server", one.host, "--port", str(one.port), "--tcp", *options,
           "--file", str(lines)], "")
    messages = one.wait_messages(count)
    for number, message in enumerate(messages):
        assert message.rstrip(b"\n").endswith(b" line %d of %d" % (number, count))
