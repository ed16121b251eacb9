"""What every capture of a link must satisfy, whatever was tested in it: tshark's opinion and ours.

    assert judge(capture, headend.host.legs["lan"]) == []
"""

from collections import defaultdict
from typing import Iterable

from .capture import Capture
from .network import Leg
from .packets import Packet, Rtcp, Sap

# Kinds of severity of tshark's that are faults of the sender: 0x800000 is "error".
_ERRORS = '_ws.malformed or _ws.short or (_ws.expert.severity == "Error" and (rtp or rtcp or sap or sdp))'
# RFC 8866 section 5: the order of the session's lines.
_ORDER = "vosiuepcbtrzka"
_SENDER_PORTS = {"rtp": 5004, "rtcp": 5005, "sap": 9875}


def judge(capture: Capture, leg: Leg) -> list[str]:
    """All faults found in what is on the link and in what the leg's host sent there; [] is what every test wants."""
    faults = [f"tshark: {' '.join(row)}" for row in capture.tshark(_ERRORS)]
    return faults + judge_sent(own_media(capture.packets(), leg.mac), leg.ipv6, leg.ipv4)


def own_media(packets: Iterable[Packet], mac: str) -> list[Packet]:
    """RTP, RTCP and SAP that left from one interface, in order."""
    return [p for p in packets if p.source_mac == mac and p.kind in ("rtp", "rtcp", "sap")]


def judge_sent(packets: list[Packet], service6: str, service4: str) -> list[str]:
    """Faults in a headend's own media packets on one link, where it has these service addresses."""
    faults: list[str] = []
    groups: dict[str, list[Packet]] = defaultdict(list)
    for packet in packets:
        groups[packet.destination].append(packet)
        service = service6 if ":" in packet.destination else service4
        where = f"{packet.kind} to {packet.destination}"
        if packet.source != service:
            faults.append(f"{where}: from {packet.source}, not from the service address {service}")
        if packet.source_port != _SENDER_PORTS[packet.kind]:
            faults.append(f"{where}: from port {packet.source_port}")
    for group, sent in groups.items():
        faults += judge_group(group, sent)
    return faults


def judge_group(group: str, packets: list[Packet]) -> list[str]:
    """One group's packets: the hop limit, the announcement before the sound, and that they agree."""
    faults = []
    hops = {p.hops for p in packets}
    if len(hops) != 1 or hops & {0, 1, 255}:
        faults.append(f"{group}: hop limits {sorted(hops)}")
    first = {p.kind: p for p in reversed(packets)}
    if "rtp" in first and ("sap" not in first or first["rtp"].time < first["sap"].time):
        faults.append(f"{group}: RTP before the first announcement")
    saps = [(p, p.sap()) for p in packets if p.kind == "sap"]
    for packet, sap in saps:
        if sap.origin != packet.source:
            faults.append(f"{group}: SAP's originating source is {sap.origin}, its sender {packet.source}")
        faults += [f"{group}: {fault}" for fault in (_judge_deletion(sap) if sap.deletion else _judge_sdp(sap, packet))]
    faults += [f"{group}: {fault}" for fault in _judge_versions([s for _, s in saps if s.line("o")])]
    announced = {int(s.line("m").split()[3]) for _, s in saps if s.line("m")}
    sent = {p.rtp().payload_type for p in packets if p.kind == "rtp"}
    if announced and not sent <= announced:
        faults.append(f"{group}: RTP of types {sorted(sent)}, announced {sorted(announced)}")
    faults += [f"{group}: {fault}" for packet in packets if packet.kind == "rtcp" for fault in _judge_rtcp(packet)]
    return faults


def _judge_rtcp(packet: Packet) -> list[str]:
    parts = packet.rtcp()
    kinds = [part.type for part in parts]
    # RFC 3550 section 6.1: a report first, and SDES in each compound.
    faults = [] if kinds and kinds[0] in (Rtcp.SR, Rtcp.RR) else [f"RTCP begins with {kinds[:1]}"]
    return faults if Rtcp.SDES in kinds else faults + ["RTCP without SDES"]


def _judge_deletion(sap: Sap) -> list[str]:
    faults = [] if sap.hash else ["hash 0"]
    whole = sap.body.startswith("o=- ") and sap.body.endswith("\r\n") and sap.body.count("\n") == 1
    return faults if whole else faults + [f"a deletion is one o= line, not {sap.body!r}"]


def _judge_sdp(sap: Sap, packet: Packet) -> list[str]:
    faults = [] if sap.hash else ["hash 0"]
    if sap.payload_type != "application/sdp":
        faults.append(f"payload type {sap.payload_type!r}")
    lines = sap.body.split("\r\n")
    if lines[-1] or any("\n" in line or "\r" in line or line[1:2] != "=" for line in lines[:-1]):
        return faults + [f"lines that are not x=... and CRLF: {sap.body!r}"]
    session = [line[0] for line in lines[: [line[:2] for line in lines].index("m=")]]
    if session != sorted(session, key=_ORDER.index):
        faults.append(f"session lines in the order {''.join(session)}")
    if len(sap.lines("m")) != 1:
        faults.append(f"{len(sap.lines('m'))} media")
    family = "IP6" if ":" in packet.destination else "IP4"
    group = packet.destination
    connection = f"IN {family} {group}" + (f"/{packet.hops}" if family == "IP4" else "")
    if sap.line("c") != connection:
        faults.append(f"c={sap.line('c')}, not {connection}")
    if sap.line("o").split()[3:] != ["IN", family, packet.source]:
        faults.append(f"o={sap.line('o')} does not name the sender {packet.source}")
    filters = [line for line in sap.lines("a") if line.startswith("source-filter")]
    if filters not in ([f"source-filter: incl IN {family} {to} {packet.source}"] for to in (group, "*")):
        faults.append(f"source-filter: {filters}")
    return faults


def _judge_versions(saps: list[Sap]) -> list[str]:
    """A version has one hash and one text, a later one another hash, and none is announced again once it was deleted."""
    faults, texts, deleted = [], {}, set()
    newest: dict[str, int] = defaultdict(int)
    for sap in saps:
        session, version = sap.line("o").split()[1], sap.version
        key = (session, version)
        if sap.deletion:
            deleted.add(key)
            continue
        if key in deleted:
            faults.append(f"version {version} announced after its deletion")
        if version < newest[session]:
            faults.append(f"version {version} after {newest[session]}")
        newest[session] = max(version, newest[session])
        if texts.setdefault(key, (sap.hash, sap.body)) != (sap.hash, sap.body):
            faults.append(f"version {version} with two texts or hashes")
    hashes = [text[0] for text in list(texts.values())[-8:]]
    if len(set(hashes)) != len(hashes):
        faults.append("two of the last versions share a hash")
    return faults
