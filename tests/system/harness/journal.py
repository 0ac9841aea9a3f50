"""The journal's two formats, read by a decoder that shares nothing with the program's code."""

import base64
import json
import re
from collections import namedtuple
from pathlib import Path

Record = namedtuple("Record", "seq time peer message listener")

TIME = r"\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-6]\d\.\d{6}Z"
PEER = r"(?:\d+\.\d+\.\d+\.\d+:\d+|\[[0-9a-f:.]+(?:%\w+)?\]:\d+|unix)"
TEXT_RECORD = re.compile(rf"([1-9]\d*) ({TIME}) ({PEER}) (.*)".encode(), re.DOTALL)
ESCAPE = re.compile(rb"\\(?:([\\nrt])|x([0-9A-Fa-f]{2}))")
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
SIMPLE_ESCAPES = {b"\\": b"\\", b"n": b"\n", b"r": b"\r", b"t": b"\t"}


def is_utf8(message):
    try:
        message.decode()
        return True
    except UnicodeDecodeError:
        return False


def unescape(text):
    """Bytes from their escaped form, which must be valid UTF-8 without any control character."""
    assert not CONTROL.search(text.decode()), f"a control character in {text!r}"
    assert b"\\" not in ESCAPE.sub(b"", text), f"an unknown escape in {text!r}"
    return ESCAPE.sub(
        lambda match: SIMPLE_ESCAPES[match[1]] if match[1] else bytes([int(match[2], 16)]), text)


def decode_text(line):
    match = TEXT_RECORD.fullmatch(line)
    assert match, f"no record: {line!r}"
    return Record(int(match[1]), match[2].decode(), match[3].decode(), unescape(match[4]), None)


def decode_json(line):
    assert not CONTROL.search(line.decode()), f"a control character in {line!r}"
    fields = json.loads(line)
    if "message_base64" in fields:
        message = base64.b64decode(fields.pop("message_base64"), validate=True)
        assert not is_utf8(message), f"base64 without need: {line!r}"
    else:
        message = fields.pop("message").encode()
    record = Record(fields.pop("seq"), fields.pop("time"), fields.pop("peer"), message,
                    fields.pop("listener", None))
    assert not fields, f"unknown fields in {line!r}"
    assert type(record.seq) is int and re.fullmatch(TIME, record.time), line
    assert re.fullmatch(PEER, record.peer), line
    return record


DECODERS = {"text": decode_text, "json": decode_json}


class Journal:
    """Reads a growing journal; every record's SEQ must be the one that follows."""

    def __init__(self, path, format="text", first=1):
        self.path = Path(path)
        self.decode = DECODERS[format]
        self.next_seq = first
        self.position = 0
        self.torn = b""  # what followed the last whole line when it was read last

    def read(self):
        """The records behind those that were read before."""
        if not self.path.exists():
            return []
        with open(self.path, "rb") as file:
            file.seek(self.position)
            *lines, self.torn = file.read().split(b"\n")
        records = [self.decode(line) for line in lines]
        for record in records:
            assert record.seq == self.next_seq, f"SEQ {record.seq} where {self.next_seq} follows"
            self.next_seq += 1
        self.position += sum(len(line) + 1 for line in lines)
        return records


def read_journal(path, format="text", first=1, torn=False):
    """All records of a file; only where `torn` says so may its last line be unfinished."""
    journal = Journal(path, format, first)
    records = journal.read()
    assert torn or not journal.torn, f"unfinished line: {journal.torn!r}"
    return records
