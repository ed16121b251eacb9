"""The judge finds each fault, and none where there is none."""

import dataclasses
import struct

import pytest

from lab import Packet
from lab.judge import judge_sent

GROUP, SERVICE = "ff3e:40:2001:db8:d0be:f00d:8000:1", "2001:db8::1"
SDP = (
    "v=0\r\no=- 1 {version} IN IP6 2001:db8::1\r\ns=x\r\ni={title}\r\n"
    f"c=IN IP6 {GROUP}\r\nt=0 0\r\na=recvonly\r\na=source-filter: incl IN IP6 {GROUP} {SERVICE}\r\n"
    "m=audio 5004 RTP/AVP 14\r\na=rtpmap:14 MPA/90000\r\n"
)


def sap(time, body, *, hash_=7, deletion=False):
    address = bytes.fromhex("20010db8000000000000000000000001")
    header = struct.pack("!BBH", 0x34 if deletion else 0x30, 0, hash_) + address
    return packet("sap", 9875, time, header + b"application/sdp\0" + body.encode())


def announcement(time, version=1, title="t", **options):
    return sap(time, SDP.format(version=version, title=title), hash_=7 + version, **options)


def packet(kind, port, time, payload):
    return Packet(time, kind, SERVICE, GROUP, 64, source_port=port, destination_port=port, payload=payload)


def rtp(time, payload_type=14):
    return packet("rtp", 5004, time, struct.pack("!BBHII", 0x80, payload_type, 1, 1, 1) + b"x")


def rtcp(time, *kinds):
    return packet("rtcp", 5005, time, b"".join(struct.pack("!BBHI", 0x80, kind, 1, 1) for kind in kinds))


def deletion(time, version=1):
    return sap(time, f"o=- 1 {version} IN IP6 2001:db8::1\r\n", hash_=7 + version, deletion=True)


def changed(what, **fields):
    return dataclasses.replace(what, **fields)


def test_a_right_session_has_no_faults():
    sent = [announcement(1), rtp(2), rtcp(3, 200, 202), announcement(4, 2, "u"), rtp(5), deletion(6, 2), deletion(6, 1)]
    assert judge_sent(sent, SERVICE, "") == []


FAULTS = {
    "not from the service address": [changed(announcement(1), source="2001:db8::2")],
    "from port 40000": [changed(rtp(2), source_port=40000)],
    "hop limits": [changed(rtp(2), hops=1)],
    "RTP before the first announcement": [rtp(0.5)],
    "RTP of types": [rtp(2, 96)],
    "RTCP begins with": [rtcp(2, 202)],
    "RTCP without SDES": [rtcp(2, 200)],
    "a deletion is one o= line": [sap(9, SDP.format(version=1, title="t"), hash_=8, deletion=True)],
    "lines that are not": [sap(2, SDP.format(version=1, title="t").replace("\r\n", "\n"), hash_=8)],
    "session lines in the order": [sap(2, SDP.format(version=2, title="t").replace("t=0 0\r\na=recvonly", "a=recvonly\r\nt=0 0"))],
    "source-filter": [sap(2, SDP.format(version=2, title="t").replace("source-filter", "x-filter"))],
    "does not name the sender": [sap(2, SDP.format(version=2, title="t").replace("o=- 1 2 IN IP6 2001:db8::1", "o=- 1 2 IN IP6 ::1"))],
    "2 media": [sap(2, SDP.format(version=2, title="t") + "m=audio 5006 RTP/AVP 14\r\n")],
    "announced after its deletion": [deletion(2), announcement(3)],
    "version 1 after 2": [announcement(2, 2), announcement(3)],
    "with two texts": [announcement(2, 1, "other")],
    "share a hash": [sap(2, SDP.format(version=2, title="u"), hash_=8)],
    "hash 0": [sap(2, SDP.format(version=2, title="u"), hash_=0)],
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found(fault):
    sent = sorted([announcement(1), *FAULTS[fault]], key=lambda p: p.time)
    assert any(fault in found for found in judge_sent(sent, SERVICE, ""))
