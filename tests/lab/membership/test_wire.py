"""membership-watcher on the wire, judged by scapy: form and times of queries, election, versions, SSM; both families."""

import pytest
from hand_made import ALLOW, BLOCK, IS_EX, TO_EX, TO_IN, Wire, queries
from scapy.all import IP, IPOption_Router_Alert, IPv6, IPv6ExtHdrHopByHop, RouterAlert, raw, rdpcap
from scapy.layers.inet6 import ICMPv6MLQuery2, in6_chksum
from scapy.utils import checksum

from lab import Capture, joins, let_pass, stays, wait_until

GROUP6, GROUP4 = "ff3e:40:2001:db8:d0be:f00d:8000:1", "239.192.0.1"
SSM6, SSM4 = "ff3e::8000:1", "232.1.2.3"
SOURCES6, SOURCES4 = ("2001:db8::1", "2001:db8::2"), ("198.51.100.1", "198.51.100.2")
BOTH = pytest.mark.parametrize("group", [GROUP6, GROUP4])
GENERAL6, GENERAL4 = "::", "0.0.0.0"
# A robustness of 2: the membership interval is 6 s, the other querier's 4.5 s, the startup interval 0.5 s.
SHORT = 'query_interval = "2s"\nquery_response_interval = "1s"\n'
# A scheduler's delay, and that of a build with sanitizers.
SLACK = 0.35


@pytest.fixture
def tester(lab):
    """A machine on the link that speaks as the test wants; it has the lowest IPv4 address, .1. The link floods."""
    return lab.host("tester", lab.link("lan", snooping=False))


@pytest.fixture
def start(lab, tester, make_watcher):
    """start(options): a watcher on the link, synced, and a capture of all that passes the tester from before it began."""

    def started(options: str = "", synced: bool = True):
        headend = lab.host("headend", lab.links["lan"])
        capture = Capture(tester.ns, "lan")
        return make_watcher(headend, options).start(synced=synced), capture, Wire(tester)

    return started


def gaps(found) -> list[float]:
    return [b.time - a.time for a, b in zip(found, found[1:])]


def dropped(watcher, reason: str) -> float:
    return watcher.metric('headwater_membership_watcher_packets_dropped_total{link="lan",reason="%s"}' % reason)


def querier_of(watcher, group: str) -> bool:
    return bool(watcher.link("lan").get("we_are_querier_ipv6" if ":" in group else "we_are_querier_ipv4"))


def assert_form(query) -> None:
    """All that the RFCs say of a query's headers."""
    packet = query.packet
    if query.ipv6:
        assert query.source.startswith("fe80::") and packet[IPv6].hlim == 1
        assert [o.value for o in packet[IPv6ExtHdrHopByHop].options if isinstance(o, RouterAlert)] == [0]
        body = packet[ICMPv6MLQuery2]
        assert body.code == 0 and body.reserved == 0
        message = raw(body)[: query.bytes]
        assert in6_chksum(58, packet[IPv6], message) in (0, 0xFFFF)
    else:
        assert packet[IP].ttl == 1 and packet[IP].tos == 0xC0
        assert any(isinstance(option, IPOption_Router_Alert) for option in packet[IP].options)
        assert checksum(raw(packet[IP].payload)[: query.bytes]) == 0
    assert query.bytes == (28 if query.ipv6 else 12) + (16 if query.ipv6 else 4) * len(query.sources)
    assert query.destination == (("ff02::1" if query.ipv6 else "224.0.0.1") if query.general else query.group)


def test_queries_have_the_form_of_the_rfc(start):
    watcher, capture, wire = start()
    for group, ssm, sources in ((GROUP6, SSM6, SOURCES6), (GROUP4, SSM4, SOURCES4)):
        wire.report(TO_EX, group)
        wire.report(ALLOW, ssm, *sources)
        wait_until(lambda: watcher.group(group) and watcher.group(ssm), 3)
        wire.report(TO_IN, group)
        wire.report(BLOCK, ssm, *sources)
        wait_until(lambda: queries(capture, group) and queries(capture, ssm), 3, "specific queries")
    found = queries(capture)
    for query in found:
        assert_form(query)
        assert query.robustness == 2 and query.interval == 125
        assert query.response == 1
    assert {q.group for q in found} == {GENERAL6, GENERAL4, GROUP6, GROUP4, SSM6, SSM4}
    assert capture.malformed() == []


@pytest.mark.parametrize("options,startup,period,response", [
    (SHORT, [0.5], 2, 1.0),
    ('robustness = 3\nquery_interval = "4s"\nquery_response_interval = "2s"\nstartup_query_interval = "600ms"\n', [0.6, 0.6], 4, 2.0),
])
def test_startup_and_periodic_queries_come_in_time(start, options, startup, period, response):
    _, capture, _ = start(options)
    count = len(startup) + 3
    wait_until(lambda: all(len(queries(capture, g)) >= count for g in (GENERAL6, GENERAL4)), 20)
    for general in (GENERAL6, GENERAL4):
        found = queries(capture, general)[:count]
        assert gaps(found) == pytest.approx([*startup, period, period], abs=SLACK)
        assert found[-1].response == response and found[-1].interval == period


@BOTH
@pytest.mark.parametrize("options,count,interval", [
    ("", 2, 1.0), ('last_member_query_interval = "400ms"\nlast_member_query_count = 4\n', 4, 0.4), ("robustness = 3", 3, 1.0),
])
def test_a_leave_is_asked_about_in_time(start, group, options, count, interval):
    watcher, capture, wire = start(options + "\nimmediate_leave = false\n")
    wire.report(TO_EX, group)
    wait_until(lambda: watcher.group(group), 3)
    wire.report(TO_IN, group)
    assert stays(lambda: watcher.group(group), count * interval - 0.3), "it stands while others are asked"
    wait_until(lambda: not watcher.group(group), 2 * SLACK + 0.3)
    found = queries(capture, group)
    assert gaps(found) == pytest.approx([interval] * (count - 1), abs=SLACK)
    assert all(q.response == interval and not q.suppress for q in found)


@BOTH
def test_an_answer_sets_the_s_flag(start, group):
    watcher, capture, wire = start("immediate_leave = false")
    wire.report(TO_EX, group)
    wait_until(lambda: watcher.group(group), 3)
    wire.report(TO_IN, group)
    wait_until(lambda: queries(capture, group), 3)
    wire.report(IS_EX, group, source="fe80::77" if ":" in group else "192.168.10.77")
    wait_until(lambda: len(queries(capture, group)) == 2, 3)
    assert [q.suppress for q in queries(capture, group)] == [False, True]
    assert stays(lambda: watcher.group(group), 3)


@pytest.mark.parametrize("group,sources", [(SSM6, SOURCES6), (SSM4, SOURCES4)])
def test_a_blocked_source_is_asked_about(start, group, sources):
    watcher, capture, wire = start()
    other = "fe80::77" if ":" in group else "192.168.10.77"
    wire.report(ALLOW, group, *sources)
    wire.report(ALLOW, group, *sources, source=other)
    wait_until(lambda: len(watcher.members(group)) == 2, 3)
    wire.report(BLOCK, group, *sources)
    wait_until(lambda: queries(capture, group), 3)
    # One of the two is still wanted: the repetition is split at the last listener query time.
    wire.report(1, group, sources[1], source=other)
    wait_until(lambda: len(queries(capture, group)) == 3, 3)
    assert [(q.sources, q.suppress) for q in queries(capture, group)] == [
        (list(sources), False), ([sources[1]], True), ([sources[0]], False),
    ]
    wait_until(lambda: watcher.group(group).get("sources") == [sources[1]], 3)


@pytest.mark.parametrize("group,lower", [(GROUP6, "fe80::1"), (GROUP4, "192.168.10.1")])
def test_the_lower_address_asks(start, group, lower):
    watcher, capture, wire = start(SHORT)
    general = GENERAL6 if ":" in group else GENERAL4
    wire.query(lower)
    wait_until(lambda: not querier_of(watcher, group), 2, "the lower address wins")
    wait_until(lambda: querier_of(watcher, group), 8, "nobody else asks any more")
    theirs = [q for q in queries(capture, general) if q.source == lower][-1]
    after = next(q for q in queries(capture, general) if q.time > theirs.time + 0.1 and q.source != lower)
    # Robustness 2 times 2 s, and half a second.
    assert after.time - theirs.time == pytest.approx(4.5, abs=SLACK)
    wire.query("fe80::ffff:ffff:ffff:ffff" if ":" in group else "192.168.10.250")
    assert stays(lambda: querier_of(watcher, group), 1), "a higher one loses"


@pytest.mark.parametrize("group,lower", [(GROUP6, "fe80::1"), (GROUP4, "192.168.10.1")])
def test_only_a_query_of_this_link_elects(start, group, lower):
    watcher, _, wire = start()
    wire.query(lower, hops=2)
    wire.query(lower, alert=False)
    wire.query(lower, checksum=False)
    wire.query("2001:db8::1" if ":" in group else "127.0.0.1")
    for reason in ("hop_limit", "router_alert", "checksum", "query_source"):
        wait_until(lambda: dropped(watcher, reason) == 1, 5, reason)
    assert querier_of(watcher, group)


@pytest.mark.parametrize("group,sources", [(SSM6, SOURCES6), (SSM4, SOURCES4)])
def test_the_ssm_range_wants_sources(start, group, sources):
    watcher, _, wire = start()
    wire.report(TO_EX, group)
    wire.report(IS_EX, group, sources[0])
    wire.older(group)
    wire.older(group, leave=True)
    ignored = 'headwater_membership_watcher_records_ignored_total{link="lan",reason="ssm_range"}'
    wait_until(lambda: watcher.metric(ignored) == 4, 5)
    assert not watcher.group(group)
    wire.report(ALLOW, group, sources[0])
    wait_until(lambda: watcher.group(group).get("sources") == [sources[0]], 3)


@pytest.mark.parametrize("version", [1, 2])
def test_queries_in_older_versions(start, version):
    options = SHORT + f"ipv4 = {{igmp_version = {version}}}\nipv6 = {{mld_version = 1}}\n"
    _, capture, wire = start(options, synced=False)
    wait_until(lambda: all(len(queries(capture, g)) >= 3 for g in (GENERAL6, GENERAL4)), 10)
    for query in queries(capture):
        assert query.bytes == (24 if query.ipv6 else 8)
        assert query.response == (1 if query.ipv6 or version == 2 else 0)
    wire.older(GROUP6)
    wire.older(GROUP4)
    let_pass(0.5)
    wire.older(GROUP6, leave=True)
    wire.older(GROUP4, leave=True)
    wait_until(lambda: queries(capture, GROUP6), 3)
    assert queries(capture, GROUP6)[0].bytes == 24
    assert [q.bytes for q in queries(capture, GROUP4)][:1] == ([8] if version == 2 else [])


def test_an_older_igmp_querier_is_followed(start):
    watcher, capture, wire = start(SHORT)
    wire.query("192.168.10.250", version=2)
    before = len(queries(capture, GENERAL4))
    wait_until(lambda: len(queries(capture, GENERAL4)) > before + 1, 5)
    assert querier_of(watcher, GROUP4), "a higher address"
    assert queries(capture, GENERAL4)[-1].bytes == 8
    assert queries(capture, GENERAL6)[-1].bytes == 28
    # Older version host present interval: 2 * 2 s + 1 s.
    wait_until(lambda: queries(capture, GENERAL4)[-1].bytes == 12, 9, "it has gone")


@pytest.mark.parametrize("source,version", [("fe80::ffff:ffff:ffff:ffff", 1), ("192.168.10.250", 2), ("::", 0)])
def test_unexpected_queries_are_warned_of_once(start, source, version):
    watcher, _, wire = start()
    for _ in range(5):
        wire.query(source, version=version)
    words = "impossible address" if source == "::" else "older version"
    wait_until(lambda: words in watcher.process.log(), 5)
    let_pass(0.5)
    assert watcher.process.log().count(words) == 1


@BOTH
def test_a_silent_listener_is_forgotten_in_time(start, group):
    watcher, capture, wire = start(SHORT)
    wire.report(IS_EX, group)
    wait_until(lambda: watcher.group(group), 2)
    assert stays(lambda: watcher.group(group), 5.5), "2 * 2 s + 2 * 1 s"
    wait_until(lambda: not watcher.group(group), 0.5 + 2 * SLACK)


def test_a_report_from_a_host_without_address_counts(start):
    watcher, _, wire = start()
    wire.report(TO_EX, GROUP4, source="0.0.0.0")
    wait_until(lambda: watcher.group(GROUP4), 3)
    wire.report(TO_IN, GROUP4, source="0.0.0.0")
    assert stays(lambda: watcher.group(GROUP4), 1), "several hosts may share it: others are asked"
    wait_until(lambda: not watcher.group(GROUP4), 3)


def test_a_router_is_a_member_by_its_role(start):
    watcher, capture, _ = start()
    for role in ("ff02::16", "224.0.0.22"):
        assert role in watcher.host.ns.memberships()
        wait_until(lambda: capture.select(lambda p: joins(p, role)), 15, f"the report of {role}")
        assert not watcher.group(role)


def advertisements(capture) -> list:
    """Multicast router advertisements (RFC 4286), whole packets as scapy reads them."""
    return [p for p in rdpcap(str(capture.path)) if kind_of(p) in (0x30, 151)]


def kind_of(packet) -> int:
    """The type of an IGMP or ICMPv6 message behind a hop-by-hop header; 0 of anything else."""
    if IP in packet and packet[IP].proto == 2:
        return raw(packet[IP].payload)[0]
    if IPv6ExtHdrHopByHop in packet and packet[IPv6ExtHdrHopByHop].nh == 58:
        return raw(packet[IPv6ExtHdrHopByHop].payload)[0]
    return 0


def test_a_router_advertises_itself_and_says_when_it_ends(start):
    watcher, capture, wire = start(SHORT + 'advertisement_interval = "4s"\n')
    wait_until(lambda: len(advertisements(capture)) >= 6, 15)
    for packet in advertisements(capture):
        ipv6 = IPv6 in packet
        body = raw(packet[IPv6ExtHdrHopByHop].payload if ipv6 else packet[IP].payload)[:8]
        assert (packet[IPv6].dst, packet[IPv6].hlim) == ("ff02::6a", 1) if ipv6 else (packet[IP].dst, packet[IP].ttl) == ("224.0.0.106", 1)
        assert (body[1], body[5], body[7]) == (4, 2, 2), "its interval, query interval and robustness"
        assert (in6_chksum(58, packet[IPv6], body) in (0, 0xFFFF)) if ipv6 else checksum(body) == 0
    watcher.process.stop(10)
    kinds = [kind_of(p) for p in rdpcap(str(capture.path))]
    assert 0x32 in kinds and 153 in kinds


def test_addresses_change_and_the_link_flaps_while_packets_flow(start):
    watcher, capture, wire = start(SHORT)
    leg = watcher.host.leg
    for step in range(12):
        wire.report(IS_EX, GROUP6)
        wire.report(IS_EX, GROUP4)
        if step == 3:
            watcher.host.ns.ip(f"address del {leg.ipv4}/24 dev lan")
        if step == 6:
            watcher.host.ns.ip("address add 192.168.10.99/24 brd + dev lan")
        if step == 8:
            watcher.host.ns.ip("link set lan down", "link set lan up")
        let_pass(0.3)
    wait_until(lambda: watcher.group(GROUP6) and watcher.group(GROUP4), 5)
    watcher.wait_synced()
    assert watcher.link("lan").get("querier_ipv4") == "192.168.10.99"
    wait_until(lambda: queries(capture, GENERAL4)[-1].source == "192.168.10.99", 5)
