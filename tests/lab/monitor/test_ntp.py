"""mcast-monitor's NTP with real chronyd and raw requests to the group."""

import time

import pytest
from monitor_scene import CHRONY_PORT, NTP4, NTP6, Monitor, ntp_request, query_chronyd

from lab import Capture, let_pass, wait_until

FROM_1900 = 2_208_988_800


def answers(capture, group: str, from_group: bool) -> list[list[str]]:
    """[leap, stratum, source] of the server's packets, by tshark: those with the group as their source, or all others."""
    field = "ipv6.src" if ":" in group else "ip.src"
    return capture.tshark(
        f"ntp.flags.mode == 4 and {field} {'==' if from_group else '!='} {group}", "ntp.flags.li", "ntp.stratum", field
    )


@pytest.fixture
def synchronised(unstarted, daemons, device) -> Monitor:
    unstarted.chronyd = daemons.chronyd()
    unstarted.start()
    wait_until(lambda: unstarted.ntp()["synchronised"], 10, "the clock's state by chrony")
    return unstarted


def test_chronyd_synchronises_by_unicast(synchronised, device):
    for address in (synchronised.host.leg.ipv4, synchronised.host.leg.ipv6):
        done = query_chronyd(device, address)
        assert done.returncode == 0 and "System clock wrong by" in done.stdout + done.stderr, done
    ntp = synchronised.ntp()
    assert ntp["stratum"] == 5 and ntp["leap"] == 0 and ntp["requests"]["answered"] >= 2


@pytest.mark.parametrize("group", [NTP4, NTP6])
@pytest.mark.parametrize("from_group", [False, True])
def test_a_request_to_the_group_is_answered_in_both_modes(unstarted, daemons, device, group, from_group):
    daemons.chronyd()
    if from_group:
        unstarted.own["ntp"]["answer_from_group"] = ["mgmt"]
    monitor = unstarted.start()
    wait_until(lambda: monitor.ntp()["synchronised"], 10)
    capture = Capture(device.ns, "mgmt", "udp port 123")
    before = time.time()
    answer = ntp_request(device, group)
    found = wait_until(lambda: answers(capture, group, from_group), 5, "an answer")
    assert found[0][:2] == ["0", "5"] and len(found) == 1 and capture.malformed() == []
    if not from_group:
        # To a group of the link's own scope a device asks from its link-local address, and is answered by ours.
        assert found[0][2] == monitor.host.leg.ipv4 if group == NTP4 else found[0][2].startswith("fe80::")
    assert not capture.tshark("udp.checksum.status == 0"), "right checksums"
    assert not answers(capture, group, not from_group)
    # The time in it, in the capture, whoever takes it: to the question asked, received before it was sent, and right.
    (sent,) = [p.payload for p in capture.packets() if p.payload[0] & 7 == 4]
    received, transmitted = (int.from_bytes(sent[at : at + 8], "big") / 2**32 - FROM_1900 for at in (32, 40))
    assert sent[24:32] == (0x1122334455667788).to_bytes(8, "big")
    assert before <= received <= transmitted <= time.time()
    # A Linux client drops what comes from a group (RFC 1112 section 6.2); a switch takes it.
    assert bool(answer) != from_group
    if answer:
        assert answer[0] & 0xC7 == 0x04 and answer[1] == 5
        assert answer == sent


def test_an_unsynchronised_clock_is_never_handed_out(synchronised, device):
    synchronised.chronyd.stop()
    wait_until(lambda: not synchronised.ntp()["synchronised"], 20, "chrony's silence noticed")
    for to in (NTP4, NTP6, synchronised.host.leg.ipv4):
        answer = ntp_request(device, to)
        assert answer[0] >> 6 == 3 and answer[1] == 0 and answer[12:16] == b"INIT"
        assert answer[16:24] + answer[32:48] == bytes(24), "no time at all"
    assert query_chronyd(device, synchronised.host.leg.ipv4).returncode != 0
    assert synchronised.metric("headwater_mcast_monitor_clock_synchronised") == 0
    assert "clients are told no time" in synchronised.process.log()


def test_no_time_is_told_from_the_group_either(unstarted, device):
    """Its clock is a chronyd that is not there."""
    unstarted.own["ntp"]["answer_from_group"] = ["mgmt"]
    unstarted.start()
    capture = Capture(device.ns, "mgmt", "udp src port 123")
    for number, group in enumerate((NTP4, NTP6), 1):
        ntp_request(device, group)
        wait_until(lambda: len(answers(capture, group, True)) == 1, 5, "an answer from the group")
        sent = capture.packets()[-1].payload
        assert len(capture.packets()) == number and sent[0] == 0xE4 and sent[1] == 0 and sent[12:16] == b"INIT"
        assert sent[16:24] + sent[32:48] == bytes(24), "no time at all"


def test_the_kernels_own_word_counts_without_chrony(unstarted, device):
    unstarted.own["ntp"] = {"clock": "kernel", "stratum": 7}
    monitor = unstarted.start()
    ntp = monitor.ntp()
    answer = ntp_request(device, NTP4)
    assert answer[1] == (7 if ntp["synchronised"] else 0)
    assert ntp["clock"] == "kernel" and (ntp["synchronised"] or ntp["problem"])


def test_who_asks_too_often_is_told_and_then_left_alone(unstarted, daemons, device):
    unstarted.own["ntp"].update(rate_burst=3, rate_interval="10s")
    daemons.chronyd()
    monitor = unstarted.start()
    wait_until(lambda: monitor.ntp()["synchronised"], 10)
    got = [ntp_request(device, NTP4, number + 1) for number in range(5)]
    assert [answer[1] if answer else None for answer in got] == [5, 5, 5, 0, None]
    assert got[3][12:16] == b"RATE" and got[3][40:48] == got[3][24:32] == (4).to_bytes(8, "big")
    assert monitor.ntp()["requests"]["rate"] == 1 and monitor.ntp()["requests"]["dropped"] == 1


def test_two_monitors_answer_and_leave_each_other_alone(unstarted, daemons, device, lab, bin_dir):
    daemons.chronyd()
    unstarted.own["ntp"]["answer_from_group"] = ["mgmt"]
    second = Monitor(lab.host("watch2", lab.links["mgmt"]), bin_dir)
    second.own["ntp"]["answer_from_group"] = ["mgmt"]
    unstarted.start(), second.start()
    capture = Capture(device.ns, "mgmt", "udp port 123")
    ntp_request(device, NTP4)
    let_pass(1)
    assert len(answers(capture, NTP4, True)) == 2 and len(capture.packets()) == 3


def test_a_daemon_may_answer_instead(unstarted, daemons, device):
    unstarted.own["ntp"]["relay"] = f"127.0.0.1:{CHRONY_PORT}"
    daemons.chronyd(stratum=9)
    monitor = unstarted.start()
    answer = wait_until(lambda: ntp_request(device, NTP4), 5)
    assert answer[1] == 9 and answer[24:32] == (0x1122334455667788).to_bytes(8, "big")
    done = query_chronyd(device, monitor.host.leg.ipv6)
    assert done.returncode == 0, done
    assert monitor.ntp()["requests"]["relayed"] >= 2


def test_it_never_takes_its_own_word_for_chronys(unstarted, device):
    unstarted.config["legs"]["loop"] = "lo"
    unstarted.own["ntp"]["clock"] = "127.0.0.1:123"
    monitor = unstarted.start()
    wait_until(lambda: monitor.metric('headwater_mcast_monitor_datagrams_foreign_total{service="ntp"') > 1, 10, "its questions")
    assert monitor.ntp()["problem"] == "chrony has not answered yet"
