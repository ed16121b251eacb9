"""Child processes that die with this one, ended by pid, their output kept in files."""

import ctypes
import os
import pwd
import signal
import subprocess
import time
from pathlib import Path
from typing import Optional, Sequence

from .wait import wait_until

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """In a child between fork and exec: the kernel kills it when the thread that forked it ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(127)


class Process:
    """A running command. Start it from the main thread: its life is bound to the thread that started it."""

    def __init__(
        self,
        argv: Sequence[str],
        log: Path,
        *,
        stdout: Optional[int] = None,
        env: Optional[dict] = None,
        user: str = "",
        stop_signal: int = signal.SIGTERM,
        cwd: Optional[Path] = None,
    ):
        self.argv = [str(a) for a in argv]
        self.name = log.stem
        self.log_path = log
        self.stop_signal = stop_signal
        parent = os.getpid()
        account = pwd.getpwnam(user) if user else None

        def prepare() -> None:
            if account:
                os.setgroups([account.pw_gid])
                os.setgid(account.pw_gid)
                os.setuid(account.pw_uid)
            die_with_parent(parent)  # last: a change of user clears it

        with open(log, "ab") as out:
            self.popen = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=out if stdout is None else stdout,
                stderr=out,
                env={**os.environ, **env} if env else None,
                preexec_fn=prepare,
                cwd=cwd,
            )
        self.started = time.time()

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def returncode(self) -> Optional[int]:
        return self.popen.poll()

    def alive(self) -> bool:
        return self.popen.poll() is None

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def signal(self, number: int) -> None:
        if self.alive():
            self.popen.send_signal(number)

    def kill(self) -> None:
        """kill -9, and reaps."""
        self.signal(signal.SIGKILL)
        self.popen.wait()

    def wait(self, timeout: float) -> int:
        return self.popen.wait(timeout)

    def stop(self, timeout: float = 10) -> int:
        """Asks, waits, kills if it must; the exit status."""
        self.signal(self.stop_signal)
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise TimeoutError(f"{self.name} (pid {self.pid}) did not end within {timeout:g} s") from None

    def wait_log(self, text: str, timeout: float = 10) -> None:
        """Returns when `text` stands in the log; raises at once when the process has ended without it."""

        def seen() -> bool:
            if text in self.log():
                return True
            if not self.alive() and text not in self.log():
                raise RuntimeError(f"{self.name} ended with {self.returncode}:\n{self.log()[-4000:]}")
            return False

        wait_until(seen, timeout, f"'{text}' in {self.log_path}")
