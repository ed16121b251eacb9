"""mcast-monitor with real loggers and traps by groups, and the daemons that are given them."""

import signal
import unicodedata
from pathlib import Path

import pytest
from monitor_scene import BOB, ENGINE, GROUP4, GROUP6, SSM4, SSM6, Monitor, logger, net_snmp

from lab import Capture, let_pass, wait_until

BOTH = pytest.mark.parametrize("group", [GROUP4, GROUP6])
LINK_DOWN = "1.3.6.1.6.3.1.1.5.3"
COLD_START = "1.3.6.1.6.3.1.1.5.1"
# Marks, embeddings, overrides and isolates (UAX 9).
DIRECTIONS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
OPTIONS_V3 = ["-v", "3", "-e", ENGINE, "-u", "bob", "-a", "SHA", "-A", BOB["auth_password"], "-x", "AES", "-X", BOB["privacy_password"]]


def address_of(device, group: str) -> str:
    return device.leg.ipv6 if ":" in group else device.leg.ipv4


@BOTH
def test_what_real_tools_send_to_a_group_is_an_event(unstarted, device, group):
    monitor = unstarted.start()
    source = address_of(device, group)
    logger(device, group, "by the old form", "--rfc3164", "-p", "local3.err", "-t", "porter")
    found = monitor.wait_event("old", "form")
    assert (found["text"], found["app"], found["facility"], found["severity"]) == ("by the old form", "porter", "local3", "err")
    assert (found["link"], found["source"], found["destination"], found["kind"]) == ("mgmt", source, group, "syslog")
    logger(device, group, "by the new form", "--rfc5424", "-p", "daemon.crit", "-t", "porter")
    found = monitor.wait_event("new", "form")
    assert found["text"].endswith("by the new form") and (found["app"], found["facility"], found["severity"]) == ("porter", "daemon", "crit")

    net_snmp(device, "snmptrap", group, "-v", "1", "-c", "public", "1.3.6.1.4.1.4526.100", "192.0.2.7", 2, 0, 4711, "1.3.6.1.2.1.2.2.1.1.3", "i", 3)
    found = monitor.wait_event("--kind", "trap", "v1")
    assert (found["text"], found["host"]) == ("linkDown uptime=47.11s ifIndex.3=3", "192.0.2.7")
    net_snmp(device, "snmptrap", group, "-v", "2c", "-c", "public", 4712, LINK_DOWN)
    found = monitor.wait_event("--kind", "trap", "v2c")
    assert (found["text"], found["source"], found["severity"]) == ("linkDown uptime=47.12s", source, "warning")
    net_snmp(device, "snmptrap", group, *OPTIONS_V3, "-l", "authPriv", 4713, COLD_START)
    found = monitor.wait_event("--kind", "trap", "v3")
    assert found["text"] == "coldStart user=bob uptime=47.13s" and found["authenticated"]

    # Asks for the engine first, then sends to it, and wants a signed answer.
    net_snmp(device, "snmpinform", group, *OPTIONS_V3[:2], *OPTIONS_V3[4:], "-l", "authPriv", "-r", 0, 4715, COLD_START)
    found = monitor.wait_event("--kind", "inform", "v3")
    assert found["text"] == "coldStart user=bob uptime=47.15s" and found["authenticated"]

    # It ends well only when it has been acknowledged; once.
    capture = Capture(device.ns, "mgmt", "udp src port 162")
    net_snmp(device, "snmpinform", group, "-v", "2c", "-c", "public", "-r", 0, 4714, COLD_START)
    found = monitor.wait_event("--kind", "inform", "v2c")
    assert found["text"] == "coldStart uptime=47.14s" and not found["repeated"]
    let_pass(0.5)
    assert len(capture.packets()) == 1
    total = "headwater_mcast_monitor_events_total"
    wait_until(lambda: monitor.metric(f'{total}{{facility="none",kind="trap"') == 3, 3, "three traps counted")
    assert monitor.metric(f'{total}{{facility="local3",kind="syslog",severity="err"}}') == 1


@pytest.mark.parametrize("group", [SSM4, SSM6])
def test_a_source_specific_group_is_heard_from_its_source_alone(unstarted, device, lab, group):
    unstarted.own["listen"] = [{"service": "syslog", "groups": [group], "sources": [address_of(device, group)]}]
    monitor = unstarted.start()
    other = lab.host("other", lab.links["mgmt"])
    logger(other, group, "of a stranger", "--rfc3164")
    logger(device, group, "of the device", "--rfc3164")
    monitor.wait_event("device")
    assert monitor.search("stranger") == []


def lines_of(path) -> list[str]:
    return path.read_text(errors="replace").splitlines() if path.exists() else []


@pytest.mark.parametrize("keep_source", [False, True])
def test_the_daemons_receive_every_event_though_restarted_in_between(unstarted, device, daemons, keep_source):
    unstarted.own["handover"] = [
        {"service": "syslog", "target": "127.0.0.1:5514", "keep_source": keep_source},
        {"service": "snmp", "target": "127.0.0.1:5162", "keep_source": keep_source},
    ]
    monitor = unstarted.start()
    both = [daemons.rsyslogd(), daemons.snmptrapd()]
    count = 60

    def missing(until: int = count) -> list[str]:
        text = daemons.syslog.read_text(errors="replace") if daemons.syslog.exists() else ""
        traps = daemons.traps.read_text(errors="replace") if daemons.traps.exists() else ""
        gone = [f"line {n}" for n in range(until) if f"<13>Nov 28 19:41:00 sw1 porter: number {n:04}" not in text]
        return gone + [f"trap {n}" for n in range(0, until, 3) if f"Timeticks: ({n * 100})" not in traps]

    for number in range(count):
        group = GROUP6 if number % 2 else GROUP4
        device.ns.send(f"<13>Nov 28 19:41:00 sw1 porter: number {number:04}".encode(), group, 514, "mgmt")
        if number % 3 == 0:
            net_snmp(device, "snmptrap", group, "-v", "2c", "-c", "public", number * 100, LINK_DOWN)
        if number == 10:
            wait_until(lambda: not missing(11), 15, f"the first ones: {missing(11)}")
        if number == 20:  # as an upgrade does, with datagrams coming meanwhile
            for daemon in both:
                daemon.signal(signal.SIGTERM)
        if number == 30:
            for daemon in both:
                daemon.wait(10)
            both = [daemons.rsyslogd(), daemons.snmptrapd()]
            wait_until(lambda: not missing(31), 15, f"those of the first restart: {missing(31)}")
        if number == 40:  # what comes now lies in their sockets, and is gone with these
            for daemon in both:
                daemon.signal(signal.SIGSTOP)
        if number == 50:
            let_pass(0.1)
            for daemon in both:
                daemon.kill()
            both = [daemons.rsyslogd(), daemons.snmptrapd()]
    wait_until(lambda: not missing(), 15, f"every event: {missing()}")
    source = device.leg.ipv4 if keep_source else "127.0.0.1"
    # A device of the other family than the daemon's address is seen as us.
    assert {line.split()[0] for line in lines_of(daemons.syslog)} == {source, "127.0.0.1"}
    assert f"UDP: [{source}]" in daemons.traps.read_text()
    wait_until(lambda: all(one["up"] and one["queued"] == 0 and one["dropped"] == 0 for one in monitor.status()["handovers"]), 5)
    assert "nobody listens" in monitor.process.log() and "the daemon is back" in monitor.process.log()


def test_the_source_is_kept_on_ipv6_be_it_link_local(unstarted, device, daemons):
    local_group = "ff12::514"
    unstarted.own["listen"][2]["groups"].append(local_group)
    unstarted.own["handover"] = [{"service": "syslog", "target": "[::1]:5514", "keep_source": True}]
    monitor = unstarted.start()
    daemons.rsyslogd("::1")
    device.ns.send(b"<13>from fe80", local_group, 514, "mgmt")
    device.ns.send(b"<13>from afar", GROUP6, 514, "mgmt")
    rows = wait_until(lambda: lines_of(daemons.syslog)[1:] and lines_of(daemons.syslog), 10, "both at rsyslog")
    source = monitor.search("fe80")[0]["source"]
    assert source.startswith("fe80::") and rows[0].startswith(source) and rows[0].endswith(" <13>from fe80")
    assert rows[1] == f"{device.leg.ipv6} <13>from afar"
    assert monitor.status()["handovers"][0]["dropped"] == 0


def test_a_queue_that_overflows_says_so(unstarted, device, daemons):
    unstarted.own["handover"] = [{"service": "syslog", "target": "127.0.0.1:5514", "queue_max": 10}]
    monitor = unstarted.start()
    for number in range(25):
        device.ns.send(f"<13>number {number:04}".encode(), GROUP4, 514, "mgmt")
    wait_until(lambda: monitor.status()["handovers"][0]["dropped"] == 15, 5)
    daemons.rsyslogd()
    wait_until(lambda: len(lines_of(daemons.syslog)) == 10, 10)
    wait_until(lambda: "has room again" in monitor.process.log(), 5)
    assert "dropped_total=15" in monitor.process.log()


def test_rules_for_nft_have_the_daemon_hear_the_group_itself(unstarted, device, daemons, lab):
    unstarted.own["handover"] = [{"service": "syslog", "target": "127.0.0.1:5514"}]
    monitor = unstarted.start()
    rules = lab.directory / "rules.nft"
    rules.write_text(monitor.ctl("nft"))
    daemons.rsyslogd("0.0.0.0")
    unstarted.host.ns.run("nft", "-f", rules)

    def heard() -> bool:
        device.ns.send(b"<13>straight to the daemon", GROUP4, 514, "mgmt")
        return f"{device.leg.ipv4} <13>straight to the daemon" in lines_of(daemons.syslog)

    wait_until(heard, 10, every=0.3)
    assert monitor.search("straight") == []


def test_hostile_text_is_harmless_everywhere(unstarted, device):
    monitor = unstarted.start()
    tail = monitor.host.ns.start([monitor.bin_dir / "headwaterctl", "--run-dir", monitor.directory / "run", "monitor", "tail"], "tail")
    evil = b"<13>Nov 28 19:41:00 ho\x1b[31mst ev\x07il: marker\x1b]0;title\x07\x1b[2J\r\nforged line \xe2\x80\xaegpj \xff\xfe\xc3\x28 \x00nul \xc2\x9b31m"
    for payload in [evil, b"<13>marker " + b"A" * 65000, b"<13>marker " + b"\xf0\x9f\x98\x80" * 16000, bytes(range(256)) * 8, b"", b"<", b"<13>" + b"%n%s" * 50]:
        device.ns.send(payload, GROUP4, 514, "mgmt")
        device.ns.send(payload, GROUP4, 162, "mgmt")
    text = ["1.3.6.1.2.1.1.5.0", "x", evil[4:].hex()]
    net_snmp(device, "snmptrap", GROUP4, "-v", "2c", "-c", "public", 1, LINK_DOWN, *text)
    wait_until(lambda: len(monitor.search("--limit", 50)) == 8, 10)
    shown = monitor.ctl("search") + wait_until(lambda: "linkDown" in tail.log() and tail.log(), 5)
    log = monitor.process.log()
    metrics = monitor.host.ns.http("http://127.0.0.1:9469/metrics")
    for output in (shown, log, metrics):
        assert not any(ord(c) < 0x20 and c != "\n" or 0x7F <= ord(c) < 0xA0 or c in "\u202e\u202d\u2066" for c in output)
        assert "\nforged line" not in output
    assert "marker" not in metrics and "marker" not in log, "no text of a sender's"
    assert "forged line" in shown
    longest = max(len(event["text"].encode()) for event in monitor.search("--limit", 50))
    assert 2000 < longest <= 2048
    # As kept, and told to programs.
    for event in monitor.search("--limit", 50):
        for text in filter(lambda value: isinstance(value, str), event.values()):
            text.encode()
            assert not any(unicodedata.category(c) in ("Cc", "Zl", "Zp") or c in DIRECTIONS for c in text), text


def test_two_monitors_hear_the_same_and_know_it(unstarted, device, lab, bin_dir):
    first = unstarted.start()
    second = Monitor(lab.host("watch2", lab.links["mgmt"]), bin_dir).start()
    logger(device, GROUP4, "heard twice", "--rfc3164")
    net_snmp(device, "snmpinform", GROUP4, "-v", "2c", "-c", "public", 4714, COLD_START)
    for words in (["heard"], ["--kind", "inform"]):
        one, two = first.wait_event(*words), second.wait_event(*words)
        assert one["digest"] == two["digest"]
        assert len(first.search(*words)) == len(second.search(*words)) == 1, "neither hears the other"


def test_events_survive_a_restart_and_groups_come_with_a_reload(unstarted, device):
    monitor = unstarted.start()
    logger(device, GROUP4, "before", "--rfc3164")
    monitor.wait_event("before")
    assert monitor.process.stop() == 0
    monitor.start()
    assert [event["text"] for event in monitor.json("tail", "--no-follow")] == ["before"]
    # Groups come and go without the privileges of the start.
    assert "CapEff:\t0000000000000000" in Path(f"/proc/{monitor.process.pid}/status").read_text()
    monitor.own["listen"][2]["groups"].append("234.192.168.11")
    monitor.write_config()
    monitor.process.signal(signal.SIGHUP)
    wait_until(lambda: any(one["group"] == "234.192.168.11" and one["joined"] for one in monitor.status()["listeners"]), 5)
    logger(device, "234.192.168.11", "after", "--rfc3164")
    assert monitor.wait_event("after")["destination"] == "234.192.168.11"
    monitor.own["listen"][2]["groups"] = ["192.168.0.1"]
    monitor.write_config()
    monitor.process.signal(signal.SIGHUP)
    wait_until(lambda: "is no multicast address" in monitor.process.log(), 5)
    logger(device, "234.192.168.11", "still", "--rfc3164")
    monitor.wait_event("still")


def test_groups_are_joined_again_on_an_interface_that_comes_back(unstarted, device, lab):
    monitor = unstarted.start()
    monitor.host.ns.ip("link del mgmt")
    wait_until(lambda: not any(one["joined"] for one in monitor.status()["listeners"]), 5)
    monitor.host.attach(lab.links["mgmt"])
    wait_until(lambda: all(one["joined"] for one in monitor.status()["listeners"]), 5)
    logger(device, GROUP6, "again", "--rfc3164")
    monitor.wait_event("again")
