"""What an nftables ruleset (`nft -j list ruleset`) does to a packet that is described by its fields. No kernel is asked.

Conditions that the description does not decide (rates, marks, matches of iptables that nft cannot read) are `None`: neither true nor false. A packet
that only such a condition saves or condemns has the verdict "perhaps".
"""

import ipaddress
from dataclasses import dataclass, replace
from typing import Any, Optional

ACCEPT, DROP, PERHAPS = "accept", "drop", "perhaps"
# A chain may jump to others; the kernel allows 16 levels.
_DEPTH_MAX = 16
_PROTOCOLS = {"icmp": 1, "igmp": 2, "tcp": 6, "udp": 17, "ipv6-icmp": 58, "icmpv6": 58}
_MLD_TYPES = {
    "mld-listener-query": 130, "mld-listener-report": 131, "mld-listener-done": 132, "mld-listener-reduction": 132, "nd-router-solicit": 133,
    "nd-router-advert": 134, "nd-neighbor-solicit": 135, "nd-neighbor-advert": 136, "mld2-listener-report": 143,
}
_SERVICES = {"ntp": 123, "snmp": 161, "snmp-trap": 162, "snmptrap": 162, "syslog": 514, "rtsp": 554, "ssdp": 1900, "mdns": 5353}
_NAMES = {**_PROTOCOLS, **_MLD_TYPES, **_SERVICES}


@dataclass(frozen=True)
class Packet:
    """A packet and where it is looked at; "" or 0 is a field that it does not have."""

    title: str
    hook: str
    interface: str
    family: str
    protocol: int
    source: str
    group: str
    port: int = 0
    icmp_type: int = 0
    hops: int = 1

    def field(self, left: dict) -> Any:
        """The value of the left side of a match; None if the description does not tell, "" if the packet has no such field."""
        if meta := left.get("meta"):
            return self._meta(meta["key"])
        if payload := left.get("payload"):
            return self._payload(payload.get("protocol", ""), payload.get("field", ""))
        if ct := left.get("ct"):
            # The kernel does not track MLD and neighbour discovery.
            return ("untracked" if self.protocol == 58 else "new") if ct.get("key") == "state" else None
        if fib := left.get("fib"):
            return "multicast" if fib.get("result") == "type" and fib.get("flags") == ["daddr"] else None
        if exthdr := left.get("exthdr"):
            # MLD has a hop-by-hop header, with the router alert.
            return None if exthdr.get("name") == "hbh" else ""
        return None

    def _meta(self, key: str) -> Any:
        incoming = self.hook in ("input", "prerouting", "ingress")
        if key in ("iifname", "iif"):
            return self.interface if incoming else ""
        if key in ("oifname", "oif"):
            return "" if incoming else self.interface
        return {
            "l4proto": self.protocol, "nfproto": self.family.lower(), "pkttype": "multicast" if incoming else None,
            "protocol": "ip" if self.family == "IPv4" else "ip6",
        }.get(key)

    def _payload(self, protocol: str, name: str) -> Any:
        own = "ip" if self.family == "IPv4" else "ip6"
        if protocol in ("ip", "ip6"):
            if protocol != own:
                return ""
            # Behind MLD's hop-by-hop header its own number is not the next header.
            following = 0 if self.icmp_type in (130, 131, 132, 143) else self.protocol
            hops = {"ttl": self.hops, "hoplimit": self.hops}
            return {"saddr": self.source or None, "daddr": self.group, "protocol": self.protocol, "nexthdr": following, **hops}.get(name)
        if protocol in ("udp", "th") and self.protocol == 17:
            return {"dport": self.port}.get(name)
        if protocol == "icmpv6" and self.protocol == 58:
            return {"type": self.icmp_type, "code": 0}.get(name)
        if protocol == "igmp" and self.protocol == 2:
            return None
        if protocol == "ether":
            return {"type": "ip" if self.family == "IPv4" else "ip6"}.get(name)
        return ""


@dataclass
class Verdict:
    """What becomes of a packet, and the rule (its JSON) or chain (a policy) that says so; the hops that it leaves with."""

    kind: str
    chain: Optional[dict] = None
    rule: Optional[dict] = None
    hops: int = 0
    # The chain and rule that change the hop limit.
    changed_by: Optional[dict] = None


def _number(value: Any) -> Any:
    return _NAMES.get(value, value) if isinstance(value, str) else value


def _address(value: Any) -> Optional[Any]:
    try:
        return ipaddress.ip_address(value)
    except ValueError:
        return None


def _equal(have: Any, right: Any, sets: dict[str, list]) -> Optional[bool]:
    """Whether a value is equal to the right side of a match, or in it."""
    if isinstance(right, str) and right.startswith("@"):
        return _any(have, sets.get(right[1:], []), sets)
    if isinstance(right, list):
        return _any(have, right, sets)
    if isinstance(right, dict):
        if "set" in right:
            return _any(have, right["set"], sets)
        if "elem" in right:
            return _equal(have, right["elem"].get("val"), sets)
        if "prefix" in right:
            network = ipaddress.ip_network(f"{right['prefix']['addr']}/{right['prefix']['len']}", strict=False)
            address = _address(have)
            return address is not None and address.version == network.version and address in network
        if "range" in right:
            low, high = (_address(v) or _number(v) for v in right["range"])
            value = _address(have) if _address(low) else _number(have)
            return low <= value <= high if type(value) is type(low) else None
        return None
    if isinstance(right, str) and right.endswith("*"):
        return isinstance(have, str) and have.startswith(right[:-1])
    left_address, right_address = (_address(v) if isinstance(v, str) else None for v in (have, right))
    if left_address and right_address:
        return left_address == right_address
    return _number(have) == _number(right)


def _any(have: Any, candidates: Any, sets: dict[str, list]) -> Optional[bool]:
    results = [_equal(have, c, sets) for c in (candidates if isinstance(candidates, list) else [candidates])]
    return True if True in results else None if None in results else False


class Ruleset:
    """A ruleset, read once and asked about many packets."""

    def __init__(self, items: list[dict]):
        self.chains: dict[tuple, dict] = {}
        self.rules: dict[tuple, list[dict]] = {}
        self.sets: dict[tuple, dict[str, list]] = {}
        for item in items:
            if chain := item.get("chain"):
                self.chains[chain["family"], chain["table"], chain["name"]] = chain
            elif rule := item.get("rule"):
                self.rules.setdefault((rule["family"], rule["table"], rule["chain"]), []).append(rule)
            elif named := item.get("set") or item.get("map"):
                self.sets.setdefault((named["family"], named["table"]), {})[named["name"]] = named.get("elem", [])

    def base_chains(self, packet: Packet, families: tuple[str, ...]) -> list[dict]:
        hook = [c for c in self.chains.values() if c.get("hook") == packet.hook and c["family"] in families]
        return sorted((c for c in hook if c.get("dev", packet.interface) == packet.interface), key=lambda c: c.get("prio", 0))

    def judge(self, packet: Packet, families: tuple[str, ...]) -> Verdict:
        """All chains of the hook, in their order: each may drop, none can save what another drops."""
        outcome = Verdict(ACCEPT, hops=packet.hops)
        for chain in self.base_chains(packet, families):
            state = _Walk(self, replace(packet, hops=outcome.hops))
            found = state.chain((chain["family"], chain["table"], chain["name"]), 0)
            if found is None:
                dropped = chain.get("policy") == "drop"
                found = Verdict(DROP if dropped else ACCEPT, chain)
            if state.perhaps and (found.kind != state.perhaps.kind):
                found = Verdict(PERHAPS, state.perhaps.chain, state.perhaps.rule)
            outcome.hops, outcome.changed_by = state.packet.hops, state.changed_by or outcome.changed_by
            if found.kind == DROP:
                return replace(found, hops=outcome.hops, changed_by=outcome.changed_by)
            if found.kind == PERHAPS:
                outcome = replace(found, hops=outcome.hops, changed_by=outcome.changed_by)
        return outcome


class _Walk:
    """One packet's way through one base chain."""

    def __init__(self, rules: Ruleset, packet: Packet):
        self.rules, self.packet = rules, packet
        # The first verdict that hung on a condition which the description does not decide.
        self.perhaps: Optional[Verdict] = None
        self.changed_by: Optional[dict] = None

    def chain(self, key: tuple, depth: int) -> Optional[Verdict]:
        """The verdict of a chain; None when it returns."""
        for rule in self.rules.rules.get(key, []) if depth < _DEPTH_MAX else []:
            found, sure, ended = self._rule(rule, key, depth)
            if found and sure:
                return found
            if found and not self.perhaps:
                self.perhaps = found
            if ended and sure:
                return None
        return None

    def _rule(self, rule: dict, key: tuple, depth: int) -> tuple[Optional[Verdict], bool, bool]:
        """Verdict, whether it is sure, and whether the chain is left by `return`."""
        sets, sure = self.rules.sets.get(key[:2], {}), True
        for one in rule.get("expr", []):
            if not isinstance(one, dict):
                continue
            (name, body), *_ = one.items()
            if name == "match":
                matches = self._matches(body, sets)
                if matches is False:
                    return None, True, False
                sure = sure and matches is True
            elif name == "limit" or (name == "xt" and body.get("type") == "match"):
                sure = False
            elif name == "mangle":
                self._mangle(body, rule, sure)
            elif name == "vmap":
                one = self._from_map(body, sets)
                if one is None:
                    continue
                (name, body), *_ = one.items()
            if name == "accept":
                return Verdict(ACCEPT, self.rules.chains.get(key), rule), sure, False
            if name in ("drop", "reject") or (name == "xt" and body.get("type") == "target" and body.get("name") in ("DROP", "REJECT")):
                return Verdict(DROP, self.rules.chains.get(key), rule), sure, False
            if name == "return":
                return None, sure, True
            if name in ("jump", "goto"):
                found = self.chain((*key[:2], body["target"]), depth + 1)
                if found or name == "goto":
                    return found, sure, name == "goto"
        return None, True, False

    def _matches(self, body: dict, sets: dict[str, list]) -> Optional[bool]:
        have = self.packet.field(body.get("left", {}))
        if have is None:
            return None
        if have == "":
            # A field that the packet does not have: the match fails whatever its operator; but an interface's name may be unequal.
            return body.get("op") == "!=" and "meta" in body["left"]
        equal = _equal(have, body.get("right"), sets)
        if equal is None or body.get("op") in ("==", "in", None):
            return equal
        if body["op"] == "!=":
            return not equal
        low, high = _number(have), _number(body["right"])
        if not (isinstance(low, int) and isinstance(high, int)):
            return None
        return {"<": low < high, ">": low > high, "<=": low <= high, ">=": low >= high}.get(body["op"])

    def _from_map(self, body: dict, sets: dict[str, list]) -> Optional[dict]:
        have, data = self.packet.field(body.get("key", {})), body.get("data")
        pairs = data.get("set", []) if isinstance(data, dict) else sets.get(str(data).lstrip("@"), [])
        if have in (None, ""):
            return None
        return next((verdict for value, verdict in pairs if _equal(have, value, sets)), None)

    def _mangle(self, body: dict, rule: dict, sure: bool) -> None:
        field = body.get("key", {}).get("payload", {})
        if sure and field.get("field") in ("ttl", "hoplimit") and isinstance(body.get("value"), int):
            if self.packet.field({"payload": field}) not in (None, ""):
                self.packet = replace(self.packet, hops=body["value"])
                self.changed_by = rule
