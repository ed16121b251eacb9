"""Checks of this machine: clock, ports, sockets, devices, programs, zones, and what the running services themselves tell."""

import re
from typing import Iterator

from .facts import Facts
from .finding import FAULT, WARNING, Seen, check, seen


@check(
    "clock", WARNING, looks_at="whether the clock is synchronised (chrony's word, or the kernel's)",
    consequence="the times in SDP and RTCP are wrong, certificates may seem expired, and mcast-monitor gives no time",
    mend="systemctl start chrony", needs=("clock",),
)
def clock(facts: Facts) -> Iterator[Seen]:
    if not facts.clock_synchronised:
        yield seen(facts.clock_text)


@check(
    "port-taken", FAULT, looks_at="the services' HTTP ports (9461 to 9469)", consequence="{service} cannot start",
    mend="# end the program that holds it: ss -tlnp sport = :{port}",
)
def port_taken(facts: Facts) -> Iterator[Seen]:
    for service, holder in facts.ports.items():
        port = facts.port_numbers.get(service, 0)
        if holder == "other":
            yield seen(f"port {port} is {service}'s, and another program listens there", service=service, port=port)


@check(
    "port-udp-taken", FAULT, looks_at="UDP ports 5004, 5005 and 9875 of the service addresses, and mcast-monitor's",
    consequence="rtp-packager, sap-announcer or mcast-monitor cannot send or listen there",
    mend="# end the program that holds it without sharing: ss -ulnp sport = :{port}", needs=("port-udp",),
)
def udp_taken(facts: Facts) -> Iterator[Seen]:
    for one in facts.udp_taken:
        yield seen(f"UDP port {one} cannot be bound", port=one.split()[0])


@check(
    "socket-stale", WARNING, looks_at="the services' unix sockets in `run_dir`",
    consequence="its service has died, and whoever calls it waits",
    mend="rm {path}",
)
def stale_sockets(facts: Facts) -> Iterator[Seen]:
    for path in facts.stale_sockets:
        yield seen(f"nobody answers at {path}", path=path)


@check(
    "run-dir-open", FAULT, looks_at="the mode of `run_dir`",
    consequence="anybody on this machine may call the services: the folder's mode is what protects them",
    mend="chmod o-w {path}",
)
def run_dir_open(facts: Facts) -> Iterator[Seen]:
    if facts.run_dir_mode is not None and facts.run_dir_mode & 0o002:
        yield seen(f"{facts.run_dir} has mode {facts.run_dir_mode & 0o7777:o}", path=facts.run_dir)


@check(
    "dvb-missing", FAULT, looks_at="the adapters that `[[dvb-tuner.tuners]]` names", consequence="nothing is received by adapter {adapter}",
    mend="# is the driver loaded (dmesg), and is the device given to the container (--device /dev/dvb)?",
)
def dvb_missing(facts: Facts) -> Iterator[Seen]:
    for one in facts.devices:
        if one.get("missing"):
            yield seen(f"there is no {one['path']}", adapter=one["adapter"])


@check(
    "dvb-permission", FAULT, looks_at="group and mode of the DVB devices", consequence="dvb-tuner, which runs in group video, cannot tune",
    mend="chgrp video {path} && chmod 660 {path}",
)
def dvb_permission(facts: Facts) -> Iterator[Seen]:
    for one in facts.devices:
        if not one.get("missing") and (one["group"] != "video" or one["mode"] & 0o060 != 0o060) and one["mode"] & 0o006 != 0o006:
            yield seen(f"{one['path']} has group {one['group']} and mode {one['mode'] & 0o777:o}", path=one["path"])


@check(
    "program-missing", FAULT, looks_at="the programs that the configured services start", consequence="{service} cannot work",
    mend="apt-get install {package}",
)
def programs(facts: Facts) -> Iterator[Seen]:
    for program, package in facts.missing_programs.items():
        needed_by = {"dvblast": "dvb-tuner", "smcrouted": "mcast-bridge", "ip": "the doctor", "nft": "the doctor"}.get(program, program)
        yield seen(f"{program} is not installed", service=needed_by, package=package)


@check(
    "zone-silent", FAULT, looks_at="the Avahi of each mDNS zone of the configuration, by its bus",
    consequence="zone {zone} is not mirrored", mend="{start}",
)
def zones(facts: Facts) -> Iterator[Seen]:
    for zone in facts.zones:
        if not zone["answers"]:
            yield seen(f"zone {zone['name']}: {zone['why']} at {zone['bus']}", zone=zone["name"], start=zone["start"])


_ALARMS = {
    "foreign_querier": ("another router asks who listens", "make this port a router port of the switch, or give this host the lower address"),
    "older_querier": ("somebody asks in an older version, and hosts fall back to it", "raise the IGMP/MLD version of that router or switch"),
    "no_querier": ("nobody asks who listens", 'set querier = "auto" for the link, or have another router ask'),
    "no_reports": ("no report for a membership interval", "if hosts listen, a switch keeps their reports from this port: make it a router port"),
    "hop_limit": ("reports arrive that came through a router", "something forwards multicast control traffic between links"),
    "limit": ("groups, members or records are refused at a limit", "raise the limit that headwater_membership_watcher_records_ignored_total names"),
}
_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.M)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def samples(text: str, metric: str) -> Iterator[tuple[dict[str, str], float]]:
    """A metric's labels and values in the Prometheus text format."""
    for name, labels, value in _SAMPLE.findall(text):
        if name == metric:
            yield dict(_LABEL.findall(labels)), float(value)


@check(
    "headend-membership", WARNING, looks_at="the alarms of the membership-watcher that runs here", consequence="link {link}: {what}",
    mend="# {help}"
)
def membership_alarms(facts: Facts) -> Iterator[Seen]:
    for labels, value in samples(facts.metrics.get("membership-watcher", ""), "headwater_membership_watcher_alarm"):
        if value == 1:
            alarm, link = labels.get("alarm", ""), labels.get("link", "")
            what, help_text = _ALARMS.get(alarm, (alarm, "see docs/metrics.md"))
            yield seen(f"membership-watcher raises {alarm} for link {link}: {what}", link=link, what=what, help=help_text)


# Metric, the value that is well, what it means, what helps.
_WELL = (
    ("session-manager", "headwater_session_manager_endpoint_connected", 1, "is not connected", "start that service, or correct its endpoint"),
    (
        "session-manager", "headwater_session_manager_links_unserved", 0, "links have members and no sender",
        "name the link in the sender's [legs], or mend its interface",
    ),
    (
        "session-manager", "headwater_session_manager_links_doubly_claimed", 0, "links are claimed by several watchers",
        "give each link a name of its own",
    ),
)


@check(
    "headend-state", FAULT, looks_at="what the running session-manager says of its endpoints and links",
    consequence="sessions there do not start", mend="# {help}"
)
def headend_state(facts: Facts) -> Iterator[Seen]:
    for service, metric, well, what, help_text in _WELL:
        for labels, value in samples(facts.metrics.get(service, ""), metric):
            if value != well:
                yield seen(f"{service}: {' '.join(labels.values()) or int(value)} {what}", help=help_text)


@check(
    "headend-config", WARNING, looks_at="whether the running services have taken the newest configuration",
    consequence="{service} goes on with an older one",
    mend="# the log of {service} names file, line and what is allowed",
)
def headend_config(facts: Facts) -> Iterator[Seen]:
    for service, text in facts.metrics.items():
        for _, value in samples(text, "headwater_config_last_reload_successful"):
            if value == 0:
                yield seen(f"{service} has refused the configuration when it was last told to read it", service=service)
