"""Checks of interfaces: are they there, can they multicast, with which addresses and routes."""

import ipaddress
from typing import Iterator

from .facts import Facts, Leg
from .finding import FAULT, NOTE, WARNING, Seen, check, seen

# Seven packets of a transport stream in RTP over IPv6: 7 * 188 + 12 + 8 + 40.
MTU_MIN = 1376
_ANY_LINK_LOCAL = "sysctl -w net.ipv6.conf.{0}.addr_gen_mode=1 net.ipv6.conf.{0}.addr_gen_mode=0"


def _up(facts: Facts) -> list[Leg]:
    return [leg for leg in facts.there() if "UP" in facts.flags(leg.interface)]


def _with_ipv6(facts: Facts) -> list[Leg]:
    return [leg for leg in _up(facts) if not facts.sysctl(f"net.ipv6.conf.{leg.interface}.disable_ipv6")]


@check(
    "container", NOTE, looks_at="whether this is a container",
    consequence="bridges, firewall and limits of the host are seen from the host only: run the doctor there too",
    mend="",
)
def in_container(facts: Facts) -> Iterator[Seen]:
    if facts.container:
        yield seen(f"inside a container ({facts.container}), which has interfaces {', '.join(sorted(facts.interfaces))}")


@check(
    "link-none", FAULT, looks_at="the legs that are configured, or else the interfaces that are up",
    consequence="there is nothing to serve",
    mend="# name them: [legs] in the file of --config, or --interface",
)
def no_legs(facts: Facts) -> Iterator[Seen]:
    if not facts.legs:
        yield seen("no interface to look at")


@check(
    "link-missing", FAULT, looks_at="the interface of each leg", consequence="link {link} is not served",
    mend="# correct [legs], or make the interface: ip -br link lists what is there",
)
def missing(facts: Facts) -> Iterator[Seen]:
    for leg in facts.legs:
        if leg.interface not in facts.interfaces:
            yield seen(f"{leg.interface} does not exist in this network namespace", link=leg.link)


@check(
    "link-down", FAULT, looks_at="IFF_UP of each leg", consequence="link {link} is not served", mend="ip link set {interface} up"
)
def down(facts: Facts) -> Iterator[Seen]:
    for leg in facts.there():
        if "UP" not in facts.flags(leg.interface):
            yield seen(f"{leg.interface} is down", link=leg.link, interface=leg.interface)


@check(
    "link-carrier", FAULT, looks_at="the carrier of each leg", consequence="nothing is sent to link {link} or heard from it",
    mend="# the cable, the switch port, or the other end of {interface} is down",
)
def carrier(facts: Facts) -> Iterator[Seen]:
    for leg in _up(facts):
        if "NO-CARRIER" in facts.flags(leg.interface):
            yield seen(f"{leg.interface} is up and has no carrier", link=leg.link, interface=leg.interface)


@check(
    "link-multicast", FAULT, looks_at="IFF_MULTICAST of each leg",
    consequence="nobody can join on {interface}, and no query or report is sent",
    mend="ip link set {interface} multicast on",
)
def multicast(facts: Facts) -> Iterator[Seen]:
    for leg in facts.there():
        if "MULTICAST" not in facts.flags(leg.interface):
            yield seen(f"{leg.interface} has no MULTICAST flag", interface=leg.interface)


@check(
    "link-mtu", FAULT, looks_at=f"the MTU of each leg against {MTU_MIN} bytes (seven TS packets in RTP over IPv6)",
    consequence="transport streams are fragmented or lost on {interface}", mend="ip link set {interface} mtu 1500",
)
def mtu(facts: Facts) -> Iterator[Seen]:
    for leg in facts.there():
        value = facts.interfaces[leg.interface].get("mtu", MTU_MIN)
        if value < MTU_MIN:
            yield seen(f"the MTU of {leg.interface} is {value}", interface=leg.interface)


@check(
    "link-ipvlan", FAULT, looks_at="the mode of ipvlan interfaces",
    consequence="layer 3 modes carry no multicast and no broadcast: nothing is heard",
    mend="ip link set {interface} type ipvlan mode l2",
)
def ipvlan(facts: Facts) -> Iterator[Seen]:
    for leg in facts.there():
        mode = facts.link_info(leg.interface).get("mode", "")
        if facts.kind(leg.interface) == "ipvlan" and mode.startswith("l3"):
            yield seen(f"{leg.interface} is ipvlan in mode {mode}", interface=leg.interface)


@check(
    "link-macvlan", WARNING, looks_at="the mode of macvlan interfaces",
    consequence="players in other containers of this host do not hear {interface}, nor it them",
    mend="ip link set {interface} type macvlan mode bridge",
)
def macvlan(facts: Facts) -> Iterator[Seen]:
    for leg in facts.there():
        mode = facts.link_info(leg.interface).get("mode", "")
        if facts.kind(leg.interface) == "macvlan" and mode in ("private", "vepa"):
            yield seen(f"{leg.interface} is macvlan in mode {mode}", interface=leg.interface)


@check(
    "link-wireless", WARNING, looks_at="whether a leg is a Wi-Fi interface",
    consequence="Wi-Fi sends multicast at its slowest rate, to all, and without repeating what is lost",
    mend="# serve by a cable; on the access point turn on multicast-to-unicast (hostapd: multicast_to_unicast=1) and IGMP/MLD snooping",
)
def wireless(facts: Facts) -> Iterator[Seen]:
    for leg in facts.there():
        if leg.interface in facts.wireless:
            yield seen(f"{leg.interface} is a Wi-Fi interface")


@check(
    "ipv6-disabled", FAULT, looks_at="`disable_ipv6` of each leg",
    consequence="no IPv6 listener of link {link} is served, and MLD is not spoken",
    mend="sysctl -w net.ipv6.conf.{interface}.disable_ipv6=0",
)
def ipv6_disabled(facts: Facts) -> Iterator[Seen]:
    for leg in facts.there():
        if facts.sysctl(f"net.ipv6.conf.{leg.interface}.disable_ipv6"):
            yield seen(f"net.ipv6.conf.{leg.interface}.disable_ipv6 is 1", link=leg.link, interface=leg.interface)


@check(
    "address-link-local", FAULT, looks_at="an IPv6 link-local address on each leg",
    consequence="MLD queries must come from one (RFC 9777 section 5.1.14): hosts on {interface} are not asked",
    mend=_ANY_LINK_LOCAL.format("{interface}"),
)
def link_local(facts: Facts) -> Iterator[Seen]:
    for leg in _with_ipv6(facts):
        if not facts.addresses(leg.interface, "inet6", "link"):
            yield seen(f"{leg.interface} has no link-local address", interface=leg.interface)


@check(
    "address-none", WARNING, looks_at="a global or private address of each family on each leg",
    consequence="{family} listeners of {interface} are not served: there is no address to send from",
    mend="# give {interface} an {family} address of its link",
)
def no_address(facts: Facts) -> Iterator[Seen]:
    for leg in _up(facts):
        for family, title, service in (("inet", "IPv4", leg.service_ipv4), ("inet6", "IPv6", leg.service_ipv6)):
            if family == "inet6" and leg not in _with_ipv6(facts):
                continue
            if not service and not facts.addresses(leg.interface, family, "global"):
                yield seen(f"{leg.interface} has no {title} address", family=title, interface=leg.interface)


@check(
    "address-duplicate", FAULT, looks_at="addresses whose duplicate address detection failed",
    consequence="the address cannot be sent from, and another host has it", mend="ip address del {address} dev {interface}",
)
def dad_failed(facts: Facts) -> Iterator[Seen]:
    for name in facts.interfaces:
        for one in facts.addresses(name, "inet6"):
            if one.get("dadfailed"):
                address = f"{one['local']}/{one['prefixlen']}"
                yield seen(f"{address} on {name}: duplicate address detection failed", address=address, interface=name)


@check(
    "address-tentative", WARNING, looks_at="addresses that are still being checked",
    consequence="the address cannot be sent from yet", mend="# wait a second; if it stays, {interface} has no carrier",
)
def tentative(facts: Facts) -> Iterator[Seen]:
    for leg in _with_ipv6(facts):
        for one in facts.addresses(leg.interface, "inet6"):
            if one.get("tentative") and not one.get("dadfailed"):
                yield seen(f"{one['local']} on {leg.interface} is tentative", interface=leg.interface)


def _route(facts: Facts, group: str, prefix: str, program: str, extra: tuple[str, str]) -> Iterator[Seen]:
    leads = facts.routes.get(group)
    names = [leg.interface for leg in _up(facts)]
    if leads is None or not names:
        return
    if leads not in names:
        where = f"prefers {leads}" if leads else "leads nowhere"
        yield seen(f"{prefix} {where}", mend=f"{program} route add {extra[0]}{prefix} dev {names[0]}{extra[1]}")


@check(
    "route-ipv6", WARNING, looks_at="the interface that `ff00::/8` prefers (`table local`)",
    consequence="players on this host join there, and other programs send there (Headwater names its interface itself)",
    mend="ip -6 route add multicast ff00::/8 dev {interface} table local metric 1",
)
def route_ipv6(facts: Facts) -> Iterator[Seen]:
    yield from _route(facts, "ff3e::1", "ff00::/8", "ip -6", ("multicast ", " table local metric 1"))


@check(
    "route-ipv4", WARNING, looks_at="the interface to which 224.0.0.0/4 leads",
    consequence="players on this host join there, or cannot join at all", mend="ip -4 route add 224.0.0.0/4 dev {interface}",
)
def route_ipv4(facts: Facts) -> Iterator[Seen]:
    yield from _route(facts, "239.192.0.1", "224.0.0.0/4", "ip -4", ("", ""))


@check(
    "service-address-missing", FAULT, looks_at="the service addresses of `[legs]` on this machine's interfaces",
    consequence="nothing can be sent to link {link} from it", mend="ip address add {address}/{length} dev lo",
)
def service_address_missing(facts: Facts) -> Iterator[Seen]:
    for leg in facts.legs:
        for address in leg.service_addresses:
            if not facts.holders(address):
                length = ipaddress.ip_address(address).max_prefixlen
                yield seen(f"no interface has {address}, the service address of {leg.link}", link=leg.link, address=address, length=length)


def _on_loopback(facts: Facts) -> Iterator[tuple[Leg, str, dict]]:
    """Service addresses that stand on a loopback, as with several senders."""
    for leg in facts.there():
        for address in leg.service_addresses:
            for name, one in facts.holders(address):
                if "LOOPBACK" in facts.flags(name) or facts.kind(name) == "dummy":
                    yield leg, name, one


@check(
    "service-address-prefix", FAULT, looks_at="the prefix length of a service address on the loopback",
    consequence="the kernel takes the whole prefix for its own: no host of it is reached any more",
    mend="ip address del {address}/{length} dev {interface} && ip address add {address}/{host} dev {interface}",
)
def service_address_prefix(facts: Facts) -> Iterator[Seen]:
    for _, name, one in _on_loopback(facts):
        host = ipaddress.ip_address(one["local"]).max_prefixlen
        if one["prefixlen"] != host:
            text = f"{one['local']}/{one['prefixlen']} is on {name}"
            yield seen(text, address=one["local"], length=one["prefixlen"], host=host, interface=name)


def _effective(facts: Facts, key: str, interface: str) -> int:
    """Of these the kernel takes the larger of `all` and the interface's own."""
    return max(facts.sysctl(f"net.ipv4.conf.{name}.{key}") for name in ("all", interface))


@check(
    "service-address-arp-ignore", FAULT, looks_at="`arp_ignore` where a service address is on the loopback",
    consequence="every sender answers ARP for {address}, and receiver reports and RTSP reach any of them",
    mend="sysctl -w net.ipv4.conf.{interface}.arp_ignore=1",
)
def arp_ignore(facts: Facts) -> Iterator[Seen]:
    for leg, name, one in _on_loopback(facts):
        if one["family"] == "inet" and not _effective(facts, "arp_ignore", leg.interface):
            text = f"{one['local']} is on {name}, and arp_ignore of {leg.interface} is 0"
            yield seen(text, address=one["local"], interface=leg.interface)


@check(
    "service-address-arp-announce", WARNING, looks_at="`arp_announce` where a service address is on the loopback",
    consequence="ARP requests may say that {address} is at this host, and neighbours believe it",
    mend="sysctl -w net.ipv4.conf.{interface}.arp_announce=2",
)
def arp_announce(facts: Facts) -> Iterator[Seen]:
    for leg, name, one in _on_loopback(facts):
        if one["family"] == "inet" and _effective(facts, "arp_announce", leg.interface) < 2:
            text = f"{one['local']} is on {name}, and arp_announce of {leg.interface} is {_effective(facts, 'arp_announce', leg.interface)}"
            yield seen(text, address=one["local"], interface=leg.interface)


@check(
    "service-address-answers", FAULT, looks_at="who answers ARP and neighbour solicitations for our addresses (`--probe`)",
    consequence="two hosts take {address} for theirs: listeners' reports and connections reach either",
    mend="# find the host by its Ethernet address, or give the link another service address", needs=("listen",),
)
def several_answer(facts: Facts) -> Iterator[Seen]:
    for leg in facts.there():
        ours = {a["local"] for a in facts.addresses(leg.interface) if a["scope"] == "global"}
        for address in sorted(ours | set(leg.service_addresses)):
            macs = sorted({a.mac for a in facts.answers or [] if a.interface == leg.interface and a.address == address})
            # An address of several senders is answered for by its owner, who may be another.
            if len(macs) > (0 if address in ours else 1):
                yield seen(f"{address} is answered for on {leg.interface} by {', '.join(macs)}", address=address)
