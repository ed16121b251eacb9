"""A membership-watcher on a link, and its stream of changes."""

import json

import pytest

from lab import Host, wait_until


class Watcher:
    """membership-watcher in a host's namespace, and what it has told last of each group."""

    def __init__(self, host: Host, bin_dir, options: str = ""):
        self.host = host
        self.bin_dir = bin_dir
        self.run_dir = host.lab.directory / f"run-{host.name}"
        self.run_dir.mkdir()
        self.config = self.run_dir / "headwater.toml"
        legs = "\n".join(f'{leg.link.name} = "{leg.interface}"' for leg in host.legs.values())
        self.config.write_text(f'run_dir = "{self.run_dir}"\n[legs]\n{legs}\n[membership-watcher]\n{options}\n')
        self.process = None

    def start(self, synced: bool = True) -> "Watcher":
        self.process = self.host.ns.start([self.bin_dir / "membership-watcher", "--config", self.config])
        self.watch = self.host.ns.start(
            [self.bin_dir / "membership-watch", self.run_dir / "membership-watcher.sock"], name="watch"
        )
        self.process.wait_log("ready", 30)
        wait_until(lambda: any("synced" in event for event in self.events()), 10, "the snapshot")
        if synced:
            self.wait_synced()
        return self

    def wait_synced(self, timeout: float = 20) -> None:
        wait_until(lambda: all(self.sync(link) == "LINK_SYNC_SYNCED" for link in self.host.legs), timeout, "every link synced")

    def events(self) -> list[dict]:
        lines = self.watch.log().split("\n")[:-1]
        return [json.loads(line) for line in lines if line.startswith("{")]

    def link(self, link: str) -> dict:
        told = [e["link"] for e in self.events() if "link" in e and e["link"]["leg"]["link"] == link]
        return told[-1] if told else {}

    def sync(self, link: str) -> str:
        return self.link(link).get("sync", "")

    def groups(self) -> dict[tuple[str, str], dict]:
        now = {}
        for event in self.events():
            if "group" in event:
                now[event["group"]["link"], event["group"]["group"]] = event["group"]
            if "removed" in event:
                now.pop((event["removed"]["link"], event["removed"]["group"]), None)
        return now

    def group(self, group: str, link: str = "lan") -> dict:
        return self.groups().get((link, group), {})

    def members(self, group: str, link: str = "lan") -> list[str]:
        return [m["address"] for m in self.group(group, link).get("members", [])]

    def joins(self, group: str) -> int:
        return int(self.group(group).get("joins_total", 0))

    def metric(self, line: str) -> float:
        """The value of one line of /metrics, named as it stands there up to the value."""
        text = self.host.ns.http("http://[::1]:9461/metrics")
        for row in text.splitlines():
            if row.startswith(line + " "):
                return float(row.rsplit(" ", 1)[1])
        raise AssertionError(f"no metric {line}")


@pytest.fixture
def watcher(lab, bin_dir):
    """A watcher, running and synced, on the lab's first link; `watcher.host` is its machine."""
    return Watcher(lab.host("headend", lab.link("lan")), bin_dir).start()


@pytest.fixture
def make_watcher(bin_dir):
    """Makes a watcher, not started, on a host: make_watcher(host, "query_interval = \\"10s\\"")."""
    return lambda host, options="": Watcher(host, bin_dir, options)
