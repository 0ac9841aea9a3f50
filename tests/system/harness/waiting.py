"""Waiting for things, with a deadline; never for a length of time."""

import time

# Seconds after which something that must happen is taken as never happening. It only bounds how
# long a failing test hangs; no test passes or fails by being slower or faster than that.
DEADLINE = 60


def wait_until(condition, what, deadline=DEADLINE):
    """
    Return condition()'s first true result. For what cannot be waited for in another way. `what`, or
    what it returns when time is up, says what was waited for.
    """
    end = time.monotonic() + deadline
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            said = what() if callable(what) else what
            raise AssertionError(f"{said}: not seen within {deadline} s")
        time.sleep(0.005)
