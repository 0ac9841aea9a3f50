"""
Filters look at no more of a line than they need. These tests hold the records that they choose,
and the lines that are reported as damaged, against a plain reading of each line: a short cut that
skips a damaged line in silence, or hides a good record, is found here.
"""

import ipaddress
import random
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.reader import read, record, time_of

PEER_MAX = 128
SEQ_MAX = 2**64 - 1
FORMAT = "{seq} {time} {peer} [{listener}] {text}"

TIME = rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)"
PEER = rb"([!#-\[\]-~]+)"
TEXT = re.compile(rb"([1-9]\d*) " + TIME + b" " + PEER + rb" ()(.*)", re.DOTALL)
JSON = re.compile(rb'\{"seq":([1-9]\d*),"time":"' + TIME + b'","peer":"' + PEER + rb'","'
                  rb'(?:listener":"([!#-\[\]-~]*)",")?message":"(.*)"\}', re.DOTALL)

PEERS = ["192.0.2.1:4711", "192.0.2.7:1", "192.0.2.77:65535", "198.51.100.200:40000", "unix",
         "[2001:db8::1]:99", "[2001:db8::2%eth0]:7", "[::ffff:192.0.2.7]:8", "10.0.0.1:123"]


def take_apart(line):
    """SEQ, time, peer, listener and message of a line; None: it is not a record."""
    found = (JSON if line.startswith(b"{") else TEXT).fullmatch(line)
    if found is None or b"\0" in line or len(found[3]) > PEER_MAX:
        return None
    seq, time, peer, listener, message = found.groups()
    if int(seq) > SEQ_MAX:
        return None
    return int(seq), time.decode(), peer.decode(), (listener or b"").decode(), message


def is_in(peer, network):
    address = peer.rpartition(":")[0] or peer
    if "unix" in (address, network):
        return address == network
    if address.startswith("["):
        if not address.endswith("]"):
            return False
        address = address[1:-1].partition("%")[0]
    try:
        address = ipaddress.ip_address(address)
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address in ipaddress.ip_network(network)


def is_wanted(found, wanted):
    seq, time, peer, listener, _ = found
    return (wanted.get("from", 0) <= seq <= wanted.get("to", SEQ_MAX)
            and wanted.get("since", "") <= time <= wanted.get("until", "9999")
            and ("peer" not in wanted or any(is_in(peer, network) for network in wanted["peer"]))
            and wanted.get("listener", listener) == listener)


def check(path, lines, wanted):
    # Nothing after damage can be of the last commit: that would be left out.
    lines = [*lines, record(1, b"before it", time="2027-01-01T00:00:00.000000Z")[:-1],
             record(2, b"the last one", time="2027-01-01T00:00:00.000001Z")[:-1]]
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    options = [f"--{name}={value}" for name, values in wanted.items()
               for value in (values if isinstance(values, list) else [values])]
    result = read("--format", FORMAT, *options, path)

    parts = [take_apart(line) for line in lines]
    expected = b"".join(b"%d %s %s [%s] %s\n" % (
        part[0], part[1].encode(), part[2].encode(), part[3].encode(), part[4])
        for part in parts if part is not None and is_wanted(part, wanted))
    damaged = [number for number, part in enumerate(parts, 1) if part is None]
    assert result.stdout == expected
    reports = [int(line.split(": not a record")[0].rsplit(":", 1)[1])
               for line in result.stderr.splitlines() if ": not a record" in line]
    assert reports == damaged[:10]
    assert result.status == (1 if damaged else 0)


def damage(line, kind, at, byte):
    """One line that is not as tcpackd wrote it, or is after all: that is for the reader to tell."""
    at %= max(1, min(len(line), 90))
    if kind == "changed":
        return line[:at] + byte + line[at + 1:]
    if kind == "cut":
        return line[:at]
    if kind == "zeros":
        return line[:at] + bytes(len(line) - at)
    if kind == "twice":
        return line[:at] + line
    return line


# No backslash: the messages stay as they are.
BYTES = [b"\0", b" ", b"0", b"9", b":", b";", b",", b"-", b"/", b"x", b"\x7f", b"\xff", b"]", b"\t"]

seqs = st.one_of(st.integers(1, 30), st.sampled_from([SEQ_MAX, SEQ_MAX - 1, SEQ_MAX + 1, 10**20, 0]))
times = st.one_of(
    st.integers(0, 30).map(time_of),
    st.sampled_from(["2026-11-01T24:00:00.000000Z", "2026-13-01T00:00:00.000000Z",
                     "2026-11-01T00:00:00.00000Z", "2026-11-01 00:00:00.000000Z"]))
peers = st.one_of(
    st.sampled_from(PEERS),
    st.sampled_from(["192.0.2.7:", "192.0.2.7:99999", "192.0.2.7", "unix:1", "[2001:db8::1", "[",
                     ":", "192.0.2.07:1", "x" * 127, "x" * 128, "x" * 129, "x" * 1000]))
lines = st.builds(
    lambda seq, time, peer, format, listener, size, *how: damage(
        record(seq, b"m" * size, format, peer, time, listener)[:-1], *how),
    seqs, times, peers, st.sampled_from(["text", "json"]),
    st.sampled_from([None, None, "gates", "gate"]), st.integers(0, 40),
    st.sampled_from(["none"] * 4 + ["changed", "cut", "zeros", "twice"]), st.integers(0, 90),
    st.sampled_from(BYTES))
networks = st.sampled_from(["192.0.2.7", "192.0.2.0/24", "192.0.2.0/25", "unix", "2001:db8::/32",
                            "10.0.0.0/8", "0.0.0.0/0", "2001:db8::2"])
filters = st.fixed_dictionaries({}, optional={
    "from": st.integers(1, 31), "to": st.one_of(st.integers(1, 31), st.just(SEQ_MAX)),
    "since": st.integers(0, 31).map(time_of), "until": st.integers(0, 31).map(time_of),
    "peer": st.lists(networks, min_size=1, max_size=3),
    "listener": st.sampled_from(["gates", "gate", "", "x"]),
}).filter(lambda wanted: wanted.get("from", 1) <= wanted.get("to", SEQ_MAX)
          and wanted.get("since", "") <= wanted.get("until", "9999"))


def test_the_same_records_as_a_plain_reading_of_each_line(tmp_path):
    @settings(max_examples=300)
    @given(st.lists(lines, max_size=25), filters)
    def choose(journal, wanted):
        check(tmp_path / "journal", journal, wanted)

    choose()


def test_lines_longer_than_what_is_read_at_once(tmp_path):
    """The same where lines, good and damaged ones, lie over the ends of blocks of 256 KiB."""
    generator = random.Random(20261126)
    journal = []
    for seq in range(1, 400):
        size = generator.choice([0, 10, 300, 5000, 300000 if seq % 100 == 0 else 20])
        line = record(seq, b"m" * size, generator.choice(["text", "json"]),
                      generator.choice([*PEERS, "x" * 300]), time_of(generator.randrange(400)),
                      generator.choice([None, "gates"]))[:-1]
        if generator.random() < 0.1:
            at = generator.randrange(len(line))
            line = line[:at] + b"\0" + line[at + 1:]
        journal.append(line)
    for wanted in [{}, {"peer": ["192.0.2.0/25"]}, {"since": time_of(100), "until": time_of(200)},
                   {"from": 390}, {"listener": "gates", "to": 50}]:
        check(tmp_path / "journal", journal, wanted)


def test_a_damaged_port_hides_no_other_record_of_its_address(tmp_path):
    """What is known of an address was once learned from its first record, damaged or not."""
    lines = [record(1, b"one", peer="192.0.2.7:99999")[:-1], record(2, b"two", peer="192.0.2.7:9")[:-1]]
    for order in lines, lines[::-1]:
        check(tmp_path / "journal", order, {"peer": ["192.0.2.7"]})
