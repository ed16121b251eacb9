"""Checks of the kernel's limits and of how it takes part in multicast."""

from typing import Iterator

from .facts import Facts
from .finding import FAULT, WARNING, Seen, check, seen


def _least(name: str, key: str, least: int, consequence: str) -> None:
    """Registers a check that a value of the kernel is not below `least`; a value that a namespace does not have says nothing."""

    @check(name, WARNING, looks_at=f"`{key}`, at least {least}", consequence=consequence, mend=f"sysctl -w {key}={least}")
    def run(facts: Facts) -> Iterator[Seen]:
        if facts.sysctl(key, least) < least:
            yield seen(f"{key} is {facts.sysctl(key)}")


_ONCE = "this host says only once that it joins: a lost report is a join that nobody sees"
_NOT_FAR = "RTSP, RTCP and HTTP do not get far (multicast has a limit of its own, the directory's `hop_limit`)"
_least(
    "limit-igmp-memberships", "net.ipv4.igmp_max_memberships", 100,
    "a program on this host joins no more IPv4 groups than that on a socket (ENOBUFS)",
)
_least("limit-igmp-sources", "net.ipv4.igmp_max_msf", 32, "an IPv4 membership of this host has no more sources than that")
_least("limit-mld-sources", "net.ipv6.mld_max_msf", 64, "an IPv6 membership of this host has no more sources than that")
_least(
    "limit-receive-buffer", "net.core.rmem_max", 1 << 20,
    "bursts of reports and feeds are lost where a service may not go beyond it (CAP_NET_ADMIN)",
)
_least("limit-send-buffer", "net.core.wmem_max", 1 << 20, "bursts of media are refused")
_least("report-robustness-igmp", "net.ipv4.igmp_qrv", 2, _ONCE)
_least("report-robustness-mld", "net.ipv6.mld_qrv", 2, _ONCE)
_least("hop-limit-ipv4", "net.ipv4.ip_default_ttl", 32, _NOT_FAR)


@check(
    "hop-limit-ipv6", WARNING, looks_at="`net.ipv6.conf.<leg>.hop_limit`, at least 32",
    consequence=_NOT_FAR,
    mend="sysctl -w net.ipv6.conf.{interface}.hop_limit=64",
)
def hop_limit(facts: Facts) -> Iterator[Seen]:
    for leg in facts.there():
        key = f"net.ipv6.conf.{leg.interface}.hop_limit"
        if facts.sysctl(key, 64) < 32:
            yield seen(f"{key} is {facts.sysctl(key)}", interface=leg.interface)


@check(
    "hop-limit-group", WARNING, looks_at="`hop_limit` of `[directory-resolver]` and its directories",
    consequence="streams do not pass a router",
    mend="# raise hop_limit in the configuration, or leave it out: then it follows the group's scope",
)
def group_hop_limit(facts: Facts) -> Iterator[Seen]:
    table = facts.config.get("directory-resolver", {})
    for name, one in [("[directory-resolver]", table), *((d.get("name", "?"), d) for d in table.get("directory", []))]:
        if one.get("hop_limit") == 1:
            yield seen(f"hop_limit of {name} is 1")


def _forced(name: str, family: str, key: str, title: str) -> None:
    @check(
        name, WARNING, looks_at=f"`{key}` of all and of each leg",
        consequence=f"this host's players report in {title} of that number, whatever is asked: no joins by source",
        mend=f"sysctl -w net.{family}.conf.{{name}}.{key}=0",
    )
    def run(facts: Facts) -> Iterator[Seen]:
        for where in ["all", *(leg.interface for leg in facts.there())]:
            if value := facts.sysctl(f"net.{family}.conf.{where}.{key}"):
                yield seen(f"net.{family}.conf.{where}.{key} is {value}", name=where)


_forced("forced-igmp", "ipv4", "force_igmp_version", "IGMP")
_forced("forced-mld", "ipv6", "force_mld_version", "MLD")


@check(
    "reverse-path", WARNING, looks_at="`rp_filter` of all and of each leg, of which the larger counts",
    consequence="IPv4 packets on {interface} whose sender is routed by another interface are dropped: feeds, traps and logs by multicast, and answers",
    mend="sysctl -w net.ipv4.conf.{interface}.rp_filter=2",
)
def reverse_path(facts: Facts) -> Iterator[Seen]:
    for leg in facts.there():
        value = max(facts.sysctl(f"net.ipv4.conf.{name}.rp_filter") for name in ("all", leg.interface))
        if value == 1:
            yield seen(f"rp_filter of {leg.interface} is 1 (strict)", interface=leg.interface)


@check(
    "multicast-router", WARNING, looks_at="who has this namespace's multicast routing (`/proc/net/ip_mr_vif`, `ip6_mr_vif`)",
    consequence="a table has one owner: mcast-bridge cannot start, and the other may be a querier too",
    mend="# find the daemon that routes multicast (smcroute, pimd, mrouted, FRR), and stop it",
)
def multicast_router(facts: Facts) -> Iterator[Seen]:
    ours = facts.ports.get("mcast-bridge") == "headwater"
    owned = [f"{family} ({', '.join(names) or 'no interface yet'})" for family, names in facts.mroute.items() if names]
    if ours or not (owned or facts.routing_daemons):
        return
    who = ", ".join(facts.routing_daemons)
    stop = "kill " + " ".join(text.split()[-1] for text in facts.routing_daemons) if who else ""
    yield seen(f"multicast routing of {' and '.join(owned) or 'this host'} belongs to {who or 'a program that cannot be seen'}", mend=stop)


@check(
    "capability-raw", FAULT, looks_at="whether a program started from here may be given CAP_NET_RAW (`CapBnd`)",
    consequence="membership-watcher and rtp-packager cannot open their packet sockets",
    mend="# give the container or unit CAP_NET_RAW (podman run --cap-add=NET_RAW)",
)
def capability_raw(facts: Facts) -> Iterator[Seen]:
    if not facts.capabilities >> 13 & 1:
        yield seen(f"CapBnd is {facts.capabilities:016x}, without bit 13")


@check(
    "limit-files", WARNING, looks_at="how many files a process started from here may open, at least 1024",
    consequence="sessions and readers are refused",
    mend="# LimitNOFILE=4096 in the unit, --ulimit nofile=4096 for a container, or ulimit -n 4096",
)
def open_files(facts: Facts) -> Iterator[Seen]:
    if facts.open_files < 1024:
        yield seen(f"{facts.open_files} open files for a process")
