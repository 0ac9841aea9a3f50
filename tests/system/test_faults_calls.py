"""
Every system call that the server makes while it serves fails with every error that is plausible,
once and for good. Whatever fails: a message is answered and recorded, or there is an error line, or
a clean exit that says why. Never a hang, a crash, or an acknowledgement without its record.
"""

import signal

import pytest

from harness import programs
from harness.client import Client
from harness.load import ANSWER_SEQ
from harness.server import Server
from harness.tracing import count_calls, finished, tracer
from harness.waiting import DEADLINE

ERRORS = ["EINTR", "EAGAIN", "EIO", "ENOSPC", "ENOMEM", "EMFILE", "ENFILE", "ECONNABORTED",
          "ECONNRESET", "EPIPE"]

# Calls whose failure strace would fake without the call having been made, and whose return value
# nobody can look at: the process's end, the return from a signal handler, and what cannot fail.
NOT_INJECTED = {"exit_group", "rt_sigreturn", "getpid"}

# Errors that say something about the connection which is not true when strace makes them up: the
# peer is gone and reads no answer, there is nothing to read, or no room to write: then the kernel
# signals a change, which never comes. Its client waits, or is cut off.
UNTRUE = {("sendto", "EPIPE"), ("sendto", "ECONNRESET"), ("sendto", "EAGAIN"),
          ("recvfrom", "EAGAIN"), ("recvfrom", "ECONNRESET")}

# "Come back later": an error that goes away. For good, it would be a system that does not work, in
# which no program could even wait. So many times in a row are more than chance.
TRANSIENT = {"EINTR", "EAGAIN"}
TRANSIENT_TIMES = 30


def conversation(one, patience):
    """
    A few clients one after the other, each until it is cut off or heard nothing for so many seconds
    (after one that did, for a second); [(message, SEQ)] of what was acknowledged, and how many
    clients heard nothing.
    """
    acknowledged, unheard = [], 0
    for number in range(4):
        messages = [b"%d-%d" % (number, turn) for turn in range(3)]
        try:
            with Client(one, deadline=patience) as client:
                for message in messages:
                    client.send(message + b"\n")
                    seq = client.receive_until()
                    acknowledged.append((message, int(seq)))
        except TimeoutError:
            unheard += 1
            patience = 1
        except (ConnectionError, AssertionError):
            pass  # cut off: it knows that it must send again
    return acknowledged, unheard


def serve(tmp_path, wrap, patience=DEADLINE):
    """
    One server's life under `wrap`, with the conversation in it: the server, its exit status, what
    it acknowledged, how many clients heard nothing. It must end when it is asked to.
    """
    one = Server(tmp_path, {**ANSWER_SEQ, "journal.file": str(tmp_path / "journal")}, wrap=wrap)
    one.start()
    try:
        acknowledged, unheard = conversation(one, patience)
        if one.running:
            one.send_signal(signal.SIGTERM)
        return one, one.wait(), acknowledged, unheard
    finally:
        one.kill()


@pytest.fixture(scope="session")
def calls(tmp_path_factory):
    """({call: times before the server was ready}, {call: times in its service}), undisturbed."""
    programs.need_strace()
    if programs.is_sanitized():
        pytest.skip("AddressSanitizer's own calls would fail, too")
    folder = tmp_path_factory.mktemp("calls") / "call"  # as deep as those of the tests: readlink
    folder.mkdir()
    one, status, acknowledged, _ = serve(folder, tracer(folder / "trace"))
    assert status == 0 and len(acknowledged) == 12, str(one.log)
    before, after = count_calls(finished(folder / "trace"))
    assert {"write", "fdatasync"} <= set(after) and after["fdatasync"] >= 12, after
    return before, {call for call in after if call not in NOT_INJECTED}


def inject(tmp_path, calls, call, error, for_good, position=0):
    """Serve with one call failing, at a position behind the start; judge the outcome."""
    first, only = calls[0][call] + 1 + position, []
    if call == "write":
        # Into the journal. A log line that cannot be written has nowhere to be complained of, and a
        # pipe of the process's own takes its byte or is full.
        first, only = 1 + position, ["-P", str(tmp_path / "journal")]
    when = f"{first}" if not for_good else \
        f"{first}..{first + TRANSIENT_TIMES}" if error in TRANSIENT else f"{first}+"
    one, status, acknowledged, unheard = serve(tmp_path, [*tracer(
        tmp_path / "trace", f"trace={call}", f"inject={call}:error={error}:when={when}"), *only],
        4 if for_good or (call, error) in UNTRUE else DEADLINE)
    what = f"{call} fails with {error} when={when}; status {status}; log:\n{one.log}"
    assert status >= 0, "killed: " + what
    records = [(record.message, record.seq) for record in one.records()]
    assert set(acknowledged) <= set(records), "acknowledged without record: " + what
    stated = one.log.matches("^tcpackd: (error|warning): ")
    assert stated or (call, error) in UNTRUE or (status == 0 and len(acknowledged) == 12), \
        "something was lost without a word: " + what
    # A call that never works again can leave clients waiting; one that failed once must not.
    assert for_good or (call, error) in UNTRUE or unheard == 0, "a client was forgotten: " + what
    if error == "EINTR" and not for_good:
        assert len(acknowledged) == 12, "an interruption lost a message: " + what
    return f"status {status}, {len(acknowledged)} of 12 acknowledged, {len(stated)} errors said"


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("for_good", [False, True], ids=["once", "for-good"])
def test_every_call_fails(tmp_path, calls, error, for_good):
    for call in sorted(calls[1]):
        folder = tmp_path / call
        folder.mkdir()
        print(f"{call} {error}: {inject(folder, calls, call, error, for_good)}")


@pytest.mark.long
@pytest.mark.parametrize("error", ERRORS)
def test_every_call_fails_wherever_it_is_made(tmp_path, calls, error):
    """Once, at each of its first positions: the first call of a kind may be a harmless one."""
    for call in sorted(calls[1]):
        for position in range(1, 13):
            folder = tmp_path / f"{call}-{position}"
            folder.mkdir()
            print(f"{call} {error} {position}: "
                  f"{inject(folder, calls, call, error, False, position)}")
