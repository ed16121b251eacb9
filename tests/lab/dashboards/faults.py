"""Faults of the kernel, the wire and the machine, one for each alert: made, and mended again."""

import os
import signal
from typing import Callable, NamedTuple

from dvb_scene import HOME_CARRIER, UHD_CARRIER
from hand_made import Wire
from site_scene import SESSIONS_MAX, TLS, Site

from lab import FIRST_NUMBER, group6


class Fault(NamedTuple):
    """`again` is done each second while the fault lasts."""

    alert: str
    make: Callable[[Site], object]
    mend: Callable[[Site], object]
    again: Callable[[Site], object] = lambda site: None


def nft(table: str, hook: str, rule: str) -> str:
    return f"table inet {table} {{ chain {hook} {{ type filter hook {hook} priority 0; {rule} drop; }}; }}"


def load(host, text: str) -> None:
    path = host.lab.directory / f"{host.name}.nft"
    path.write_text(text + "\n")
    host.ns.run("nft", "-f", path)


def unload(host, table: str) -> None:
    host.ns.run("nft", "delete", "table", "inet", table)


def drop_out(site: Site, table: str, group: str, port: int) -> None:
    """As a careless firewall on the headend does."""
    load(site.headend.host, nft(table, "output", f"ip6 daddr {group} udp dport {port}"))


def rejoin(site: Site) -> None:
    """A latecomer wants an announcement at once."""
    with site.carol.join(site.radio):
        pass


def break_configuration(site: Site) -> None:
    site.kept = site.headend.config_path.read_text()
    site.headend.config_path.write_text(site.kept + "\nno_such_key = 1\n")
    site.headend.up.signal(signal.SIGHUP)


def mend_configuration(site: Site) -> None:
    site.headend.config_path.write_text(site.kept)
    site.headend.up.signal(signal.SIGHUP)


def ask_for_too_much(site: Site) -> None:
    site.greedy = [site.carol.join(group6(FIRST_NUMBER + n)) for n in range(2, SESSIONS_MAX + 2)]


def enough(site: Site) -> None:
    for join in site.greedy:
        join.leave()


def restart_zone(site: Site) -> None:
    site.zones["iot"].launch()
    site.zones["iot"].wait_ready()


FAULTS = [
    Fault("HeadwaterMembersWithoutPackets", lambda s: drop_out(s, "rtp", s.second, 5004), lambda s: unload(s.headend.host, "rtp")),
    Fault("HeadwaterSapMissing", lambda s: drop_out(s, "sap", s.radio, 9875), lambda s: unload(s.headend.host, "sap"), rejoin),
    # From an address below every other's, and in a version that makes hosts fall back.
    Fault("HeadwaterQuerier", lambda s: None, lambda s: None, lambda s: Wire(s.stranger, "mgmt").query("fe80::1", version=1)),
    Fault("HeadwaterTunerUnlocked", lambda s: s.sky[HOME_CARRIER].set(lock=0), lambda s: s.sky[HOME_CARRIER].set(lock=1)),
    Fault("HeadwaterContinuityErrors", lambda s: None, lambda s: None, lambda s: s.sky[UHD_CARRIER].lose(0x102, 5)),
    Fault(
        "HeadwaterLossReported",
        lambda s: load(s.bob, nft("loss", "input", "udp dport 5004 numgen random mod 4 == 0")),
        lambda s: unload(s.bob, "loss"),
    ),
    Fault("HeadwaterZoneDown", lambda s: s.zones["iot"].stop(), restart_zone),
    Fault("HeadwaterSenderSaturated", ask_for_too_much, enough),
    Fault(
        "HeadwaterEventsDropped",
        lambda s: os.kill(s.rsyslogd.pid, signal.SIGSTOP),
        lambda s: os.kill(s.rsyslogd.pid, signal.SIGCONT),
        lambda s: s.log_to_the_group(10),
    ),
    Fault("HeadwaterBridgeRuleDown", lambda s: s.headend.host.legs["iot"].set_up(False), lambda s: s.headend.host.legs["iot"].set_up(True)),
    Fault(
        "HeadwaterServiceDown",
        lambda s: load(s.headend.host, nft("scrape", "input", "tcp dport 9462")),
        lambda s: unload(s.headend.host, "scrape"),
    ),
    Fault("HeadwaterConfigurationRefused", break_configuration, mend_configuration),
]
# By promtool's test alone until there is mutual TLS.
NOT_HERE = set() if TLS else {"HeadwaterCertificateExpires"}
if TLS:
    FAULTS.append(
        Fault(
            "HeadwaterCertificateExpires",
            lambda s: s.attic.pki("renew", "--all", "--days", "5"),
            lambda s: s.attic.pki("renew", "--all"),
        )
    )
