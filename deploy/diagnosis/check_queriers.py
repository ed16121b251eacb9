"""Checks of who asks for memberships, and of bridges (switches) that listen to the answers."""

from typing import Iterator

from .facts import Facts, Query
from .finding import FAULT, NOTE, UNKNOWN, WARNING, Seen, check, seen

NEWEST = {"IPv4": 3, "IPv6": 2}
# A table fuller than this is about to be full: the kernel then turns snooping off, and floods.
_FULL = 0.8


def _queriers(facts: Facts, interface: str, family: str) -> dict[str, Query]:
    """Who is heard to ask, by source; whom hosts ignore is none."""
    return {q.source: q for q in facts.heard(interface, family) if q.counts}


def _speaks(facts: Facts, interface: str, family: str) -> bool:
    """Whether this host speaks the family there, so that a querier matters."""
    kind = "inet6" if family == "IPv6" else "inet"
    return "UP" in facts.flags(interface) and bool(facts.addresses(interface, kind))


@check(
    "querier", NOTE, looks_at="IGMP and MLD queries on each leg: their version and sender", consequence="hosts are asked who listens",
    mend="",
    needs=("listen",),
)
def who_asks(facts: Facts) -> Iterator[Seen]:
    for leg in facts.there():
        for family in NEWEST:
            for query in _queriers(facts, leg.interface, family).values():
                own = "this host" if query.own else query.mac
                rhythm = f", each {query.interval} s, robustness {query.robustness}" if query.interval else ""
                yield seen(f"{query.source} ({own}) asks on {leg.interface} by {query.title}{rhythm}")


@check(
    "querier-missing", FAULT, looks_at="that somebody asks on each leg, in each family",
    consequence="snooping switches forget who listens after some minutes, and streams stop",
    mend='# let membership-watcher ask (querier = "auto", its default), or make the switch or router a querier', needs=("listen",),
)
def querier_missing(facts: Facts) -> Iterator[Seen]:
    for leg in facts.there():
        for family in NEWEST:
            if _queriers(facts, leg.interface, family) or not _speaks(facts, leg.interface, family) or _watcher_knows(facts, leg.link, family):
                continue
            text = f"no {family} query that hosts obey on {leg.interface} within {facts.listened:g} s"
            if facts.heard_enough:
                yield seen(text)
            else:
                every = f"{facts.query_interval:g}"
                yield seen(
                    f"{text}; queriers ask each {every} s", severity=UNKNOWN, mend=f"./headwater doctor --listen {facts.query_interval + 5:g}"
                )


def _watcher_knows(facts: Facts, link: str, family: str) -> bool:
    """Whether the membership-watcher that runs here tells of a querier, itself or another."""
    lines = facts.metrics.get("membership-watcher", "").splitlines()
    words = (f'link="{link}"', f'family="{family.lower()}"')
    return any("querier{" in line and all(w in line for w in words) and line.endswith(" 1") for line in lines)


@check(
    "querier-older", FAULT, looks_at="the version of the queries on each leg",
    consequence="hosts fall back to {version}: reports hide each other, and nobody can join by source",
    mend="# raise the version at the querier to IGMPv3 and MLDv2 (a Linux bridge: mcast_igmp_version 3 mcast_mld_version 2)",
    needs=("listen",),
)
def querier_older(facts: Facts) -> Iterator[Seen]:
    for leg in facts.there():
        for family, newest in NEWEST.items():
            for query in _queriers(facts, leg.interface, family).values():
                if query.version < newest:
                    yield seen(f"{query.source} ({query.mac}) asks on {leg.interface} by {query.title}", version=query.title)


@check(
    "querier-older-heard", WARNING, looks_at="the IGMP version that the kernel has fallen back to (`/proc/net/igmp`)",
    consequence="this host's players answer in it, until {minutes} minutes have passed without another such query",
    mend="# find who asked with the older version: tcpdump -vni {interface} igmp",
)
def fallen_back(facts: Facts) -> Iterator[Seen]:
    for leg in facts.there():
        mode = facts.igmp_mode.get(leg.interface, "V3")
        forced = any(facts.sysctl(f"net.ipv4.conf.{name}.force_igmp_version") for name in ("all", leg.interface))
        if mode != "V3" and not forced:
            yield seen(f"the kernel is in IGMP{mode.lower()} mode on {leg.interface}", interface=leg.interface, minutes=5)


@check(
    "querier-two", WARNING, looks_at="whether more than one asks on a leg",
    consequence="they do not hear each other: something between them drops queries, and each hears a part of the reports",
    mend="# look at the switch: a filter, or two links joined by one that snoops", needs=("listen",),
)
def two_queriers(facts: Facts) -> Iterator[Seen]:
    for leg in facts.there():
        for family in NEWEST:
            # A switch that asks from 0.0.0.0 takes no part in the election (RFC 4541 section 2.1.1).
            sources = sorted(set(_queriers(facts, leg.interface, family)) - {"0.0.0.0"})
            if len(sources) > 1:
                yield seen(f"{' and '.join(sources)} ask on {leg.interface}")


@check(
    "querier-ignored", FAULT, looks_at="MLD queries with a hop limit other than 1, or not from a link-local address",
    consequence="every host ignores them (RFC 9777 section 5.1.14): nobody answers",
    mend="# the querier at {mac} needs a link-local address; nothing on the way may change hop limits", needs=("listen",),
)
def ignored(facts: Facts) -> Iterator[Seen]:
    for leg in facts.there():
        bad = {q.source: q for q in facts.heard(leg.interface, "IPv6") if not q.counts}
        for query in bad.values():
            yield seen(f"{query.source} asks on {leg.interface} with hop limit {query.hops}", mac=query.mac)


@check(
    "querier-elsewhere", WARNING, looks_at="whether another host asks, on a leg that is the port of a switch",
    consequence="a switch that snoops sends reports to the querier's port; to ours only if it takes it for a router's, too",
    mend="# make our port a static router port of the switch (Linux: bridge link set dev PORT mcast_router 2), or give this host the lower address",
    needs=("listen",),
)
def querier_elsewhere(facts: Facts) -> Iterator[Seen]:
    """Only once the watcher itself misses reports: most switches do well."""
    lines = facts.metrics.get("membership-watcher", "").splitlines()
    silent = [line for line in lines if "_alarm{" in line and 'alarm="no_reports"' in line and line.endswith(" 1")]
    for leg in facts.there():
        if not any(f'link="{leg.link}"' in line for line in silent):
            continue
        for family in NEWEST:
            for query in _queriers(facts, leg.interface, family).values():
                if not query.own:
                    yield seen(f"{query.source} asks on {leg.interface}, and no report has come for a membership interval")


def _snooping(facts: Facts) -> Iterator[tuple[str, dict]]:
    for name in facts.bridges():
        info = facts.link_info(name)
        if info.get("mcast_snooping") and "UP" in facts.flags(name):
            yield name, info


def _asked_on(facts: Facts, bridge: str) -> bool:
    """Whether somebody is heard to ask on the bridge or one of its ports."""
    here = {bridge, *facts.ports_of(bridge)}
    return any(q.interface in here and q.counts for q in facts.queries)


@check(
    "bridge-no-querier", FAULT, looks_at="bridges of this machine that snoop: whether anybody asks",
    consequence="the bridge forgets who listens after some minutes, and then floods or starves its ports",
    mend="ip link set {bridge} type bridge mcast_igmp_version 3 mcast_mld_version 2 mcast_querier 1", needs=("listen",),
)
def bridge_no_querier(facts: Facts) -> Iterator[Seen]:
    for name, info in _snooping(facts):
        # A bridge without any leg of ours is none of our business, unless we look at it as a leg.
        if name not in {leg.interface for leg in facts.legs} or info.get("mcast_querier") or _asked_on(facts, name):
            continue
        if facts.heard_enough:
            yield seen(f"{name} snoops, is no querier, and heard none within {facts.listened:g} s", bridge=name)


@check(
    "bridge-starves-us", WARNING, looks_at="whether a snooping bridge that is a leg gives this host the reports that it hears",
    consequence="reports of IGMPv2 and MLDv1 go to the querier's port alone: such listeners are not seen",
    mend="ip link set {bridge} type bridge mcast_router 2", needs=("listen",),
)
def bridge_starves_us(facts: Facts) -> Iterator[Seen]:
    """A Linux bridge floods reports of IGMPv3 and MLDv2; older ones its own host gets only while it asks itself, or as a permanent router."""
    for name, info in _snooping(facts):
        foreign = [q for q in facts.queries if q.interface in {name, *facts.ports_of(name)} and not q.own and q.counts]
        if name in {leg.interface for leg in facts.legs} and foreign and info.get("mcast_router") != 2:
            yield seen(f"{name} snoops, {foreign[0].source} asks by a port of it, and mcast_router of {name} is {info.get('mcast_router')}", bridge=name)


@check(
    "bridge-port-no-router", WARNING, looks_at="ports of snooping bridges that may not be router ports",
    consequence="a querier or headend behind {port} gets no reports",
    mend="bridge link set dev {port} mcast_router 1",
)
def port_no_router(facts: Facts) -> Iterator[Seen]:
    for name, _ in _snooping(facts):
        for port in facts.ports_of(name):
            if facts.link_info(port, "info_slave_data").get("multicast_router") == 0:
                yield seen(f"mcast_router of {port}, a port of {name}, is 0", port=port)


@check(
    "bridge-port-no-flood", WARNING, looks_at="ports of bridges to which unknown multicast is not flooded",
    consequence="behind {port} only groups with a report are heard; neighbour discovery of silent hosts fails",
    mend="bridge link set dev {port} mcast_flood on",
)
def port_no_flood(facts: Facts) -> Iterator[Seen]:
    for name in facts.bridges():
        for port in facts.ports_of(name):
            if facts.link_info(port, "info_slave_data").get("mcast_flood") is False:
                yield seen(f"mcast_flood of {port}, a port of {name}, is off", port=port)


@check(
    "bridge-table-full", WARNING, looks_at="the entries of each bridge's snooping table against `mcast_hash_max`",
    consequence="at the limit the kernel turns snooping off, and {bridge} floods every stream to every port",
    mend="ip link set {bridge} type bridge mcast_hash_max {more}", needs=("bridge-table",),
)
def table_full(facts: Facts) -> Iterator[Seen]:
    for name in facts.bridges():
        limit, entries = facts.link_info(name).get("mcast_hash_max", 0), facts.bridge_entries.get(name, 0)
        if limit and (limit < 512 or entries > _FULL * limit):
            yield seen(f"{name} has {entries} entries, and room for {limit}", bridge=name, more=max(4096, 4 * limit))


@check(
    "bridge-older", FAULT, looks_at="the version in which a bridge that is a querier asks",
    consequence="hosts behind {bridge} fall back: reports hide each other, and nobody can join by source",
    mend="ip link set {bridge} type bridge mcast_igmp_version 3 mcast_mld_version 2",
)
def bridge_older(facts: Facts) -> Iterator[Seen]:
    for name, info in _snooping(facts):
        igmp, mld = info.get("mcast_igmp_version", 3), info.get("mcast_mld_version", 2)
        if info.get("mcast_querier") and (igmp < 3 or mld < 2):
            yield seen(f"{name} asks by IGMPv{igmp} and MLDv{mld}", bridge=name)


@check(
    "bridge-wireless", WARNING, looks_at="Wi-Fi ports of bridges: multicast to unicast",
    consequence="stations behind {port} get multicast at the slowest rate, and what is lost stays lost",
    mend="bridge link set dev {port} mcast_to_unicast on",
)
def bridge_wireless(facts: Facts) -> Iterator[Seen]:
    for name in facts.bridges():
        for port in facts.ports_of(name):
            if port in facts.wireless and facts.link_info(port, "info_slave_data").get("mcast_to_unicast") is False:
                yield seen(f"{port}, a port of {name}, is a Wi-Fi interface, and mcast_to_unicast is off", port=port)
