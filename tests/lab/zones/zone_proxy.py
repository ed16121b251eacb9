"""mdns-zone-proxy in the lab: three zones or more, a policy, the service in a namespace with no interface of any link."""

import json
import re
import signal
import subprocess
from pathlib import Path
from typing import Any, Iterable, Optional

from lab import Host, Lab, Process, Zone, to_toml, zones_table

PORT = 9467


class Proxy:
    """The service alone: it needs the zones' sockets and nothing else, so its namespace has no links."""

    def __init__(self, lab: Lab, bin_dir: Path, zones: Iterable[Zone], rules: list[dict[str, Any]], **table: Any):
        self.lab = lab
        self.bin_dir = bin_dir
        self.host: Host = lab.host("proxy")
        self.run_dir = lab.directory / "run"
        self.run_dir.mkdir(exist_ok=True)
        self.config_path = lab.directory / "headwater.toml"
        self.config: dict[str, Any] = {
            "run_dir": str(self.run_dir),
            "state_dir": str(lab.directory / "state"),
            "log_level": "debug",
            "zones": zones_table(zones),
            "mdns-zone-proxy": {**table, "rules": rules},
        }
        self.process: Optional[Process] = None

    def start(self, timeout: float = 30) -> "Proxy":
        self.config_path.write_text(to_toml(self.config))
        argv = [self.bin_dir / "mdns-zone-proxy", "--config", self.config_path]
        self.process = self.host.ns.start(argv, "mdns-zone-proxy")
        self.process.wait_log("ready", timeout)
        return self

    def reload(self, rules: list[dict[str, Any]]) -> None:
        self.config["mdns-zone-proxy"]["rules"] = rules
        self.config_path.write_text(to_toml(self.config))
        assert self.process
        self.process.signal(signal.SIGHUP)

    def ctl(self, *arguments: str) -> str:
        argv = [self.bin_dir / "headwaterctl", "--run-dir", self.run_dir, *arguments]
        with self.host.ns.entered():
            done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=30)
        if done.returncode != 0:
            raise RuntimeError(f"headwaterctl {' '.join(arguments)}: {done.returncode}: {done.stderr or done.stdout}")
        return done.stdout

    def json(self, *arguments: str) -> list[dict]:
        return [json.loads(line) for line in self.ctl(*arguments, "--json").splitlines()]

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples that have these labels; `name` without its prefix."""
        text = self.host.ns.http(f"http://127.0.0.1:{PORT}/metrics")
        total = 0.0
        for shown, value in re.findall(rf"^headwater_mdns_zone_proxy_{name}(?:\{{([^}}]*)\}})? (\S+)", text, re.M):
            if set(f'{key}="{wanted}"' for key, wanted in labels.items()) <= set(shown.split(",")):
                total += float(value)
        return total
