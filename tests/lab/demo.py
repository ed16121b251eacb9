#!/usr/bin/python3
"""./headwater demo: a network of namespaces, a real station, stock players; what happens when one joins, told in milliseconds."""

import argparse
import dataclasses
import json
import signal
import sys
from pathlib import Path
from typing import Callable, Optional

sys.path.insert(0, str(Path(__file__).resolve().parent))

from lab import (  # noqa: E402
    FIRST_NUMBER,
    Capture,
    FfmpegListener,
    Headend,
    Lab,
    Packet,
    group4,
    group6,
    has_bye,
    joins,
    leaves,
    let_pass,
    of_kind,
    wait_until,
)

ROOT = Path(__file__).resolve().parents[2]
TITLES = ["Bach – Air", "Satie – Gymnopédie 1", "Fauré – Pavane"]
TONE = 440.0
LINGER_MS = 1000
# Milliseconds. What is ten times over its target fails the demo.
TARGETS = {
    "join_to_http_ms": 5,
    "join_to_sap_ms": 25,
    "join_to_rtp_ms": 60,
    "join_to_pcm_ms": 500,
    "late_join_to_sap_ms": 100,
    "leave_to_stop_ms": LINGER_MS + 100,
}
WORDS = {
    "join_to_http_ms": "first SYN or GET of the source",
    "join_to_sap_ms": "first SAP",
    "join_to_rtp_ms": "first RTP",
    "join_to_pcm_ms": "first decoded sound",
    "late_join_to_sap_ms": "a latecomer's report to SAP",
    "leave_to_stop_ms": f"last leave to BYE ({LINGER_MS} ms of it linger)",
}


class Failure(Exception):
    """A function that did not hold."""


@dataclasses.dataclass
class Family:
    """One run of the story over one family."""

    name: str
    group: str
    figures: dict[str, float] = dataclasses.field(default_factory=dict)
    decoded_s: float = 0.0
    title_changes: int = 0


class Story:
    """The demo's steps for one group, in order; each raises Failure when its function does not hold."""

    def __init__(self, lab: Lab, headend: Headend, family: Family, say: Callable[[str], None]):
        self.lab, self.headend, self.family, self.say = lab, headend, family, say
        self.group = family.group
        self.alice, self.bob, self.carol = (lab.hosts[name] for name in ("alice", "bob", "carol"))
        self.lan = Capture(headend.ns, headend.link.name)
        self.fabric = Capture(headend.ns, headend.fabric.name, "tcp port 8000")

    def tell(self) -> None:
        listener = self.join()
        self.change_titles(listener)
        self.join_late()
        self.end_the_source(listener)
        self.leave()
        bad = self.lan.malformed()
        require(not bad, f"tshark finds malformed packets: {bad[:3]}")
        for capture in (self.lan, self.fabric):
            capture.stop()

    def join(self) -> FfmpegListener:
        """A stock player that only joins hears the station."""
        listener = FfmpegListener(self.alice, self.group)
        listener.wait_decoded(6, 25)
        report = self.lan.wait_packet(lambda p: joins(p, self.group), 1, "the report")
        request = next((p for p in self.fabric.packets() if p.time >= report.time and is_request(p)), None)
        require(request is not None, "no request to the station after the report")
        assert request and listener.first_pcm
        self.put("join_to_http_ms", request.time - report.time)
        for figure, kind in (("join_to_sap_ms", "sap"), ("join_to_rtp_ms", "rtp")):
            first = self.lan.wait_packet(of_kind(kind, self.group), 1)
            self.put(figure, first.time - report.time)
        self.put("join_to_pcm_ms", listener.first_pcm - report.time)
        heard = listener.tone_seconds(TONE)
        require(heard >= 0.9 * listener.decoded_seconds, f"only {heard:.1f} s of the sound are the station's tone")
        self.family.decoded_s = round(heard, 1)
        return listener

    def change_titles(self, listener: FfmpegListener) -> None:
        """The ICY title is in the SDP and changes live; the player plays on."""
        for title in TITLES:
            self.headend.icecast.set_title("radio", title)
            self.lan.wait_packet(lambda p: self.is_sap(p) and title in p.sap().line("i"), 15, f"SAP with '{title}'")
            listener.wait_more(1, 10)
            self.family.title_changes += 1
        versions = {p.sap().version for p in self.lan.select(self.is_sap)}
        require(len(versions) >= len(TITLES), f"{len(TITLES)} titles, but {len(versions)} versions of the SDP")
        deleted = [p for p in self.lan.packets() if of_kind("sap", self.group)(p) and p.sap().deletion]
        require(not deleted, "a version was deleted while the session lived")

    def join_late(self) -> None:
        """A second listener shares the one source and has its SAP at once."""
        worst, mac = 0.0, self.bob.leg.mac
        for _ in range(3):
            with self.bob.join(self.group) as membership:
                report = self.lan.wait_packet(
                    lambda p: p.time >= membership.asked and p.source_mac == mac and joins(p, self.group), 3
                )
                first = self.lan.wait_packet(lambda p: self.is_sap(p) and p.time > report.time, 6, "SAP for a latecomer")
                worst = max(worst, first.time - report.time)
            # Not in step with the announcements of each second.
            let_pass(1.3)
        self.put("late_join_to_sap_ms", worst)
        second = FfmpegListener(self.bob, self.group)
        second.wait_decoded(1, 15)
        require(self.headend.icecast.listeners("radio") == 1, "two listeners, but not one source")
        second.leave()

    def end_the_source(self, listener: FfmpegListener) -> None:
        """The station goes off the air: silence first, then the session ends and with it, by itself, the player."""
        self.headend.icecast.end("radio")
        require(listener.wait_end(20) == 0, "the player did not end well")
        self.headend.icecast.mount("radio", TONE, name="Demo Radio", bitrate="320k")

    def leave(self) -> None:
        """After the last leave the stream ends: BYE, deletions, the source closed."""
        listener = FfmpegListener(self.carol, self.group)
        listener.wait_decoded(2, 25)
        before = self.lan.packets()[-1].time
        listener.leave()

        def after(wanted: Callable[[Packet], bool], count: int, what: str) -> Packet:
            def enough() -> Optional[Packet]:
                found = [p for p in self.lan.packets() if p.time > before and wanted(p)]
                return found[count - 1] if len(found) >= count else None

            packet = wait_until(enough, 15, what)
            assert packet
            return packet

        left = after(lambda p: leaves(p, self.group), 1, "the leave")
        bye = after(lambda p: p.destination == self.group and has_bye(p), 1, "BYE")
        after(lambda p: p.destination == self.group and has_bye(p), 2, "BYE a second time")
        after(lambda p: of_kind("sap", self.group)(p) and p.sap().deletion, 3, "three deletions")
        self.put("leave_to_stop_ms", bye.time - left.time)
        late = [p for p in self.lan.packets() if of_kind("rtp", self.group)(p) and p.time > bye.time]
        require(not late, f"{len(late)} RTP packets after BYE")
        wait_until(lambda: self.headend.icecast.listeners("radio") == 0, 5, "the source closed")
        require(self.group not in self.headend.ns.memberships(), "the headend joined a group that it serves")

    def is_sap(self, packet: Packet) -> bool:
        return of_kind("sap", self.group)(packet) and not packet.sap().deletion

    def put(self, figure: str, seconds: float) -> None:
        milliseconds = round(1000 * seconds, 1)
        self.family.figures[figure] = milliseconds
        self.say(f"  {milliseconds:10.1f}  {TARGETS[figure]:10}   {WORDS[figure]}")


def require(holds: bool, what: str) -> None:
    if not holds:
        raise Failure(what)


def is_request(packet: Packet) -> bool:
    """The first word to the station: a SYN, or a GET on a connection that was kept."""
    return packet.kind == "tcp" and packet.destination_port == 8000 and (packet.is_syn or packet.payload.startswith(b"GET "))


def build_lab(lab: Lab, bin_dir: Path) -> Headend:
    headend = Headend(lab, bin_dir)
    for name in ("alice", "bob", "carol"):
        lab.host(name, headend.link)
    directory = headend.config["directory-resolver"]["directory"][0]
    directory["linger"] = f"{LINGER_MS}ms"
    directory["silence_limit"] = "2s"
    url = headend.icecast.mount("radio", TONE, name="Demo Radio", bitrate="320k")
    headend.write_lineup({FIRST_NUMBER: ("Demo Radio", url)})
    return headend


def run(arguments: argparse.Namespace, say: Callable[[str], None]) -> tuple[bool, list[Family]]:
    families = [Family("ipv6", group6(FIRST_NUMBER)), Family("ipv4", group4(FIRST_NUMBER))]
    ok = True
    with Lab() as lab:
        say("making a network: a switch that snoops, a headend, an Icecast, listeners")
        headend = build_lab(lab, arguments.bin_dir)
        headend.start()
        say("headend ready")
        for family in families:
            say(f"\n{family.name}  {family.group}\n    measured      target   ms from the report on the wire")
            try:
                Story(lab, headend, family, say).tell()
            except (Failure, AssertionError, TimeoutError, RuntimeError) as failure:
                ok = False
                say(f"  FAILED: {failure}")
                for service, log in headend.logs().items():
                    say(f"--- {service}\n" + "\n".join(log.splitlines()[-15:]))
                break
            say(f"  {family.decoded_s:g} s of the station's tone, {family.title_changes} titles changed live, ended by BYE and deletions")
        if ok and headend.stop() != 0:
            ok = False
            say("FAILED: the headend did not stop clean")
    for family in families:
        for figure, value in family.figures.items():
            if value > 10 * TARGETS[figure]:
                ok = False
                say(f"FAILED: {family.name} {figure} is {value:g}, more than ten times {TARGETS[figure]}")
    return ok and all(len(f.figures) == len(TARGETS) for f in families), families


def stay(arguments: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Keeps the network and the headend until Ctrl-C."""
    with Lab() as lab:
        headend = build_lab(lab, arguments.bin_dir)
        headend.start()
        alice = lab.hosts["alice"]
        say("the headend runs; paste this into another terminal to listen, and Ctrl-C here to end:\n")
        print(f"nsenter --net={alice.ns.path} ffplay -nodisp 'sap://[{group6(FIRST_NUMBER)}]:9875'", flush=True)
        # However it is told to end, nothing is to be left.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
        say(f"\nits state: ./headwater ctl --run-dir {headend.run_dir} session list")
        try:
            while True:
                let_pass(3600)
        except KeyboardInterrupt:
            say("ending")
    return 0


def summary(ok: bool, families: list[Family]) -> dict:
    """The worse family counts."""
    told = [family for family in families if family.figures]
    worst = {figure: max((f.figures.get(figure) for f in told if figure in f.figures), default=None) for figure in TARGETS}
    return {
        "ok": ok,
        "families": {f.name: {"group": f.group, "decoded_s": f.decoded_s, "title_changes": f.title_changes, **f.figures} for f in told},
        **worst,
        "decoded_s": min((f.decoded_s for f in families), default=0),
        "title_changes": min((f.title_changes for f in families), default=0),
        "targets": TARGETS,
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="headwater demo",
        description="Makes a network of namespaces with a switch, a headend, an Icecast and listeners; lets an unmodified ffmpeg join, "
        "and tells what happens in milliseconds: the source, SAP, RTP, sound, titles, a latecomer, the end; over IPv6 and IPv4. "
        "Status 0 only if everything held and no figure was ten times its target.",
    )
    parser.add_argument("--json", action="store_true", help="one object at the end instead of the timeline")
    parser.add_argument("--stay", action="store_true", help="keep it running and print a command that listens")
    parser.add_argument("--bin-dir", type=Path, default=ROOT / "build" / "release" / "bin", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    say = lambda text: print(text, file=sys.stderr if arguments.json else sys.stdout, flush=True)  # noqa: E731
    if arguments.stay:
        return stay(arguments, say)
    ok, families = run(arguments, say)
    if arguments.json:
        print(json.dumps(summary(ok, families)))
    else:
        say("\nok: everything held" if ok else "\nFAILED")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
