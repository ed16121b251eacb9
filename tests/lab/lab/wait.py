"""Waiting for conditions: the only place of the lab that sleeps."""

import time
from typing import Callable, TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T], timeout: float, what: str = "", every: float = 0.02) -> T:
    """Returns the first true result of `condition`; raises TimeoutError, naming `what`, after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() >= deadline:
            raise TimeoutError(f"not within {timeout:g} s: {what or condition}")
        time.sleep(every)


def stays(condition: Callable[[], bool], seconds: float, every: float = 0.05) -> bool:
    """True if `condition` holds at each look for `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not condition():
            return False
        time.sleep(every)
    return True


def let_pass(seconds: float) -> None:
    """Lets time pass where the time itself is what is tested (a linger, an outage)."""
    time.sleep(seconds)
