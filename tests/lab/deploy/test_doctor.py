"""What ./headwater doctor finds: each fault is made for real, found, mended by the command that the finding gives, and not found any more."""

import json
import os
import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional, Union

import jsonschema
import pytest
from doctor_scene import SERVICE4, SERVICE6, Machine, igmp_query, mld_query, usual

from lab import Zone, wait_until

SCHEMA = json.loads((Path(__file__).resolve().parents[3] / "deploy/diagnosis/finding.schema.json").read_text())


@pytest.fixture(scope="module")
def machine(module_lab):
    made = Machine(module_lab, module_lab.directory / "machine")
    made.wait_sound()
    yield made
    made.close()


Step = Union[str, Callable[[Machine], object]]


@dataclass
class Fault:
    """A fault of the machine: what makes it and, unless the finding's own command does, what removes it."""

    check: str
    make: Step
    undo: Optional[Step] = None
    # After the finding's command: what that cannot know, as which address an interface had.
    then: Optional[Step] = None
    evidence: str = ""
    # Other checks that the same fault concerns.
    also: frozenset = frozenset()
    arguments: tuple = ()
    before: tuple = ()


def nft(rule: str, hook: str, family: str = "inet") -> str:
    chain = f"add chain {family} t c {{ type filter hook {hook} priority 0; }}"
    return f"nft add table {family} t; nft '{chain}'; nft 'add rule {family} t c {rule}'"


def ask(link: str, *frames: bytes) -> Callable[[Machine], None]:
    return lambda machine: setattr(machine.askers[link], "frames", list(frames))


def asks_as_usual(link: str) -> Callable[[Machine], None]:
    return ask(link, *usual())


def holding(kind: int, family: int, address: str, port: int) -> Callable[[Machine], None]:
    """Another program has the port."""

    def make(machine: Machine) -> None:
        held = machine.ns.socket(family, kind)
        held.bind((address, port))
        if kind == socket.SOCK_STREAM:
            held.listen()
        machine.held = held

    return make


def let_go(machine: Machine) -> None:
    machine.held.close()


def dead_socket(machine: Machine) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(machine.run_dir / "sap-announcer.sock"))


def routing_daemon(machine: Machine) -> None:
    config = machine.directory / "smcroute.conf"
    config.write_text("phyint lan enable\nphyint other enable\n")
    argv = ["smcrouted", "-n", "-N", "-f", config, "-u", machine.directory / "smc.sock", "-P", machine.directory / "smc.pid"]
    machine.ns.start(argv)
    wait_until(lambda: "lan" in machine.ns.read("/proc/net/ip_mr_vif"), 5)


def same_address(machine: Machine) -> None:
    """Duplicate address detection runs for this one, and the neighbour has it."""
    machine.neighbour.ns.ip("address add 2001:db8:d0be:f00d::d/64 dev lan nodad")
    machine.ns.sysctl("net.ipv6.conf.lan.accept_dad", 1)
    machine.ns.sysctl("net.ipv6.conf.lan.dad_transmits", 1)
    machine.ns.ip("address add 2001:db8:d0be:f00d::d/64 dev lan")
    wait_until(lambda: "dadfailed" in machine.ns.run("ip", "address", "show", "lan"), 5)
    machine.ns.sysctl("net.ipv6.conf.lan.accept_dad", 0)
    machine.neighbour.ns.ip("address del 2001:db8:d0be:f00d::d/64 dev lan")


def run_of(machine: Machine, step: Step) -> None:
    if callable(step):
        step(machine)
    else:
        machine.ns.run("sh", "-ec", step)


ADDRESS6 = "ip address add 2001:db8:d0be:f00e::1/64 dev other nodad"
ROUTE4 = "ip route add 224.0.0.0/4 dev lan"
MLD_OUT = "oifname lan icmpv6 type { mld-listener-query, mld2-listener-report } drop"
JUMPING = (
    "nft add table inet t; nft 'add chain inet t c { type filter hook output priority 0; }'; nft add chain inet t d; nft add rule inet t c jump d;"
    "nft 'add rule inet t d udp dport { 9875, 9876 } drop'"
)
FAULTS = {
    "an interface is gone": Fault("link-missing", "ip link set other name gone", undo="ip link set gone name other; ip link set other up"),
    "an interface is down": Fault("link-down", "ip link set other down", then=ADDRESS6),
    "no carrier": Fault(
        "link-carrier", lambda m: m.host.legs["other"].set_up(False), undo=lambda m: m.host.legs["other"].set_up(True),
        also=frozenset({"querier-missing"}),
    ),
    "no multicast flag": Fault("link-multicast", "ip link set other multicast off"),
    "a small MTU": Fault("link-mtu", "ip link set other mtu 1300"),
    "IPv6 off": Fault("ipv6-disabled", "sysctl -w net.ipv6.conf.other.disable_ipv6=1", then=ADDRESS6),
    "no link-local address": Fault("address-link-local", "ip -6 address flush dev other scope link"),
    "no IPv4 address": Fault(
        "address-none", "ip -4 address flush dev home", undo="ip address add 192.168.30.1/24 dev home", evidence="home has no IPv4"
    ),
    "an address that another host has": Fault("address-duplicate", same_address),
    "IPv6 multicast prefers another interface": Fault(
        "route-ipv6", "ip -6 route add multicast ff00::/8 dev guest-1 table local metric 2", evidence="ff00::/8 prefers guest-1"
    ),
    "IPv4 multicast leads nowhere": Fault("route-ipv4", "ip route del 224.0.0.0/4 dev lan", then=f"ip route del 224.0.0.0/4; {ROUTE4}"),
    "no service address": Fault("service-address-missing", f"ip address del {SERVICE4}/32 dev lo", evidence=SERVICE4),
    "no IPv6 service address": Fault("service-address-missing", f"ip address del {SERVICE6}/128 dev lo", evidence=SERVICE6),
    "a whole prefix on the loopback": Fault(
        "service-address-prefix", f"ip address del {SERVICE4}/32 dev lo; ip address add {SERVICE4}/24 dev lo"
    ),
    "ARP for the service address": Fault("service-address-arp-ignore", "sysctl -w net.ipv4.conf.lan.arp_ignore=0"),
    "ARP from the service address": Fault("service-address-arp-announce", "sysctl -w net.ipv4.conf.lan.arp_announce=0"),
    "somebody else answers for our IPv4 address": Fault(
        "service-address-answers", lambda m: m.elsewhere.ns.ip("address add 192.168.11.1/24 dev other"),
        undo=lambda m: m.elsewhere.ns.ip("address del 192.168.11.1/24 dev other"), arguments=("--probe",), evidence="192.168.11.1",
    ),
    "somebody else answers for our IPv6 address": Fault(
        "service-address-answers", lambda m: m.elsewhere.ns.ip("address add 2001:db8:d0be:f00e::1/64 dev other nodad"),
        undo=lambda m: m.elsewhere.ns.ip("address del 2001:db8:d0be:f00e::1/64 dev other"), arguments=("--probe",), evidence="f00e::1",
    ),
    "nobody asks by IGMP": Fault("querier-missing", ask("other", mld_query(2)), undo=asks_as_usual("other"), evidence="no IPv4 query"),
    "nobody asks by MLD": Fault("querier-missing", ask("other", igmp_query(3)), undo=asks_as_usual("other"), evidence="no IPv6 query"),
    "IGMPv2 is asked": Fault(
        "querier-older", ask("other", igmp_query(2), mld_query(2)), undo=asks_as_usual("other"), evidence="by IGMPv2",
        also=frozenset({"querier-older-heard"}),
    ),
    "MLDv1 is asked": Fault("querier-older", ask("other", igmp_query(3), mld_query(1)), undo=asks_as_usual("other"), evidence="by MLDv1"),
    "two ask": Fault("querier-two", ask("other", *usual(), igmp_query(3, "192.168.11.77")), undo=asks_as_usual("other"), evidence="192.168.11.77"),
    "MLD with a hop limit": Fault(
        "querier-ignored", ask("other", *usual(), mld_query(2, "fe80" + "0" * 25 + "abc", hops=64)), undo=asks_as_usual("other"),
        evidence="hop limit 64",
    ),
    "a bridge that keeps reports": Fault("bridge-starves-us", "ip link set home type bridge mcast_router 1"),
    "a bridge that nobody asks": Fault(
        "bridge-no-querier", ask("home"), also=frozenset({"querier-missing"}), then=asks_as_usual("home"), evidence="home snoops"
    ),
    "a bridge that asks as of old": Fault(
        "bridge-older", "ip link set home type bridge mcast_igmp_version 2 mcast_querier 1", then="ip link set home type bridge mcast_querier 0"
    ),
    "a port that may be no router's": Fault("bridge-port-no-router", "bridge link set dev guest-1 mcast_router 0"),
    "a port without flooding": Fault("bridge-port-no-flood", "bridge link set dev guest-1 mcast_flood off"),
    "a small snooping table": Fault("bridge-table-full", "ip link set home type bridge mcast_hash_max 16"),
    "few memberships": Fault("limit-igmp-memberships", "sysctl -w net.ipv4.igmp_max_memberships=20"),
    "few sources": Fault("limit-igmp-sources", "sysctl -w net.ipv4.igmp_max_msf=10"),
    "reports are sent once": Fault("report-robustness-igmp", "sysctl -w net.ipv4.igmp_qrv=1"),
    "a short TTL": Fault("hop-limit-ipv4", "sysctl -w net.ipv4.ip_default_ttl=8"),
    "a short hop limit": Fault("hop-limit-ipv6", "sysctl -w net.ipv6.conf.other.hop_limit=4"),
    "IGMPv2 is forced": Fault("forced-igmp", "sysctl -w net.ipv4.conf.other.force_igmp_version=2", also=frozenset({"querier-older-heard"})),
    "MLDv1 is forced": Fault("forced-mld", "sysctl -w net.ipv6.conf.all.force_mld_version=1", evidence="conf.all.force_mld_version"),
    "a strict reverse path": Fault("reverse-path", "sysctl -w net.ipv4.conf.other.rp_filter=1"),
    "another multicast router": Fault("multicast-router", routing_daemon, evidence="smcrouted"),
    "no raw sockets to be had": Fault(
        "capability-raw", "true", before=("setpriv", "--bounding-set", "-net_raw"), undo="true", evidence="without bit 13",
        also=frozenset({"listen"}),
    ),
    "few files": Fault("limit-files", "true", before=("prlimit", "--nofile=512:512"), undo="true"),
    "IGMP may not leave": Fault("firewall-membership-out", nft("meta l4proto igmp reject", "output"), evidence="IGMP"),
    "MLD may not leave by one interface": Fault("firewall-membership-out", nft(MLD_OUT, "output", "ip6"), evidence="to lan"),
    "queries may not enter": Fault("firewall-membership-in", nft("ip daddr 224.0.0.0/24 drop", "input", "ip")),
    "a policy that drops": Fault(
        "firewall-rtp", nft("udp dport != { 5000-5010 } accept", "output") + "; nft 'chain inet t c { policy drop; }'",
        undo="nft delete table inet t", also=frozenset({"firewall-rtcp", "firewall-membership-out", "firewall-neighbours"}), evidence="the policy of",
    ),
    "RTCP may not leave": Fault("firewall-rtcp", nft("udp dport 5005 counter drop", "postrouting")),
    "SAP may not leave": Fault("firewall-sap", JUMPING),
    "iptables keeps SAP": Fault(
        "firewall-sap", "iptables -A OUTPUT -d 224.0.0.0/4 -p udp --dport 9875 -j DROP", evidence="ip filter OUTPUT"
    ),
    "players may not hear": Fault("firewall-players", nft("pkttype multicast udp dport 5004 drop", "input")),
    "the monitor may not hear": Fault("firewall-monitor", nft("iifname lan udp dport 514 drop", "input")),
    "no neighbour discovery": Fault("firewall-neighbours", nft("icmpv6 type vmap { nd-neighbor-solicit : drop }", "input", "ip6")),
    "a bridge's firewall": Fault("firewall-bridge", nft("ether type ip6 ip6 daddr ff02::16 drop", "input", "bridge")),
    "a firewall that sets the hop limit": Fault("firewall-hop-limit", nft("ip6 hoplimit set 64", "output", "ip6")),
    "the clock is nobody's": Fault("clock", lambda m: m.unsynchronise(), undo=lambda m: m.synchronise(), evidence="Not synchronised"),
    "a program has our port": Fault("port-taken", holding(socket.SOCK_STREAM, socket.AF_INET, "0.0.0.0", 9463), undo=let_go, evidence="9463"),
    "a program has RTCP's port": Fault(
        "port-udp-taken", holding(socket.SOCK_DGRAM, socket.AF_INET, "0.0.0.0", 5005), undo=let_go, evidence="5005 of 192"
    ),
    "a program has syslog's port": Fault("port-udp-taken", holding(socket.SOCK_DGRAM, socket.AF_INET6, "::", 514), undo=let_go, evidence="514 of ::"),
    "a socket without a service": Fault("socket-stale", dead_socket),
    "a folder for all": Fault("run-dir-open", lambda m: os.chmod(m.run_dir, 0o777)),
    "no tuner": Fault("dvb-missing", lambda m: (m.dev / "dvb").rename(m.dev / "gone"), undo=lambda m: (m.dev / "gone").rename(m.dev / "dvb")),
    "a tuner for root alone": Fault("dvb-permission", lambda m: os.chmod(m.frontend, 0o600)),
    "a tuner of another group": Fault("dvb-permission", lambda m: os.chown(m.frontend, 0, 0)),
}


def checks(found: list[dict]) -> set[str]:
    return {f["check"] for f in found}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_and_its_command_mends_it(machine, name):
    fault = FAULTS[name]
    # Queries are waited for only where they matter.
    listens = fault.arguments or fault.check.startswith(("querier", "bridge"))
    quick = () if listens else ("--listen", "0", "--skip", "querier,bridge")

    def look() -> list[dict]:
        return machine.doctor(*fault.arguments, *quick, before=fault.before)

    def found() -> list[dict]:
        """The findings of the fault's own check, when there are no others."""
        last[:] = look()
        return [f for f in last if f["check"] == fault.check] if checks(last) - fault.also == {fault.check} else []

    told, last = [], []
    run_of(machine, fault.make)
    try:
        # On a busy machine a query may be late, which would be one finding more.
        told = wait_until(found, 5, f"{fault.check} and no other finding, but {last}")
        assert any(fault.evidence in f["evidence"] for f in told), told
    finally:
        for mend in dict.fromkeys(f["mend"] for f in told if not fault.undo):
            assert not mend.startswith("#")
            run_of(machine, mend)
        for step in (fault.undo, fault.then):
            if step:
                run_of(machine, step)
    # An older query is remembered for two seconds.
    wait_until(lambda: machine.doctor(*fault.arguments, *quick) == [], 5, "a sound machine")
    machine.ns.run("nft", "flush", "ruleset")


def test_a_sound_machine(machine):
    lines = wait_until(lambda: sound[1] if (sound := machine.run())[0] == 0 else [], 5)
    assert {line["severity"] for line in lines} == {"note"}
    asked = [line["evidence"] for line in lines if line["check"] == "querier"]
    assert len(asked) == 6
    assert "192.168.10.250 (02:00:00:00:00:fe) asks on lan by IGMPv3, each 1 s, robustness 2" in asked
    assert "fe80::ff:fe00:fe (02:00:00:00:00:fe) asks on home by MLDv2, each 1 s, robustness 2" in asked


def test_lines_follow_the_schema_and_findings_are_status_1(machine):
    machine.ns.sysctl("net.ipv4.igmp_qrv", 1)
    status, lines = machine.run("--skip", "querier")
    machine.ns.sysctl("net.ipv4.igmp_qrv", 2)
    assert status == 1
    for line in lines:
        jsonschema.validate(line, SCHEMA)


def test_without_rights_it_says_what_it_could_not_look_at(machine):
    status, lines = machine.run(before=("setpriv", "--securebits", "+noroot,+noroot_locked", "--inh-caps", "-all", "--ambient-caps", "-all"))
    assert status == 3
    told = {line["check"]: line for line in lines if line["severity"] == "unknown"}
    assert set(told) == {"listen", "firewall", "port-udp"}
    assert "firewall-sap" in told["firewall"]["consequence"] and "querier-missing" in told["listen"]["consequence"]


def test_too_short_a_time_tells_nothing_of_queriers(machine):
    machine.askers["other"].frames = []
    status, lines = machine.run("--query-interval", "125")
    machine.askers["other"].frames = usual()
    assert status == 3
    assert {(line["check"], line["mend"]) for line in lines if line["severity"] != "note"} == {("querier-missing", "./headwater doctor --listen 130")}


def test_what_was_recorded_is_judged_elsewhere(machine):
    record = machine.directory / "facts.json"
    machine.ns.sysctl("net.ipv4.igmp_qrv", 1)
    _, before = machine.run("--record", record)
    machine.ns.sysctl("net.ipv4.igmp_qrv", 2)
    assert machine.run("--replay", record) == (1, before)


def test_an_interface_that_is_named(machine):
    told = [line["evidence"] for line in machine.run("--only", "querier", "--interface", "home")[1]]
    assert told and all(" on home" in evidence for evidence in told)


def test_a_wrong_word_is_a_usage_error(machine):
    assert machine.run("--only", "querying") == (2, [])
    assert machine.run("--config", "/nowhere.toml") == (2, [])


def test_zones_that_answer_and_zones_that_do_not(machine):
    iot = Zone(machine.lab, "iot", machine.lab.links["other"]).start()
    config = machine.directory / "zones.toml"
    config.write_text(f'run_dir = "{machine.run_dir}"\n[zones.iot]\nbus = "{iot.bus}"\n[zones.guest]\n')
    told = machine.doctor("--config", config, "--only", "zone")
    assert [(f["evidence"], f["mend"]) for f in told] == [
        (f"zone guest: there is no bus at {machine.run_dir}/zones/guest/bus", "systemctl start headwater-zone@guest")
    ]


def test_what_a_service_tells(machine, bin_dir):
    """A configuration that it refuses, and its death."""
    config = machine.directory / "headwater.toml"
    sound = config.read_text()
    running = machine.ns.start([bin_dir / "sap-announcer", "--config", config])
    running.wait_log("msg=ready")
    assert machine.doctor("--only", "headend,port,socket") == []
    config.write_text(sound + "[sap-announcer]\nwrong = 1\n")
    running.signal(signal.SIGHUP)
    told = wait_until(lambda: machine.doctor("--only", "headend"), 5, "the refusal")
    assert [f["check"] for f in told] == ["headend-config"] and "sap-announcer" in told[0]["evidence"]
    config.write_text(sound)
    running.signal(signal.SIGHUP)
    wait_until(lambda: not machine.doctor("--only", "headend"), 5, "the new configuration")
    running.kill()
    told = machine.doctor("--only", "headend,port,socket")
    assert [f["check"] for f in told] == ["socket-stale"]
    machine.ns.run("sh", "-c", told[0]["mend"])
    assert machine.doctor("--only", "headend,port,socket") == []
