"""Virtual DVB cards: the folder that card/ is pointed at, the environment that makes a program see them, and their log."""

import json
import os
import shlex
from pathlib import Path
from typing import Any

from transponder import FEC, FREQUENCY, INNER_FEC, SYSTEMS, Sky, built


def shim() -> Path:
    """What a program is preloaded with."""
    return built("card.so", "-fPIC", "-shared", "preload.c", "card.c", "on_air.c")


class Cards:
    """Adapters 0..n-1, each receiving what `sky` has on air, when its systems allow."""

    def __init__(self, sky: Sky, *systems: tuple[str, ...]):
        self.sky = sky
        self.folder = sky.folder
        self._systems = list(systems)
        self._pulled: set[int] = set()
        # Whoever runs dvblast as another user must be able to log.
        for number in range(len(systems)):
            folder = self.folder / "cards" / str(number)
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o777)
            self._write(number)
        self.log_path = self.folder / "log.jsonl"
        self.log_path.touch()
        self.log_path.chmod(0o666)

    def _write(self, number: int) -> None:
        lines = [f"name Lab card {number}", f"pulled {int(number in self._pulled)}"]
        lines += [f"system {SYSTEMS[system]}" for system in self._systems[number]]
        path = self.folder / "cards" / str(number) / "card"
        fresh = path.with_suffix(".new")
        fresh.write_text("\n".join(lines) + "\n")
        os.replace(fresh, path)

    def pull(self, number: int) -> None:
        """Out of its slot, with whatever uses it: open fails with ENODEV, what is open with EIO or ENODEV, for ever."""
        self._pulled.add(number)
        self._write(number)

    def put_back(self, number: int) -> None:
        """For whoever opens it from now on."""
        self._pulled.discard(number)
        self._write(number)

    @property
    def env(self) -> dict[str, str]:
        """With which a program sees the cards."""
        return {"LD_PRELOAD": str(shim()), "HEADWATER_LAB_DVB": str(self.folder)}

    def wrap(self, program: Path, path: Path) -> None:
        """Makes `path` run `program` with the cards. A sanitizer wants to be the first library and works as the second."""
        asan = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]))
        words = " ".join(f"{key}={shlex.quote(value)}" for key, value in {**self.env, "ASAN_OPTIONS": asan}.items())
        path.write_text(f'#!/bin/sh\n{words} exec {shlex.quote(str(program))} "$@"\n')
        path.chmod(0o755)

    def log(self, adapter: int = -1) -> list[dict[str, Any]]:
        rows = [json.loads(line) for line in self.log_path.read_text().splitlines()]
        return [row for row in rows if adapter in (-1, row["adapter"])]

    def tunings(self, adapter: int = -1) -> list[dict[int, int]]:
        """DTV_* properties of each FE_SET_PROPERTY that tuned, in order."""
        rows = [dict(row["properties"]) for row in self.log(adapter) if row.get("call") == "FE_SET_PROPERTY"]
        return [row for row in rows if FREQUENCY in row]

    def carriers(self, adapter: int = -1) -> list[str]:
        """Ids of what it was tuned to, "" for nothing."""
        return [row["carrier"] for row in self.log(adapter) if "carrier" in row]


def expected_properties(command: str) -> dict[int, int]:
    """DTV_FREQUENCY, delivery system, symbol rate and FEC that a card must be set to for a satellite carrier's dvblast options."""
    words = shlex.split(command)
    given = dict(zip(words[0::2], words[1::2]))
    khz = int(given["-f"])
    # A universal LNB's oscillators.
    return {
        FREQUENCY: khz - (9_750_000 if khz < 11_700_000 else 10_600_000),
        17: SYSTEMS[given["-5"]],
        8: int(given["-s"]),
        INNER_FEC: FEC[given["-F"]],
    }
