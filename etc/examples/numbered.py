#!/usr/bin/env python3
"""numbered.py HOST PORT NAME FILE: sends each line of FILE to a tcpackd with `framing = octet`, as
numbered message `NAME LINE-NUMBER LINE`, again and again until it is acknowledged."""
import random
import socket
import sys
import time

WINDOW = 64  # messages under way at once; each connection begins with one
TIMEOUT = 5  # seconds for the connection, and for the next acknowledgement
PAUSE_MIN, PAUSE_MAX = 0.1, 10  # seconds between two attempts


def read_reply(replies):
    """The next reply: its length, a blank, and then so many bytes."""
    digits = b"".join(iter(lambda: replies.read(1).strip(), b""))
    reply = replies.read(int(digits)) if digits else b"refused: the connection was closed"
    if reply.startswith(b"refused: "):
        raise ConnectionError(reply.decode())


def transfer(connection, name, lines, acknowledged):
    """Sends what is not acknowledged; yields, after each reply, how much then is."""
    replies = connection.makefile("rb")
    begin = sent = acknowledged
    while acknowledged < len(lines):
        while sent < min(len(lines), acknowledged + min(WINDOW, 1 + acknowledged - begin)):
            message = b"%s %d %s" % (name, sent + 1, lines[sent])
            connection.sendall(b"%d %s" % (len(message), message))
            sent += 1
        read_reply(replies)
        acknowledged += 1  # one reply each, in order
        yield acknowledged


host, port, name, path = sys.argv[1:]
with open(path, "rb") as file:
    lines = [line.removesuffix(b"\n") for line in file]
acknowledged, pause = 0, PAUSE_MIN
while acknowledged < len(lines):
    try:
        with socket.create_connection((host, port), TIMEOUT) as connection:
            for acknowledged in transfer(connection, name.encode(), lines, acknowledged):
                pause = PAUSE_MIN
    except (OSError, ValueError) as problem:
        print(f"{host}: {problem}; {acknowledged} acknowledged", file=sys.stderr)
        time.sleep(pause * random.uniform(0.5, 1))
        pause = min(pause * 2, PAUSE_MAX)
