"""mdns-zone-proxy in a namespace of its own: it reaches the zones by their sockets alone, so it has no link."""

import json
import os
import pwd
import re
import signal
from pathlib import Path
from typing import Any, Iterable, Optional

from .headend import to_toml
from .network import Lab
from .process import Process
from .wait import wait_until
from .zones import Zone, zones_table

HTTP = "http://127.0.0.1:9467"


class ZoneProxy:
    """As `user`, whom the zones allow."""

    def __init__(self, lab: Lab, bin_dir: Path, zones: Iterable[Zone], rules: list[dict[str, Any]], user: str = "nobody"):
        self.bin_dir = bin_dir
        self.user = user
        self.ns = lab.host("proxy").ns
        self.run_dir = lab.directory / "run"
        self.run_dir.mkdir(exist_ok=True)
        account = pwd.getpwnam(user)
        os.chown(self.run_dir, account.pw_uid, account.pw_gid)
        self.config_path = lab.directory / "headwater.toml"
        self.zones = list(zones)
        self.table: dict[str, Any] = {"rules": rules}
        self.process: Optional[Process] = None

    def write_config(self) -> None:
        tables = {"run_dir": str(self.run_dir), "state_dir": str(self.run_dir), "http_address": "127.0.0.1"}
        tables |= {"zones": zones_table(self.zones), "mdns-zone-proxy": self.table}
        self.config_path.write_text(to_toml(tables))

    def start(self) -> "ZoneProxy":
        self.write_config()
        argv = [self.bin_dir / "mdns-zone-proxy", "--config", self.config_path]
        self.process = self.ns.start(argv, "mdns-zone-proxy", user=self.user)
        self.process.wait_log("msg=ready", 30)
        return self

    def stop(self) -> int:
        assert self.process
        return self.process.stop()

    def kill(self) -> None:
        assert self.process
        self.process.kill()

    def reload(self, rules: list[dict[str, Any]]) -> None:
        assert self.process
        self.table["rules"] = rules
        self.write_config()
        before = self.process.log().count("configuration re")
        self.process.signal(signal.SIGHUP)
        wait_until(lambda: self.process.log().count("configuration re") > before, 10, "a reload")

    def metrics(self) -> str:
        return self.ns.http(f"{HTTP}/metrics")

    def metric(self, name: str, labels: str = "") -> float:
        """The sum of all series of that name whose labels hold `labels`."""
        rows = re.findall(rf"^{name}(?:{{([^}}]*)}})? (\S+)$", self.metrics(), re.M)
        return sum(float(value) for shown, value in rows if labels in shown)

    def ctl(self, *arguments: object) -> list[dict]:
        """A zone command's --json."""
        argv = [self.bin_dir / "headwaterctl", "--run-dir", self.run_dir, "zone", *arguments, "--json"]
        return [json.loads(line) for line in self.ns.run(*argv).splitlines()]

    def wait_running(self, timeout: float = 20) -> None:
        """All zones are up, and what is there has had the time to settle."""
        wait_until(
            lambda: self.metric("headwater_mdns_zone_proxy_zone_state", 'state="running"') == len(self.zones),
            timeout,
            "zones running",
            every=0.2,
        )
