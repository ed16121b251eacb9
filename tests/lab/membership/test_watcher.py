"""membership-watcher against real kernels: every version of both protocols, its own host, restarts, queriers."""

import signal
import socket

import pytest

from lab import Capture, let_pass, stays, wait_until

GROUP6 = "ff3e:40:2001:db8:d0be:f00d:8000:1"
GROUP4 = "239.192.0.1"
SSM6, SOURCE6 = "ff3e::8000:1", "2001:db8:d0be:f00d::1"
SSM4, SOURCE4 = "232.1.2.3", "192.168.10.1"
BOTH = pytest.mark.parametrize("group", [GROUP6, GROUP4])
# What a router is a member of anyway: all nodes, its own solicited-node groups, and by its role all routers that know the newest versions.
ORDINARY = ("ff01::1", "ff02::1", "224.0.0.1", "ff02::16", "224.0.0.22")


def ordinary(group: str) -> bool:
    return group in ORDINARY or group.startswith("ff02::1:ff")


def force_versions(host, mld: int, igmp: int) -> None:
    host.ns.sysctl("net.ipv6.conf.lan.force_mld_version", mld)
    host.ns.sysctl("net.ipv4.conf.lan.force_igmp_version", igmp)


@BOTH
def test_a_join_is_told_at_once_with_the_kernels_time(watcher, lab, group):
    alice = lab.host("alice", lab.links["lan"])
    capture = Capture(watcher.host.ns, "lan")
    with alice.join(group):
        told = wait_until(lambda: watcher.group(group), 3, "the group")
        report = capture.wait_packet(lambda p: any(r.group == group for r in p.records()) if p.kind == "report" else False, 3)
        assert told["member_count"] == 1
        assert told["filter_mode"] == "FILTER_MODE_EXCLUDE"
        seconds = float(told["last_join"][:-1].split("T")[1].split(":")[2])
        assert abs(seconds - report.time % 60) < 0.05
    wait_until(lambda: not watcher.group(group), 3, "the leave")


@BOTH
def test_a_latecomer_raises_the_count_and_the_last_leave_ends_the_group(watcher, lab, group):
    alice, bob = lab.host("alice", lab.links["lan"]), lab.host("bob", lab.links["lan"])
    first = alice.join(group)
    wait_until(lambda: watcher.joins(group) == 1, 3)
    second = bob.join(group)
    wait_until(lambda: watcher.joins(group) == 2, 3)
    assert len(watcher.members(group)) == 2
    assert stays(lambda: watcher.joins(group) == 2, 2), "a host repeats its report: that is no join"
    first.leave()
    wait_until(lambda: len(watcher.members(group)) == 1, 3)
    second.leave()
    wait_until(lambda: not watcher.group(group), 1, "tracking knows that nobody is left")


@pytest.mark.parametrize("group,source", [(SSM6, SOURCE6), (SSM4, SOURCE4)])
def test_a_source_specific_join_names_its_source(watcher, lab, group, source):
    alice = lab.host("alice", lab.links["lan"])
    with alice.ns.join(group, "lan", source):
        told = wait_until(lambda: watcher.group(group), 3)
        assert told["filter_mode"] == "FILTER_MODE_INCLUDE"
        assert told["sources"] == [source]
    wait_until(lambda: not watcher.group(group), 3)


@pytest.mark.parametrize("mld,igmp", [(1, 2), (1, 1)])
@BOTH
def test_hosts_of_older_versions_join_and_leave(lab, make_watcher, group, mld, igmp):
    watcher = make_watcher(lab.host("headend", lab.link("lan"))).start()
    alice = lab.host("alice", lab.links["lan"])
    force_versions(alice, mld, igmp)
    membership = alice.join(group)
    # The first report of an interface whose own address is still tentative counts for nothing; the next one of an MLDv1 host comes within 10 s.
    wait_until(lambda: watcher.group(group), 12)
    membership.leave()
    if igmp == 1 and group == GROUP4:
        assert stays(lambda: watcher.group(group), 3), "an IGMPv1 host cannot say that it leaves"
    else:
        assert stays(lambda: watcher.group(group), 1), "others may have kept silent: they are asked"
        wait_until(lambda: not watcher.group(group), 4)


def test_a_suppressed_listener_of_an_older_version_is_not_cut_off(lab, make_watcher):
    options = 'query_interval = "2s"\nquery_response_interval = "1s"'
    watcher = make_watcher(lab.host("headend", lab.link("lan", snooping=False)), options).start()
    hosts = [lab.host(name, lab.links["lan"]) for name in ("alice", "bob")]
    for host in hosts:
        force_versions(host, 1, 2)
    memberships = [host.join(GROUP4) for host in hosts]
    wait_until(lambda: watcher.group(GROUP4), 3)
    memberships[0].leave()
    assert stays(lambda: watcher.group(GROUP4), 8)
    memberships[1].leave()
    # Its kernel sends a leave only if it was the last to report; else the membership interval, 5 s, must pass.
    wait_until(lambda: not watcher.group(GROUP4), 8)


def test_the_watcher_holds_no_membership(watcher, lab):
    alice = lab.host("alice", lab.links["lan"])
    before = watcher.host.ns.memberships()
    with alice.join(GROUP6), alice.join(GROUP4), alice.ns.join(SSM6, "lan", SOURCE6):
        wait_until(lambda: len(watcher.groups()) == 3, 3)
        assert watcher.host.ns.memberships() == before
        assert [g for g in before if not ordinary(g)] == []


@BOTH
def test_a_player_on_the_headends_own_host_is_a_listener(watcher, group):
    with watcher.host.join(group):
        wait_until(lambda: watcher.group(group), 3)
        assert watcher.group(group)["member_count"] == 1
    wait_until(lambda: not watcher.group(group), 3)


@BOTH
def test_a_player_on_the_headends_own_host_answers_a_restarted_watcher(watcher, group):
    with watcher.host.join(group):
        wait_until(lambda: watcher.group(group), 3)
        # Its unsolicited reports are over: only a query that comes back to its own host can bring the next.
        let_pass(2)
        watcher.process.kill()
        watcher.start()
        assert watcher.group(group)


def test_a_restarted_watcher_warms_and_then_knows_all(lab, make_watcher):
    # Long enough for a slow build's client to be connected before the answers are in.
    watcher = make_watcher(lab.host("headend", lab.link("lan")), 'startup_response_interval = "6s"').start(synced=False)
    hosts = [lab.host(name, lab.links["lan"]) for name in ("alice", "bob")]
    with hosts[0].join(GROUP6), hosts[1].join(GROUP4), hosts[1].ns.join(SSM6, "lan", SOURCE6):
        wait_until(lambda: len(watcher.groups()) == 3, 3)
        let_pass(2)
        watcher.process.kill()
        watcher.start(synced=False)
        assert watcher.sync("lan") == "LINK_SYNC_WARMING"
        watcher.wait_synced()
        assert sorted(g for _, g in watcher.groups()) == sorted([GROUP6, GROUP4, SSM6])
        states = [e["link"]["sync"] if "link" in e else "group" for e in watcher.events() if "link" in e or "group" in e]
        assert states.index("LINK_SYNC_SYNCED") > max(i for i, s in enumerate(states) if s == "group")


def test_a_snapshot_of_any_size_can_be_read(lab, make_watcher, bin_dir):
    groups = 25000  # as one message more than the 4 MiB that gRPC takes
    watcher = make_watcher(lab.host("headend", lab.link("lan", snooping=False))).start()
    generator = lab.host("generator", lab.links["lan"])
    # Nobody reads along.
    watcher.watch.kill()
    generator.ns.run(bin_dir / "membership-bench", "send", "lan", groups, 3000, 0, "ipv6")
    wait_until(lambda: watcher.metric('headwater_membership_watcher_groups{link="lan"}') == groups, 20, every=0.25)
    reader = watcher.host.ns.start([bin_dir / "membership-watch", watcher.run_dir / "membership-watcher.sock"], name="second")
    wait_until(lambda: '"synced"' in reader.log()[-300:], 20, "the snapshot", every=0.5)
    assert reader.log().count('"group":{') == groups


def test_a_watcher_stops_clean_on_sigterm(watcher):
    assert watcher.process.stop(10) == 0


def test_a_cable_pulled_and_put_back(watcher, lab):
    alice = lab.host("alice", lab.links["lan"])
    with alice.join(GROUP6):
        wait_until(lambda: watcher.group(GROUP6), 3)
        watcher.host.legs["lan"].set_up(False)
        wait_until(lambda: watcher.sync("lan") == "LINK_SYNC_DOWN", 3)
        wait_until(lambda: any("removed" in e for e in watcher.events()), 3)
        down = next(i for i, e in enumerate(watcher.events()) if e.get("link", {}).get("sync") == "LINK_SYNC_DOWN")
        gone = next(i for i, e in enumerate(watcher.events()) if "removed" in e)
        assert down < gone, "first that nothing is known, then that the group is not there"
        watcher.host.legs["lan"].set_up(True)
        watcher.wait_synced()
        assert watcher.group(GROUP6)


def test_an_interface_that_comes_later_and_goes(lab, make_watcher):
    lan, vlan = lab.link("lan"), lab.link("vlan20")
    headend = lab.host("headend", lan, vlan)
    headend.ns.ip("link set vlan20 name away")
    watcher = make_watcher(headend).start(synced=False)
    wait_until(lambda: watcher.sync("lan") == "LINK_SYNC_SYNCED", 10)
    assert watcher.sync("vlan20") == "LINK_SYNC_DOWN"
    headend.ns.ip("link set away down", "link set away name vlan20", "link set vlan20 up")
    watcher.wait_synced()
    bob = lab.host("bob", vlan)
    with bob.join(GROUP6):
        wait_until(lambda: watcher.group(GROUP6, "vlan20"), 3)
        assert not watcher.group(GROUP6, "lan"), "each link has its own listeners"
        headend.ns.ip("link delete vlan20")
        wait_until(lambda: watcher.sync("vlan20") == "LINK_SYNC_DOWN", 3)


def test_two_watchers_elect_the_lower_address(lab, make_watcher):
    lan = lab.link("lan", snooping=False)
    first = make_watcher(lab.host("one", lan), 'query_interval = "4s"\nquery_response_interval = "1s"').start()
    second = make_watcher(lab.host("two", lan), 'query_interval = "4s"\nquery_response_interval = "1s"').start()
    wait_until(lambda: not second.link("lan").get("we_are_querier_ipv4"), 10, "192.168.10.2 gives way to .1")
    assert first.link("lan")["we_are_querier_ipv4"]
    assert second.link("lan")["querier_ipv4"] == first.host.leg.ipv4
    alice = lab.host("alice", lan)
    membership = alice.join(GROUP4)
    wait_until(lambda: first.group(GROUP4) and second.group(GROUP4), 3)
    membership.leave()
    wait_until(lambda: not first.group(GROUP4) and not second.group(GROUP4), 5)
    first.process.signal(signal.SIGKILL)
    # Other querier present: 2 * 4 s + 0.5 s.
    wait_until(lambda: second.link("lan").get("we_are_querier_ipv4"), 15, "the other takes over")


def test_a_listener_stays_for_many_query_intervals_and_is_forgotten_when_silent(lab, make_watcher):
    options = 'query_interval = "2s"\nquery_response_interval = "1s"\n'
    watcher = make_watcher(lab.host("headend", lab.link("lan")), options).start()
    alice = lab.host("alice", lab.links["lan"])
    with alice.join(GROUP6), alice.join(GROUP4):
        wait_until(lambda: len(watcher.groups()) == 2, 3)
        # The membership interval is 2 * 2 s + 1 s: three times that.
        assert stays(lambda: len(watcher.groups()) == 2, 15)
        alice.leg.set_up(False)
        wait_until(lambda: not watcher.groups(), 10, "the interval has passed")


def test_hostile_reports_are_dropped_and_counted(watcher, lab):
    from scapy.all import Ether, IPv6, IPv6ExtHdrHopByHop, RouterAlert, raw
    from scapy.layers.inet6 import ICMPv6MLDMultAddrRec, ICMPv6MLReport2

    mallory = lab.host("mallory", lab.links["lan"])
    def send(source: str, hops: int, alert: bool, group: str = GROUP6) -> None:
        with mallory.ns.entered():
            sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            sock.bind(("lan", 0))
        packet = Ether(src="02:00:00:00:00:66", dst="33:33:00:00:00:16") / IPv6(src=source, dst="ff02::16", hlim=hops)
        if alert:
            packet /= IPv6ExtHdrHopByHop(options=[RouterAlert()])
        packet /= ICMPv6MLReport2(records=[ICMPv6MLDMultAddrRec(rtype=4, dst=group)])
        with sock:
            sock.send(raw(packet))

    def counted(reason: str, *report) -> bool:
        # Again and again: the switch may not forward yet what a port that has just come up sends.
        send(*report)
        return watcher.metric('headwater_membership_watcher_packets_dropped_total{link="lan",reason="%s"}' % reason) >= 1

    for reason, *report in (("hop_limit", "fe80::66", 64, True), ("source", "2001:db8::66", 1, True), ("router_alert", "fe80::66", 1, False)):
        wait_until(lambda: counted(reason, *report), 10, reason)
    assert not watcher.groups()
    send("fe80::66", 1, True)
    wait_until(lambda: watcher.members(GROUP6) == ["fe80::66"], 3, "the same, made well, counts")
