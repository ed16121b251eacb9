"""What the checks decide upon: plain values, so that they can be recorded on one machine and read on another."""

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, Optional


@dataclass
class Leg:
    """A link's interface here, with the service addresses that the configuration gives it by hand ("" if none)."""

    link: str
    interface: str
    service_ipv4: str = ""
    service_ipv6: str = ""

    @property
    def service_addresses(self) -> list[str]:
        return [a for a in (self.service_ipv4, self.service_ipv6) if a]


@dataclass
class Query:
    """A membership query as it was heard."""

    interface: str
    family: str
    version: int
    source: str
    mac: str
    hops: int
    # Sent by this machine.
    own: bool = False
    # What it says of itself; 0 where its version cannot.
    interval: int = 0
    robustness: int = 0

    @property
    def title(self) -> str:
        return f"{'MLD' if self.family == 'IPv6' else 'IGMP'}v{self.version}"

    @property
    def counts(self) -> bool:
        """Whether hosts obey: MLD must come from a link-local address, and both with a hop limit of 1 (IGMP hosts do not look)."""
        return self.family == "IPv4" or (self.hops == 1 and self.source.lower().startswith("fe80:"))


@dataclass
class Answer:
    """Somebody on a link says that an address is his (ARP reply, neighbour advertisement)."""

    interface: str
    address: str
    mac: str


@dataclass
class Unread:
    """Why something could not be looked at, and what would help."""

    text: str
    mend: str


@dataclass
class Facts:
    """Everything that was read. Topics that could not be are keys of `unread`, and their fields stay as they are here."""

    legs: list[Leg] = field(default_factory=list)
    # The configuration file as parsed; {} without one.
    config: dict[str, Any] = field(default_factory=dict)
    # As `ip -d -j address` tells, by name.
    interfaces: dict[str, dict] = field(default_factory=dict)
    wireless: list[str] = field(default_factory=list)
    # Entries in the snooping table of each bridge.
    bridge_entries: dict[str, int] = field(default_factory=dict)
    # The interface to which the routes send a group; "" for none.
    routes: dict[str, str] = field(default_factory=dict)
    sysctls: dict[str, int] = field(default_factory=dict)
    # Interfaces where the kernel has heard an older IGMP querier, with its version ("V2").
    igmp_mode: dict[str, str] = field(default_factory=dict)
    queries: list[Query] = field(default_factory=list)
    # How long was listened, and how often queriers on these links ask.
    listened: float = 0.0
    query_interval: float = 125.0
    # None: nobody was asked (no --probe).
    answers: Optional[list[Answer]] = None
    # `nft -j list ruleset`, and the tables of the older iptables, which nft does not show.
    ruleset: list[dict] = field(default_factory=list)
    legacy_tables: list[str] = field(default_factory=list)
    # Interfaces of the kernel's multicast routing by family, and programs known to do it ("smcrouted 123").
    mroute: dict[str, list[str]] = field(default_factory=dict)
    routing_daemons: list[str] = field(default_factory=list)
    # Services by name: who listens at their HTTP port ("" nobody, "headwater", "other"), and what they tell.
    ports: dict[str, str] = field(default_factory=dict)
    port_numbers: dict[str, int] = field(default_factory=dict)
    metrics: dict[str, str] = field(default_factory=dict)
    # UDP ports that the services bind, and could not now: "5005 on 192.168.10.1".
    udp_taken: list[str] = field(default_factory=list)
    stale_sockets: list[str] = field(default_factory=list)
    # The mode of the folder of the sockets; None when it does not exist.
    run_dir: str = ""
    run_dir_mode: Optional[int] = None
    # Device nodes of DVB: path, mode, group ("" for an adapter that is not there).
    devices: list[dict] = field(default_factory=list)
    clock_synchronised: bool = True
    clock_text: str = ""
    # CapBnd: what a program started from here may be given.
    capabilities: int = (1 << 64) - 1
    open_files: int = 1 << 20
    missing_programs: dict[str, str] = field(default_factory=dict)
    # Zones: name, bus, answers, why, start.
    zones: list[dict] = field(default_factory=list)
    container: str = ""
    unread: dict[str, Unread] = field(default_factory=dict)

    def sysctl(self, key: str, default: int = 0) -> int:
        return self.sysctls.get(key, default)

    def there(self) -> list[Leg]:
        """The legs whose interface exists."""
        return [leg for leg in self.legs if leg.interface in self.interfaces]

    def flags(self, interface: str) -> list[str]:
        return self.interfaces[interface].get("flags", [])

    def link_info(self, interface: str, part: str = "info_data") -> dict:
        return self.interfaces[interface].get("linkinfo", {}).get(part, {})

    def kind(self, interface: str) -> str:
        return self.interfaces[interface].get("linkinfo", {}).get("info_kind", "")

    def bridges(self) -> list[str]:
        return [name for name in self.interfaces if self.kind(name) == "bridge"]

    def ports_of(self, bridge: str) -> list[str]:
        return [name for name, one in self.interfaces.items() if one.get("master") == bridge]

    def addresses(self, interface: str, family: str = "", scope: str = "") -> list[dict]:
        shown = self.interfaces.get(interface, {}).get("addr_info", [])
        return [a for a in shown if (not family or a["family"] == family) and (not scope or a["scope"] == scope)]

    def holders(self, address: str) -> list[tuple[str, dict]]:
        """Interfaces that have an address, with how they have it."""
        return [(name, a) for name in self.interfaces for a in self.addresses(name) if a.get("local") == address]

    def heard(self, interface: str, family: str) -> list[Query]:
        return [q for q in self.queries if q.interface == interface and q.family == family]

    @property
    def heard_enough(self) -> bool:
        """Whether a querier would have been heard, if there were one."""
        return self.listened >= self.query_interval

    def as_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=1)

    @staticmethod
    def from_json(text: str) -> "Facts":
        values = json.loads(text)
        for key, kind in (("legs", Leg), ("queries", Query), ("answers", Answer)):
            if values.get(key) is not None:
                values[key] = [kind(**one) for one in values[key]]
        values["unread"] = {key: Unread(**one) for key, one in values.get("unread", {}).items()}
        return Facts(**values)
