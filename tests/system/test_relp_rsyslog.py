"""
Why: rsyslog's omrelp is the client for which framing relp exists. Unmodified, it must deliver every
message to a server that is killed, whose disk is full, or that stands behind HAProxy; a repeat is
allowed only where a connection broke.
"""

import configparser
import re
from collections import Counter

import pytest

from harness import disk, programs, rsyslog
from harness.client import Client
from harness.haproxy import HAProxy
from harness.rsyslog import Rsyslog
from harness.waiting import wait_until

# One omrelp action. `queue`: its own, so that what waits for the server does not stop the reader.
SEND = """
module(load="omrelp")
template(name="raw" type="string" string="%msg%\\n")
ruleset(name="send") {{
  action(type="omrelp" target="127.0.0.1" port="{port}" template="raw" {options}
         action.resumeInterval="1" action.resumeRetryCount="-1" timeout="10"
         queue.type="linkedList" queue.size="100000" queue.dequeueBatchSize="{batch}")
}}
"""

RELP = {"server.framing": "relp", "journal.file": "journal"}


def lines(folder, count):
    """A file of that many different lines."""
    path = folder / "input"
    path.write_text("".join(f"message {number} {'x' * (number % 90)}\n"
                            for number in range(1, count + 1)))
    return path


def sender(folder, path, port, options="", batch=128):
    return Rsyslog(folder, rsyslog.reads(path) + SEND.format(port=port, options=options, batch=batch))


def number_of(message):
    return int(re.match(rb"message (\d+) ", message)[1])


def numbers(server):
    """How often each of the messages was recorded."""
    return Counter(map(number_of, server.messages()))


def count_records(server):
    try:
        return server.journal_path.read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def settings(tmp_path, **more):
    return {**RELP, "journal.file": tmp_path / "journal", **more}


@pytest.fixture
def relp_server(server, tmp_path, free_port):
    rsyslog.need("omrelp", "imfile")
    return server(settings(tmp_path, **{"server.port": free_port}))  # where it is started again


def test_every_message_once(relp_server, tmp_path):
    count = 3000
    with sender(tmp_path, lines(tmp_path, count), relp_server.port):
        relp_server.wait_messages(count)
    assert numbers(relp_server) == Counter(range(1, count + 1))
    # In the order in which they were sent.
    assert [message.split()[1] for message in relp_server.messages()] == [
        b"%d" % number for number in range(1, count + 1)]


def test_window_of_a_thousand(relp_server, tmp_path):
    count = 5000
    with sender(tmp_path, lines(tmp_path, count), relp_server.port, 'windowSize="1000"', 1000):
        relp_server.wait_messages(count)
    assert numbers(relp_server) == Counter(range(1, count + 1))


def wait_all(one, count):
    """Wait until each message was recorded; the journal is read while it is written."""
    journal, found = one.journal(), set()

    def enough():
        found.update(number_of(record.message) for record in journal.read())
        return len(found) == count

    wait_until(enough, lambda: f"{count} messages, not {len(found)}", 300)


def kill_amid(one, kills, count):
    """Kill and start the server again, each time after another share of half of the messages."""
    for kill in range(1, kills + 1):
        wait_until(lambda: count_records(one) >= kill * count // (2 * kills),
                   f"records before kill {kill}", 120)
        one.kill()
        one.start()


def test_killed_again_and_again(relp_server, tmp_path, long):
    count, kills = (50000, 30) if long else (6000, 3)
    with sender(tmp_path, lines(tmp_path, count), relp_server.port):
        kill_amid(relp_server, kills, count)
        wait_all(relp_server, count)
    seen = numbers(relp_server)
    assert set(seen) == set(range(1, count + 1))
    # A window at most is sent again over each new connection.
    print(f"{kills} kills, {count} messages, {sum(seen.values()) - count} recorded twice")
    assert sum(seen.values()) - count <= (kills + 1) * 128


@pytest.mark.parametrize("kills", [0, pytest.param(30, marks=pytest.mark.long)])
def test_full_disk(server, tmp_path, free_port, long, kills):
    """No message is acknowledged that does not fit, and none is given up: all come once there is room."""
    rsyslog.need("omrelp", "imfile")
    count = 50000 if long else 3000
    with disk.small_disk(tmp_path / "disk", "8m") as folder:
        filling = folder / "filling"
        one = server(settings(tmp_path, **{"journal.file": folder / "journal",
                                           "server.port": free_port}))
        room = 64 * 1024
        with open(filling, "wb") as file:
            file.write(bytes((8 << 20) - room))
        with sender(tmp_path, lines(tmp_path, count), one.port):
            one.log.wait("No space left on device")
            full = count_records(one)
            filling.unlink()
            kill_amid(one, kills, count)
            wait_all(one, count)
        seen = numbers(one)
        assert 0 < full < count
        assert set(seen) == set(range(1, count + 1))
        if kills == 0:  # a batch that does not fit leaves nothing: nothing is sent twice
            assert sum(seen.values()) - count <= 128
        one.stop()


def test_a_server_that_stops_says_so(relp_server, tmp_path):
    """Without serverclose omrelp sends one more message into the end, and calls that an error."""
    path = lines(tmp_path, 100)
    with sender(tmp_path, path, relp_server.port) as omrelp:
        relp_server.wait_messages(100)
        relp_server.stop()
        relp_server.start()
        with open(path, "a", encoding="ascii") as file:
            file.writelines(f"message {number} x\n" for number in range(101, 201))
        relp_server.wait_messages(200)
    assert numbers(relp_server) == Counter(range(1, 201))
    assert "session broken" not in omrelp.log.read_text()


def test_through_haproxy(server, tmp_path):
    rsyslog.need("omrelp", "imfile")
    programs.need("haproxy", "curl")
    count = 500
    one = server(settings(tmp_path, **{"server.proxy_from": "127.0.0.1"}))
    text = f"""
defaults
    mode tcp
    timeout connect 10s
    timeout client 1m
    timeout server 1m
listen relp
    bind {{front}}
    server one 127.0.0.1:{one.port} send-proxy-v2
"""
    with HAProxy(tmp_path, text) as proxy, \
            sender(tmp_path, lines(tmp_path, count), proxy.addresses["front"][1][1]):
        one.wait_messages(count)
    assert numbers(one) == Counter(range(1, count + 1))


def test_too_long_a_message_is_named_in_the_log(server, tmp_path):
    one = server(settings(tmp_path, **{"server.max_message": "10"}))
    with Client(one) as client:
        client.send(b"1 open 14 relp_version=0\n2 syslog 12 ")
        assert client.receive_all().startswith(b"1 rsp ")
    one.log.wait("longer than max_message = 10")
    assert one.messages() == []


def test_other_listeners_beside(server, tmp_path):
    one = server(settings(tmp_path, **{
        "listener lines.port": "0", "listener lines.framing": "line"}))
    with Client(one) as client:
        client.send(b"1 open 14 relp_version=0\n2 syslog 5 over\n\n3 close 0\n")
        assert client.receive_all().endswith(b"2 rsp 6 200 OK\n3 rsp 0\n0 serverclose 0\n")
    with Client(one.addresses[1]) as client:
        client.send(b"under\n")
        client.end_sending()
        assert client.receive_all() == b"server received you message.\n"
    assert one.messages() == [b"over", b"under"]


def page_example(word):
    """The literal display of tcpackd(8) with this word in it."""
    page = (programs.SOURCE / "man" / "tcpackd.8.in").read_text(encoding="utf-8")
    found = [text for text in re.findall(r"^\.Bd -literal -offset indent\n(.*?)^\.Ed$", page,
                                         re.DOTALL | re.MULTILINE) if word in text]
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize("module, listener", [("omrelp", 0), ("omfwd", 1)])
def test_configuration_of_the_page(server, tmp_path, module, listener):
    """As it stands there, but for address and ports: tcpackd's listeners, and rsyslog's action."""
    rsyslog.need("imfile", *(["omrelp"] if module == "omrelp" else []))
    count = 300
    page = configparser.ConfigParser()
    page.read_string(page_example("[listener relp]"))
    one = server({"journal.file": tmp_path / "journal",
                  **{f"{section}.{key}": value for section in page for key, value in
                     {**page[section], "host": "127.0.0.1", "port": "0"}.items()
                     if section != "DEFAULT"}})
    port = one.addresses[1 + listener][1][1]
    action = page_example(f'type="{module}"').replace("192.0.2.20", "127.0.0.1")
    action = re.sub(r'port="\d+"', f'port="{port}"', action)
    read = rsyslog.reads(lines(tmp_path, count)).replace('ruleset="send"', "")
    with Rsyslog(tmp_path, read + action):
        wait_until(lambda: one.journal_path.exists() and
                   one.journal_path.read_bytes().count(b" x message ") == count, "the messages")
    found = [re.fullmatch(rb"<133>\S+ \S+ x message (\d+) x*", message)
             for message in one.messages() if b" x message " in message]
    assert [int(match[1]) for match in found] == list(range(1, count + 1))
