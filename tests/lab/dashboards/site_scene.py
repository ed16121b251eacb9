"""A site with everything at work on one headend with three VLANs, watched by a real Prometheus.

users: listeners, and the zone that sees printers; iot: a printer, a lamp that UPnP finds by the bridge; mgmt: a switch that logs.
"""

import json
import re
import urllib.parse
from pathlib import Path
from typing import Any, Optional

import yaml
from bridge_scene import FIREWALL, MARK_LINE, SSDP4, SSDP6, search
from dvb_scene import ONE, UHD, DvbScene
from monitor_scene import CHRONY_PORT, GROUP4, GROUP6, Daemons, logger, net_snmp, ntp_request

from lab import FIRST_NUMBER, Device, FfmpegListener, GstListener, Headend, Lab, Process, Service, Zone, group6, of_kind, to_toml
from lab import wait_until, zones_table
from lab.headend import PORTS

ROOT = Path(__file__).resolve().parents[3]
PROMETHEUS = "http://[::1]:9090"
LINKS = ("users", "iot", "mgmt")
TITLE = "Lab Radio"
# Sessions at once: what the scene plays, and a few more.
SESSIONS_MAX = 8
# All that is minutes in the rules is seconds here: 5m is 10s, 1m is 2s. Prometheus scrapes and evaluates each second.
FASTER = 30
WINDOW = "10s"


def faster(rules: str) -> str:
    """The rules with every `for` and range divided by FASTER; nothing else is changed."""
    units = {"s": 1, "m": 60, "h": 3600}

    def shorter(found: re.Match) -> str:
        return f"{found[1]}{max(1, int(found[2]) * units[found[3]] // FASTER)}s{found[4]}"

    return re.sub(r"(\[|for: )(\d+)([smh])(\]|\n)", shorter, rules)


def described() -> dict[str, tuple[str, str]]:
    """{metric: (type, labels)} by docs/metrics.md."""
    lines = (ROOT / "docs/metrics.md").read_text().splitlines()
    rows = [[cell.strip(" `") for cell in line.split("|")] for line in lines if line.startswith("| `headwater_")]
    return {row[1]: (row[2], row[3]) for row in rows}


# Whether this build has mutual TLS between hosts.
TLS = "headwater_control_certificate_expiry_timestamp_seconds" in described()


class Attic:
    """A second machine, in the fabric: a watcher that a manager could reach by mutual TLS."""

    def __init__(self, lab: Lab, headend: Headend):
        self.bin_dir = headend.bin_dir
        self.host = lab.host("attic", headend.fabric)
        self.folder = lab.directory / "attic"
        self.config_path = self.folder / "headwater.toml"

    def pki(self, *arguments: str) -> None:
        self.host.ns.run(self.bin_dir / "headwaterctl", "--pki-dir", self.folder / "pki", "pki", *arguments)

    def start(self) -> None:
        (self.folder / "run").mkdir(parents=True)
        self.pki("init", "--site", "lab")
        self.pki("issue", "membership-watcher")
        config = {"run_dir": str(self.folder / "run"), "state_dir": str(self.folder / "run"), "pki_dir": str(self.folder / "pki")}
        config |= {"legs": {"fabric": "fabric"}, "membership-watcher": {"control_listen": f"tls://[{self.host.leg.ipv6}]:9561"}}
        self.config_path.write_text(to_toml(config))
        argv = [self.bin_dir / "membership-watcher", "--config", self.config_path]
        self.host.ns.start(argv, "membership-watcher").wait_log("ready", 30)


class Site(DvbScene):
    """Start with `start()`; then `prometheus` answers `query()`, `alerts()`."""

    def __init__(self, lab: Lab, bin_dir: Path):
        super().__init__(lab, Headend(lab, bin_dir, LINKS))
        users, iot, mgmt = self.headend.links
        self.url = self.headend.icecast.mount("radio", 440.0, name=TITLE)
        self.switch = lab.host("switch1", mgmt)
        self.lamp_host = lab.host("lamp", iot)
        self.stranger = lab.host("stranger", mgmt)
        self.zones = {name: Zone(lab, name, link) for name, link in (("trusted", users), ("iot", iot))}
        self.printer = Device(lab, "printer", iot)
        self.attic = Attic(lab, self.headend)
        self.daemons = Daemons(self.headend.host)
        self.headend.write_lineup({FIRST_NUMBER + n: (f"{TITLE} {n}", self.url) for n in range(12)})
        self._configure()
        self._route()
        self.prometheus: Optional[Process] = None
        self.background: list[Process] = []

    def _configure(self) -> None:
        config = self.headend.config
        config["session-manager"] |= {"sessions_max": SESSIONS_MAX}
        config["membership-watcher"] = {"query_interval": "3s", "query_response_interval": "1s"}
        config["zones"] = zones_table(self.zones.values())
        config["mdns-zone-proxy"] = {
            "rules": [{"name": "printers", "from": "iot", "to": "trusted", "types": ["_ipp._tcp"], "action": "allow"}]
        }
        upnp = {"name": "upnp", "groups": ["upnp"], "links": ["users", "iot"], "hops_min": 4}
        config["mcast-bridge"] = {"check_period": "1s", "rules": [upnp]}
        groups = {"groups": [GROUP4, GROUP6]}
        config["mcast-monitor"] = {
            "ntp": {"clock": f"127.0.0.1:{CHRONY_PORT}"},
            "listen": [{"service": "ntp"}, {"service": "snmp", **groups}, {"service": "syslog", **groups}],
            "handover": [{"service": "syslog", "target": "127.0.0.1:5514", "queue_max": 10}],
        }

    def _route(self) -> None:
        """The headend is the router between users and iot, with a firewall that has the bridge's line."""
        ns = self.headend.ns
        ns.run("ip", "route", "del", "224.0.0.0/4")
        ns.sysctl("net.ipv4.ip_forward", 1)
        ns.sysctl("net.ipv6.conf.all.forwarding", 1)
        for host in (self.alice, self.lamp_host):
            link = host.leg.link
            host.ns.ip(f"route add default via {link.prefix4}.1", f"route add default via {link.prefix6}::1")
        rules = self.headend.directory / "firewall.nft"
        rules.write_text("table inet fw\ndelete table inet fw" + FIREWALL % MARK_LINE)
        ns.run("nft", "-f", rules)

    # ---- what is at work

    def start(self) -> "Site":
        for avahi in (*self.zones.values(), self.printer):
            avahi.launch()
        self.daemons.chronyd()
        self.rsyslogd = self.daemons.rsyslogd()
        super().start()
        if TLS:
            self.attic.start()
        for avahi in (*self.zones.values(), self.printer):
            avahi.wait_ready()
        self.printer.publish(Service("Office"))
        self._play()
        self._discover()
        self._log()
        self._watch()
        return self

    def _play(self) -> None:
        """Radio for a player that reports, and two DVB services."""
        self.radio, self.second = group6(FIRST_NUMBER), group6(FIRST_NUMBER + 1)
        self.listeners = [FfmpegListener(self.alice, self.radio)]
        self.joins = [self.carol.join(group) for group in (self.second, group6(ONE), group6(UHD))]
        sap = self.capture.wait_packet(of_kind("sap", self.radio), 20).sap()
        self.reporter = GstListener(self.bob, sap.body)
        self.wait_rtp(ONE)
        self.wait_rtp(UHD)

    def _discover(self) -> None:
        directory = self.headend.directory / "lamp"
        script = ROOT / "tests/lab/bridge/gupnp_lamp.py"
        argv = ["/usr/bin/python3", script, directory, 49500, self.lamp_host.leg.ipv4, self.lamp_host.leg.ipv6]
        self.lamp_host.ns.start(argv, "lamp").wait_log("2 lamps")
        self.wait_metric("mcast-bridge", 'headwater_mcast_bridge_rule_state{rule="upnp",state="active"}', 1)
        for group in (SSDP4, SSDP6):
            # A search may be lost: control points ask more than once, too.
            wait_until(lambda: search(self.alice, group, hops=4, timeout=1), 15, f"the lamp's answer by {group}")

    def _log(self) -> None:
        """What devices say, all the time."""
        assert ntp_request(self.switch, "ff02::101")
        net_snmp(self.switch, "snmptrap", GROUP4, "-v", "2c", "-c", "public", "", "1.3.6.1.6.3.1.1.5.3")
        script = f"while sleep 0.5; do logger --udp --server {GROUP4} --port 514 -p local7.warning port 7 is up; done"
        self.background.append(self.switch.ns.start(["sh", "-c", script], "logging"))

    # ---- who watches

    def _watch(self) -> None:
        folder = self.lab.directory / "prometheus"
        (folder / "targets").mkdir(parents=True)
        rules = (ROOT / "dashboards/alerts/headwater.rules.yml").read_text()
        (folder / "headwater.rules.yml").write_text(faster(rules))
        config = yaml.safe_load((ROOT / "dashboards/prometheus/prometheus.yml").read_text())
        config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        argv = [ROOT / "dashboards/targets.py", "--config", self.headend.config_path]
        (folder / "targets/site.json").write_text(self.headend.ns.run(*argv))
        if TLS:
            argv = [argv[0], "--config", self.attic.config_path, "--host", self.attic.host.leg.ipv6, "--service", "membership-watcher"]
            (folder / "targets/attic.json").write_text(self.headend.ns.run(*argv))
        argv = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
        argv += ["--web.listen-address=[::1]:9090", "--log.level=info"]
        self.prometheus = self.headend.ns.start(argv, "prometheus")
        self.prometheus.wait_log("Server is ready", 30)
        wait_until(lambda: self.sum('up{job="headwater"}') == 9 + TLS, 30, "every service scraped", every=0.3)

    def api(self, what: str, **parameters: Any) -> Any:
        url = f"{PROMETHEUS}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        return json.loads(self.headend.ns.http(url, timeout=10))["data"]

    def query(self, expression: str) -> list[dict]:
        return self.api("query", query=expression)["result"]

    def sum(self, expression: str) -> float:
        return sum(float(row["value"][1]) for row in self.query(expression))

    def alerts(self) -> set[str]:
        """Names of those that fire."""
        return {a["labels"]["alertname"] for a in self.api("alerts")["alerts"] if a["state"] == "firing"}

    def wait_metric(self, service: str, series: str, value: float, timeout: float = 20) -> None:
        name, _, labels = series.partition("{")
        wanted = set(labels.rstrip("}").split(","))

        def matches() -> bool:
            rows = re.findall(rf"^{name}{{(.*)}} (\S+)$", self.exposed(service), re.M)
            return any(wanted <= set(have.split(",")) and float(number) == value for have, number in rows)

        wait_until(matches, timeout, f"{series} {value}", every=0.2)

    def exposed(self, service: str) -> str:
        """What a service serves at /metrics."""
        return self.headend.ns.http(f"http://[::1]:{PORTS[service]}/metrics")

    def log_to_the_group(self, count: int) -> None:
        for _ in range(count):
            logger(self.switch, GROUP4, "flood")
