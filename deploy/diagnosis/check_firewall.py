"""Checks of nftables (and iptables, which Debian translates to it): what becomes of the packets that a headend needs.

membership-watcher and rtp-packager hear by packet sockets, before any rule of ip, ip6 and inet; rules on the way in bear on the other programs of this
host. Rules on the way out bear on all.
"""

from typing import Iterator, Optional

from .facts import Facts, Leg
from .finding import FAULT, UNKNOWN, WARNING, Seen, check, seen
from .nft_ruleset import DROP, PERHAPS, Packet, Ruleset, Verdict

_HOST = {"IPv4": ("ip", "inet"), "IPv6": ("ip6", "inet")}
_IN, _OUT = ("prerouting", "input"), ("output", "postrouting")
_GROUPS = {"IPv4": "239.192.0.1", "IPv6": "ff3e:40:2001:db8::8000:0"}
_MLD = "icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report }"


def _membership(hook: str, leg: Leg, incoming: bool) -> list[Packet]:
    lan = leg.interface
    query6 = Packet("MLD queries", hook, lan, "IPv6", 58, "fe80::1", "ff02::1", icmp_type=130)
    report6 = Packet("MLD reports", hook, lan, "IPv6", 58, "fe80::1", "ff02::16", icmp_type=143)
    query4 = Packet("IGMP queries", hook, lan, "IPv4", 2, "", "224.0.0.1")
    report4 = Packet("IGMP reports", hook, lan, "IPv4", 2, "", "224.0.0.22")
    return [query4, query6] if incoming else [query4, report4, query6, report6]


def _udp(title: str, hook: str, leg: Leg, port: int, hops: int = 16) -> list[Packet]:
    return [Packet(title, hook, leg.interface, family, 17, "", group, port=port, hops=hops) for family, group in _GROUPS.items()]


def _accepting(packet: Packet) -> str:
    """The condition of a rule that lets such packets pass."""
    if packet.protocol == 2:
        return "meta l4proto igmp"
    if packet.protocol == 58:
        return _MLD if packet.icmp_type not in (135, 136) else "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert }"
    return f"udp dport {packet.port}"


def _mend(packet: Packet, chain: Optional[dict]) -> str:
    if not chain:
        return "# nft list ruleset shows the rule"
    if chain["family"] in ("ip", "ip6") and chain["name"].isupper():
        program = "iptables" if chain["family"] == "ip" else "ip6tables"
        what = {2: "-p igmp", 58: f"-p icmpv6 --icmpv6-type {packet.icmp_type}"}.get(packet.protocol, f"-p udp --dport {packet.port}")
        return f"{program} -t {chain['table']} -I {chain['name']} {what} -j ACCEPT"
    return f"nft 'insert rule {chain['family']} {chain['table']} {chain['name']} {_accepting(packet)} accept'"


def _where(verdict: Verdict) -> str:
    chain = verdict.chain or {}
    at = f"chain {chain.get('family')} {chain.get('table')} {chain.get('name')}"
    return f"rule {verdict.rule['handle']} of {at}" if verdict.rule else f"the policy of {at}"


def _dropped(facts: Facts, packets: list[Packet], families: Optional[tuple[str, ...]] = None) -> Iterator[Seen]:
    rules, told = Ruleset(facts.ruleset), set()
    for packet in packets:
        verdict = rules.judge(packet, families or _HOST[packet.family])
        if verdict.kind not in (DROP, PERHAPS):
            continue
        mend = _mend(packet, verdict.chain)
        if mend in told:
            continue
        told.add(mend)
        way = "on" if packet.hook in _IN else "to"
        text = f"{packet.title} ({packet.family}) {way} {packet.interface}: {_where(verdict)}"
        if verdict.kind == DROP:
            yield seen(f"{text} drops them", mend=mend)
        else:
            yield seen(f"{text} hangs on a condition that cannot be read from here", severity=UNKNOWN, mend=mend)


@check(
    "firewall-membership-out", FAULT, looks_at="rules for IGMP and MLD on the way out",
    consequence="nobody is asked who listens, and this host's players cannot join",
    mend="# an accepting rule before it (printed with its chain)", needs=("firewall",),
)
def membership_out(facts: Facts) -> Iterator[Seen]:
    for leg in facts.there():
        yield from _dropped(facts, [p for hook in _OUT for p in _membership(hook, leg, incoming=False)])


@check(
    "firewall-membership-in", WARNING, looks_at="rules for IGMP and MLD queries on the way in",
    consequence="players and mcast-monitor on this host are not asked, and switches forget them (the headend hears by packet socket)",
    mend="# an accepting rule before it (printed with its chain)", needs=("firewall",),
)
def membership_in(facts: Facts) -> Iterator[Seen]:
    for leg in facts.there():
        yield from _dropped(facts, [p for hook in _IN for p in _membership(hook, leg, incoming=True)])


@check(
    "firewall-neighbours", FAULT, looks_at="rules for neighbour discovery, both ways",
    consequence="IPv6 hosts of the link cannot be reached, nor reach this one",
    mend="# an accepting rule before it (printed with its chain)", needs=("firewall",),
)
def neighbours(facts: Facts) -> Iterator[Seen]:
    for leg in facts.there():
        fields = (leg.interface, "IPv6", 58, "fe80::1", "ff02::1:ff00:1")
        yield from _dropped(
            facts, [Packet("neighbour solicitations", hook, *fields, icmp_type=135, hops=255) for hook in _IN + _OUT]
        )


@check(
    "firewall-rtp", FAULT, looks_at="rules for RTP (UDP 5004) on the way out", consequence="listeners hear nothing",
    mend="# an accepting rule before it (printed with its chain)", needs=("firewall",),
)
def rtp(facts: Facts) -> Iterator[Seen]:
    for leg in facts.there():
        yield from _dropped(facts, [p for hook in _OUT for p in _udp("RTP", hook, leg, 5004)])


@check(
    "firewall-rtcp", FAULT, looks_at="rules for RTCP (UDP 5005) on the way out",
    consequence="players do not learn of a session's end, nor which time its stamps mean",
    mend="# an accepting rule before it (printed with its chain)", needs=("firewall",),
)
def rtcp(facts: Facts) -> Iterator[Seen]:
    for leg in facts.there():
        yield from _dropped(facts, [p for hook in _OUT for p in _udp("RTCP", hook, leg, 5005)])


@check(
    "firewall-sap", FAULT, looks_at="rules for SAP (UDP 9875) on the way out", consequence="players learn of no stream: they join and wait",
    mend="# an accepting rule before it (printed with its chain)", needs=("firewall",),
)
def sap(facts: Facts) -> Iterator[Seen]:
    for leg in facts.there():
        yield from _dropped(facts, [p for hook in _OUT for p in _udp("SAP", hook, leg, 9875)])


@check(
    "firewall-players", WARNING, looks_at="rules for RTP, RTCP and SAP on the way in",
    consequence="players on this host hear nothing (rtp-packager's reports come by packet socket)",
    mend="# an accepting rule before it (printed with its chain)", needs=("firewall",),
)
def players(facts: Facts) -> Iterator[Seen]:
    for leg in facts.there():
        packets = [_udp(title, hook, leg, port) for hook in _IN for title, port in (("RTP", 5004), ("RTCP", 5005), ("SAP", 9875))]
        yield from _dropped(facts, [p for some in packets for p in some])


_MONITOR_PORTS = {"ntp": 123, "snmp": 162, "syslog": 514}


@check(
    "firewall-monitor", FAULT, looks_at="rules for what mcast-monitor listens to (`[[mcast-monitor.listen]]`) on the way in",
    consequence="time requests, traps and logs of devices do not reach mcast-monitor",
    mend="# an accepting rule before it (printed with its chain)", needs=("firewall",),
)
def monitor(facts: Facts) -> Iterator[Seen]:
    services = {one.get("service", "") for one in facts.config.get("mcast-monitor", {}).get("listen", [])}
    for leg in facts.there():
        for service in sorted(services & _MONITOR_PORTS.keys()):
            port = _MONITOR_PORTS[service]
            yield from _dropped(facts, [p for hook in _IN for p in _udp(service, hook, leg, port)])


@check(
    "firewall-bridge", FAULT, looks_at="rules of the bridge family for IGMP and MLD reports, where a leg is a bridge",
    consequence="reports of hosts behind the bridge's ports do not reach the headend",
    mend="# an accepting rule before it (printed with its chain)", needs=("firewall",),
)
def bridge_rules(facts: Facts) -> Iterator[Seen]:
    for leg in facts.there():
        if facts.kind(leg.interface) != "bridge":
            continue
        for port in facts.ports_of(leg.interface):
            packets = [p for hook in _IN for p in _membership(hook, Leg(leg.link, port), incoming=False) if "reports" in p.title]
            yield from _dropped(facts, packets, ("bridge",))


@check(
    "firewall-hop-limit", FAULT, looks_at="rules that set the hop limit of IGMP and MLD on the way out",
    consequence="every host ignores MLD with a hop limit other than 1, and routers do so with reports", mend="nft delete rule {rule}",
    needs=("firewall",),
)
def hop_limit(facts: Facts) -> Iterator[Seen]:
    rules, told = Ruleset(facts.ruleset), set()
    for leg in facts.there():
        for packet in (p for hook in _OUT for p in _membership(hook, leg, incoming=False)):
            verdict = rules.judge(packet, _HOST[packet.family])
            if verdict.hops != 1 and verdict.changed_by:
                one = verdict.changed_by
                rule = f"{one['family']} {one['table']} {one['chain']} handle {one['handle']}"
                if rule not in told:
                    told.add(rule)
                    yield seen(f"{packet.title} leave {leg.interface} with hop limit {verdict.hops}, by rule {rule}", rule=rule)


@check(
    "firewall-legacy", UNKNOWN, looks_at="tables of the older iptables, which nft does not show", consequence="cannot tell what they drop",
    mend="# look yourself: iptables-legacy-save; ip6tables-legacy-save",
)
def legacy(facts: Facts) -> Iterator[Seen]:
    if facts.legacy_tables:
        yield seen(f"tables of the older iptables are loaded: {', '.join(facts.legacy_tables)}")
