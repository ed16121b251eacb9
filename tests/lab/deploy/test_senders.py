"""Several senders under one manager, in namespaces of their own, with the links' service addresses on each one's loopback:
sessions go from one to the other during play."""

import signal
import time
from collections import defaultdict
from pathlib import Path

import pytest

from lab import (
    FIRST_NUMBER,
    TONE,
    Capture,
    FfmpegListener,
    Host,
    Lab,
    Leg,
    Packet,
    SplitHeadend,
    group6,
    has_bye,
    let_pass,
    to_toml,
    wait_until,
)
from lab.judge import own_media

COUNT = 60
EARLY = 40
GROUPS = [group6(FIRST_NUMBER + i) for i in range(COUNT)]
SOURCE_SPECIFIC = f"ff3e::8000:{COUNT:x}"


class SeveralSenders(SplitHeadend):
    """Three senders, of which the first one is started; `add_senders()` starts the others and tells the manager."""

    def __init__(self, lab: Lab, bin_dir: Path):
        super().__init__(lab, bin_dir)
        self.hosts = [self.host, *(lab.host(f"sender{i}", *self.links, self.fabric) for i in (1, 2))]
        self.service = {link.name: (f"{link.prefix6}::5e", f"{link.prefix4}.250") for link in self.links}
        for host in self.hosts:
            for ipv6, ipv4 in self.service.values():
                host.ns.ip(f"address add {ipv6}/128 dev lo nodad", f"address add {ipv4}/32 dev lo")
        self.tell_senders(1)

    def tell_senders(self, count: int) -> None:
        def target(service: str, i: int) -> str:
            return f"unix:{self.run_dir}/{service}{f'@{i}' if i else ''}.sock"

        self.config["session-manager"]["senders"] = [
            {"name": f"s{i}", "packager": target("rtp-packager", i), "announcer": target("sap-announcer", i)}
            for i in range(count)
        ]

    def add_senders(self) -> None:
        for i in (1, 2):
            for service in ("rtp-packager", "sap-announcer"):
                self._start(self.hosts[i], service, i)
        self.tell_senders(3)
        self._write(self.control)
        self.processes["session-manager"].signal(signal.SIGHUP)
        wait_until(lambda: [s["connected"] for s in self.json("sender", "list")] == [True] * 3, 20, "three senders")

    def _write(self, host: Host) -> Path:
        legs = {
            link.name: {
                "interface": host.legs[link.name].interface,
                "service_address_ipv6": self.service[link.name][0],
                "service_address_ipv4": self.service[link.name][1],
            }
            for link in self.links
            if link.name in host.legs
        }
        path = self.directory / f"{host.name}.toml"
        path.write_text(to_toml({**self.config, "legs": legs}))
        return path

    def _start(self, host: Host, service: str, instance: int = 0) -> None:
        argv = [self.bin_dir / service, "--config", self._write(host), "--instance", str(instance)]
        argv = argv if instance else argv[:-2]
        self.processes[f"{service}@{instance}"] = self.processes[service] = host.ns.start(argv, service, env=self.env)

    def loads(self) -> dict[str, int]:
        return {sender["name"]: sender["sessions"] for sender in self.json("sender", "list")}

    def kill_sender(self, i: int) -> None:
        for service in ("rtp-packager", "sap-announcer"):
            self.processes[f"{service}@{i}"].kill()


@pytest.fixture
def headend(lab, bin_dir):
    made = SeveralSenders(lab, bin_dir)
    url = made.icecast.mount("radio", TONE)
    made.icecast.set_title("radio", "Artist - Song")
    made.write_lineup({FIRST_NUMBER + i: (f"Radio {i}", url) for i in range(COUNT + 1)})
    made.start()
    return made


def merged(captures: list[tuple[Leg, Capture]]) -> dict[tuple[str, str], list[Packet]]:
    """What all senders sent, by link and group."""
    sent = defaultdict(list)
    for leg, capture in captures:
        for packet in own_media(capture.stop(), leg.mac):
            sent[leg.link.name, packet.destination].append(packet)
    return {key: sorted(packets, key=lambda p: p.time) for key, packets in sent.items()}


def judge(packets: list[Packet], service: str, settled: float, silence_max: float, may_jump: bool) -> list[str]:
    """Faults in one session's packets as a listener sees them, whoever sent them; its title is known when it is `settled`."""
    faults = [f"from {p.source}" for p in packets if p.source != service]
    faults += ["BYE" for p in packets if p.kind == "rtcp" and has_bye(p)]
    saps = [p.sap() for p in packets if p.kind == "sap"]
    faults += ["deleted" for sap in saps if sap.deletion]
    texts = {(p.sap().hash, p.sap().body) for p in packets if p.kind == "sap" and p.time > settled}
    if len(texts) != 1 or "i=Artist - Song" not in next(iter(texts))[1]:
        faults.append(f"announced as {texts}")
    rtp = [(p.time, p.rtp()) for p in packets if p.kind == "rtp"]
    if len({(packet.ssrc, packet.payload_type) for _, packet in rtp}) != 1:
        faults.append("several SSRCs or types")
    for (before, last), (after, packet) in zip(rtp, rtp[1:]):
        step = (packet.sequence - last.sequence) % 65536
        if step != 1 and not (may_jump and 1 < step < 32768 and after - before > 0.3):
            faults.append(f"sequence {last.sequence}, then {packet.sequence}")
        if after - before > silence_max:
            faults.append(f"silent for {after - before:.2f} s")
        ticks = (packet.timestamp - last.timestamp) % 2**32
        if not 0 < ticks < 90000 * (after - before + 1):
            faults.append(f"timestamp goes on by {ticks} in {after - before:.3f} s")
    return faults


def test_sessions_go_to_two_senders_more_and_back_to_one(lab, headend):
    alice, bob = lab.host("alice", headend.links[0]), lab.host("bob", headend.links[1])
    listener_of = {0: alice, 1: bob}
    legs = [host.legs[link.name] for host in headend.hosts for link in headend.links]
    captures = [(leg, Capture(leg.host.ns, leg.interface, "udp", 1600)) for leg in legs]
    players = [FfmpegListener(listener_of[i % 2], GROUPS[i]) for i in (0, 1, 2)]
    joined = [listener_of[i % 2].join(GROUPS[i]) for i in range(EARLY)]
    service = headend.service["vlan10"][0]
    players.append(FfmpegListener(alice, f"rtp://[{SOURCE_SPECIFIC}]:5004?sources={service}"))
    wait_until(lambda: live(headend) == EARLY + 1, 30, "all live", every=0.2)
    for player in players:
        player.wait_decoded(1, 20)
    headend.add_senders()
    joined += [listener_of[i % 2].join(GROUPS[i]) for i in range(EARLY, COUNT)]
    wait_until(lambda: live(headend) == COUNT + 1, 30, "all live", every=0.2)
    # What ran stays; what begins is spread.
    loads = headend.loads()
    assert loads["s0"] > EARLY and loads["s1"] > 0 and loads["s2"] > 0, loads
    let_pass(1)
    settled = time.time()
    headend.ctl("sender", "drain", "s0")
    wait_until(lambda: headend.loads()["s0"] == 0, 30, "s0 empty", every=0.1)
    headend.ctl("sender", "undrain", "s0")
    headend.ctl("sender", "drain", "s2")
    wait_until(lambda: headend.loads()["s2"] == 0, 30, "s2 empty", every=0.1)
    killed = {group for group, sender in home_of(headend).items() if sender == "s1"}
    headend.kill_sender(1)
    wait_until(lambda: headend.loads()["s0"] == COUNT + 1 and live(headend) == COUNT + 1, 30, "all at s0", every=0.1)
    for player in players:
        player.wait_more(2, 15)
        assert player.playing()
    assert killed and len(killed) < COUNT
    faults = {}
    for (link, group), packets in merged(captures).items():
        silence = 5 if group in killed else 1
        found = judge(packets, headend.service[link][0], settled, silence, may_jump=group in killed)
        if found:
            faults[group] = found[:5]
    assert not faults, faults
    assert len(joined) == COUNT


def live(headend: SeveralSenders) -> int:
    return sum(session["state"].lower() == "live" for session in headend.sessions().values())


def home_of(headend: SeveralSenders) -> dict[str, str]:
    return {group: session["sender"] for group, session in headend.sessions().items()}
