"""
Why: of syslog senders over TCP some count their messages, some end them with a newline, and who
sets up a listener seldom knows which. framing = syslog takes both on one port: from logger and
rsyslog, unmodified, in both forms, and byte by byte as others send it.
"""

import re
from collections import Counter

import pytest

from harness import programs, rsyslog
from harness.client import Client
from harness.rsyslog import Rsyslog
from harness.waiting import wait_until

FORWARD = """
template(name="raw" type="string" string="%msg%")
ruleset(name="send") {{
  action(type="omfwd" target="127.0.0.1" port="{port}" protocol="tcp" template="raw"
         TCP_Framing="{form}" action.resumeRetryCount="-1" action.resumeInterval="1")
}}
"""


@pytest.fixture
def silent(server, tmp_path):
    """A server as one-way senders need it."""
    return server({"server.framing": "syslog", "server.acknowledge": "no",
                   "journal.file": tmp_path / "journal"})


def test_logger_in_both_forms(silent):
    programs.need("logger")
    for number, form in enumerate([["--octet-count"], [], ["--octet-count", "--rfc3164"]]):
        result = programs.run("logger", "--tcp", "--server", "127.0.0.1", "--port", silent.port,
                              *form, f"message {number}")
        assert result.returncode == 0, result.stderr
    silent.wait_messages(3)
    found = sorted(re.search(rb"^<13>.*(message \d)$", message)[1] for message in silent.messages())
    assert found == [b"message 0", b"message 1", b"message 2"]


def test_logger_sends_several_lines(silent, tmp_path):
    programs.need("logger")
    lines = tmp_path / "lines"
    lines.write_text("".join(f"line {number}\n" for number in range(500)))
    for form in [["--octet-count"], []]:
        result = programs.run("logger", "--tcp", "--server", "127.0.0.1", "--port", silent.port,
                              *form, "--file", lines)
        assert result.returncode == 0, result.stderr
    silent.wait_messages(1000)
    found = Counter(re.search(rb"line (\d+)$", message)[1] for message in silent.messages())
    assert found == Counter({b"%d" % number: 2 for number in range(500)})


def test_rsyslog_in_both_forms_at_once(silent, tmp_path):
    rsyslog.need("imfile")
    count = 2000
    senders = []
    for form in ("traditional", "octet-counted"):
        path = tmp_path / form
        path.write_text("".join(f"{form} {number}\n" for number in range(count)))
        senders.append(Rsyslog(tmp_path, rsyslog.reads(path) +
                               FORWARD.format(port=silent.port, form=form), form))
    with senders[0], senders[1]:
        silent.wait_messages(2 * count)
    for form in (b"traditional", b"octet-counted"):
        assert [message for message in silent.messages() if message.startswith(form)] == [
            b"%s %d" % (form, number) for number in range(count)]


def counted(message):
    return b"%d %s" % (len(message), message)


# What senders put on the wire; `loggen` is syslog-ng's. Each is (stream, message).
LOGGEN = b"<38>2026-01-01T00:00:00 localhost prg00000[1234]: seq: 0000000000, runid: 1"
FORMS = {
    "loggen": (LOGGEN + b"\n", LOGGEN),
    "loggen --framed": (counted(LOGGEN + b"\n"), LOGGEN + b"\n"),
    "syslog-ng's syslog()": (counted(b"<13>1 2026-01-01T00:00:00Z - - - - - text"),
                             b"<13>1 2026-01-01T00:00:00Z - - - - - text"),
    "a count, and LF": (b"5 <1>ab\n", b"<1>ab"),
    "a count, and NUL": (b"5 <1>ab\0", b"<1>ab"),
    "a line, and NUL": (b"<1>ab\n\0", b"<1>ab"),
    "CR LF": (b"<1>ab\r\n", b"<1>ab"),
    "counted lines": (counted(b"<1>a\nb\n"), b"<1>a\nb\n"),
}


@pytest.mark.parametrize("first", FORMS)
def test_any_form_after_any_other(server, tmp_path, first):
    one = server({"server.framing": "syslog", "server.reply": "ok {bytes}",
                  "journal.file": tmp_path / "journal"})
    messages, replies = [], b""
    with Client(one) as client:
        for stream, message in [FORMS[first], *FORMS.values()]:
            client.send(stream)
            reply = b"ok %d" % len(message)
            messages.append(message)
            if stream[:1].isdigit():
                replies += counted(reply)
            else:
                replies += reply + (b"\r\n" if b"\r\n" in stream else b"\n")
        client.end_sending()
        assert client.receive_all() == replies
    assert one.messages() == messages


def test_what_is_neither_ends_the_connection(server, tmp_path):
    one = server({"server.framing": "syslog", "journal.file": tmp_path / "journal"})
    with Client(one) as client:
        client.send(b"<13>fine\n2026-01-01 no count\n<13>after\n")
        assert client.receive_all() == b"server received you message.\n"
    one.log.wait("malformed syslog framing")
    wait_until(lambda: one.messages() == [b"<13>fine"], "the record")
