"""
Why: one machine is not enough for ever. So: the HAProxy configuration that is installed, with TLS in
front, and several nodes behind a balancer in networks of their own: a node is killed and brought
back, all are restarted one by one, under load that resends; what was acknowledged is in the journal
of the node that acknowledged it, and what stands there twice was sent twice.
"""

import itertools
import os
import re
import signal
import socket
import ssl
import subprocess
from collections import Counter

import pytest

from harness import programs
from harness.client import Client
from harness.haproxy import HAProxy
from harness.server import Server
from harness.waiting import DEADLINE, wait_until

ACKNOWLEDGED = re.compile(rb"server received (\w+) (\d+)")


def example(nodes, pem, **more):
    """The installed haproxy.cfg, with sockets of the test's and these nodes' addresses."""
    text = (programs.SOURCE / "etc" / "haproxy.cfg").read_text()
    replacements = {
        "bind :8001": "bind {front}", "bind :8443": "bind {tls}",
        "/etc/haproxy/tcpack.pem": str(pem), "inter 1s": "inter 50ms",
        "maxconn 20000": "maxconn 200",  # the limit of descriptors may be low here
        **{f"192.0.2.{11 + number}:8001": address for number, address in enumerate(nodes)}, **more,
    }
    for old, new in replacements.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


@pytest.fixture
def pem(tmp_path):
    """A certificate for localhost, with its key."""
    programs.need("haproxy", "openssl", "curl")
    path = tmp_path / "tcpack.pem"
    made = programs.run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                        "-keyout", tmp_path / "key.pem", "-out", tmp_path / "certificate.pem")
    assert made.returncode == 0, made.stderr
    path.write_text((tmp_path / "certificate.pem").read_text() + (tmp_path / "key.pem").read_text())
    return path


def node_settings(name, folder):
    return {"server.framing": "line", "server.reply": f"server received {name} {{seq}}",
            "server.health_check": "health check", "journal.file": folder / f"journal-{name}"}


def test_example_with_tls(server, tmp_path, pem):
    nodes = [server({**node_settings(name, tmp_path), "server.proxy_from": "127.0.0.1"})
             for name in ("one", "two")]
    text = example([f"127.0.0.1:{node.port}" for node in nodes], pem)
    with HAProxy(tmp_path, text, names=("front", "tls")) as haproxy:
        haproxy.wait("nodes", "one", "UP", "L7OK")
        haproxy.wait("nodes", "two", "UP", "L7OK")
        clients, said = [], Counter()
        for _ in range(4):
            clients.append(Client(haproxy.addresses["front"]))
            said[clients[-1].say(b"plain")[:19]] += 1
        assert said == {b"server received one": 2, b"server received two": 2}  # leastconn
        context = ssl.create_default_context(cafile=tmp_path / "certificate.pem")
        secure = Client(haproxy.addresses["tls"])
        peer = secure.peer
        secure.socket = context.wrap_socket(secure.socket, server_hostname="localhost")
        assert secure.say(b"secret").startswith(b"server received ")
        clients.append(secure)
        peers = {client.peer for client in clients[:4]} | {peer}
        nodes[0].stop()
        haproxy.wait("nodes", "one", "DOWN")
        with Client(haproxy.addresses["front"]) as client:
            assert client.say(b"after").startswith(b"server received two")
            peers.add(client.peer)
        for client in clients:
            client.close()
    records = [record for node in nodes for record in node.records()]
    assert {record.peer for record in records} == peers  # the clients', not the balancer's
    assert Counter(record.message for record in records) == {
        b"plain": 4, b"secret": 1, b"after": 1}


class Network:
    """Namespaces client, balancer, one, two: each connected with the balancer alone."""

    counter = itertools.count()
    MEMBERS = ("client", "one", "two")

    def __init__(self):
        self.mark = f"tcpack{os.getpid()}x{next(self.counter)}"
        self.made = []

    def namespace(self, name):
        return f"{self.mark}-{name}"

    def inside(self, name):
        """What to put in front of a command to run it in there."""
        return ["ip", "netns", "exec", self.namespace(name)]

    def address(self, name):
        return f"10.111.{self.MEMBERS.index(name)}.2"

    def gateway(self, name):
        """The balancer's address on the line to `name`."""
        return f"10.111.{self.MEMBERS.index(name)}.1"

    @staticmethod
    def ip(*words):
        result = programs.run("ip", *words)
        if result.returncode != 0:
            pytest.skip(f"no network namespaces here: ip {' '.join(words)}: {result.stderr}")

    def make(self, name):
        self.ip("netns", "add", self.namespace(name))
        self.made.append(name)
        self.ip("-n", self.namespace(name), "link", "set", "lo", "up")

    def connect(self, name):
        inner, outer = self.namespace(name), self.namespace("balancer")
        self.ip("-n", inner, "link", "add", "line", "type", "veth", "peer", "name", name,
                "netns", outer)
        for namespace, device, address in ((inner, "line", self.address(name)),
                                           (outer, name, self.gateway(name))):
            self.ip("-n", namespace, "address", "add", f"{address}/24", "dev", device)
            self.ip("-n", namespace, "link", "set", device, "up")

    def cut(self, name):
        self.ip("-n", self.namespace("balancer"), "link", "set", name, "down")

    def __enter__(self):
        try:
            self.make("balancer")
            for name in self.MEMBERS:
                self.make(name)
                self.connect(name)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in reversed(self.made):
            programs.run("ip", "netns", "delete", self.namespace(name))


@pytest.fixture
def network():
    programs.need_root()
    programs.need("ip")
    with Network() as made:
        yield made


class Node:
    """A tcpackd in a namespace of its own, that can be killed or stopped and started again."""

    def __init__(self, network, name, folder):
        self.server = Server(folder, {
            **node_settings(name, folder), "server.host": network.address(name),
            "server.port": 8001, "server.proxy_from": network.gateway(name),
        }, wrap=network.inside(name))
        self.address = f"{network.address(name)}:8001"

    def __enter__(self):
        self.server.start()
        return self

    def __exit__(self, *_):
        self.server.kill()

    def end(self, kill):
        if kill:
            self.server.kill()
        else:
            self.server.stop()

    def records(self):
        return {record.seq: record.message for record in self.server.records()}


def check_promise(sent, replies, nodes):
    """Line number N of `replies` answers line number N of `sent`."""
    assert len(replies) == len(sent)
    journals = {name: node.records() for name, node in nodes.items()}
    for message, reply in zip(sent, replies):
        name, seq = ACKNOWLEDGED.fullmatch(reply).groups()
        assert journals[name.decode()][int(seq)] == message, f"{reply!r} for {message!r}"
    found = Counter(message for journal in journals.values() for message in journal.values())
    assert set(found) == set(sent)
    return found


@pytest.mark.parametrize("rounds", [2, pytest.param(30, marks=pytest.mark.long)])
@pytest.mark.parametrize("kill", [True, False], ids=["killed", "rolling-restart"])
def test_nodes_come_and_go_under_load(network, tmp_path, pem, kill, rounds):
    sent = []
    with Node(network, "one", tmp_path) as one, Node(network, "two", tmp_path) as two:
        nodes = {"one": one, "two": two}
        text = example([one.address, two.address], pem,
                       **{"bind :8001": f"bind {network.gateway('client')}:8001"})
        with HAProxy(tmp_path, text, names=("tls",), wrap=network.inside("balancer")) as haproxy:
            for name in nodes:
                haproxy.wait("nodes", name, "UP", "L7OK")
            with open(tmp_path / "replies", "wb") as replies:
                client = subprocess.Popen(
                    [*network.inside("client"), programs.tcpack(), "-c", "/dev/null",
                     "-H", network.gateway("client"), "-p", "8001", "-f", "line", "-r", "-t", "2", "-w", "1024",
                     "--no-progress"],
                    stdin=subprocess.PIPE, stdout=replies)
            try:
                def feed(count):
                    lines = [b"line %d" % number for number in
                             range(len(sent), len(sent) + count)]
                    sent.extend(lines)
                    client.stdin.write(b"\n".join(lines) + b"\n")
                    client.stdin.flush()

                def answered():
                    return (tmp_path / "replies").read_bytes().count(b"\n")

                for _, name in itertools.product(range(rounds), nodes):
                    feed(2000)  # more than the window: they are under way while the node goes
                    nodes[name].end(kill)
                    haproxy.wait("nodes", name, "DOWN")
                    feed(100)
                    count = len(sent) - 100
                    wait_until(lambda: answered() >= count, "answers of the other node")
                    nodes[name].server.start()
                    haproxy.wait("nodes", name, "UP")
                client.stdin.close()
                assert client.wait(DEADLINE * 2) == 0
            finally:
                client.kill()
                client.wait(DEADLINE)
        lines = (tmp_path / "replies").read_bytes().splitlines()
        found = check_promise(sent, lines, nodes)
        twice = sum(count - 1 for count in found.values())
        assert twice <= 1024 * 2 * rounds  # at most a window for each time that a node went


@pytest.mark.parametrize("under_way, timeouts", [
    (False, {"keepalive": 1, "stall_timeout": 60}), (True, {"keepalive": 0, "stall_timeout": 1}),
], ids=["silent", "replies-under-way"])
def test_peer_that_vanishes_is_found(network, tmp_path, under_way, timeouts):
    """No FIN, no reset: the cable is cut, or what we send is lost while messages still come."""
    one = Server(tmp_path, {"server.host": network.address("one"), "server.port": 8001,
                            **{f"server.{key}": value for key, value in timeouts.items()},
                            "server.framing": "line", "log.level": "debug"},
                 wrap=network.inside("one"))
    with one:
        client = subprocess.Popen(
            [*network.inside("balancer"), "/bin/bash", "-c",
             f"exec 3<>/dev/tcp/{network.address('one')}/8001; echo hello >&3; read -u 3; echo; "
             "read; echo hello >&3; read"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            assert client.stdout.readline() == b"\n"  # it is connected and has its answer
            if under_way:
                network.ip("-n", network.namespace("one"), "route", "add", "blackhole",
                           f"{network.gateway('one')}/32")
                client.stdin.write(b"\n")
                client.stdin.flush()
                one.wait_messages(2)
            else:
                network.cut("one")
            one.log.wait("closed .*: replies did not arrive within stall_timeout" if under_way
                         else "Connection timed out|No route to host")
            assert one.running
        finally:
            client.kill()
            client.communicate(timeout=DEADLINE)
