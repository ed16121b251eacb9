"""What people and automation see and change: headwaterctl, a reload, a firewall that follows a port."""

import json

import pytest

from lab import Service, validate, wait_until

from conftest import Site

ALLOW = {"name": "printers", "from": "iot", "to": "trusted", "types": ["_ipp._tcp"], "action": "allow"}
DENY = {"name": "no-office", "from": "*", "to": "*", "names": ["Office"], "action": "deny"}


def test_headwaterctl_lists_watches_checks_and_a_reload_changes_rules_live(site):
    proxy = site.proxy([ALLOW])
    inkjet, ear = site.device("inkjet", "iot"), site.listeners["trusted"]
    publication = inkjet.publish(Service("Office", txt=["a=1"]))
    inkjet.publish(Service("Attic", port=632))
    inkjet.publish(Service("Panel", "_http._tcp", 80))
    ear.wait_seen("Office")
    ear.wait_seen("Attic")

    zones = proxy.ctl("list")
    validate("zone", zones)
    assert [(z["name"], z["state"]) for z in zones] == [("cam", "running"), ("iot", "running"), ("trusted", "running")]
    assert zones[1]["services"] == 3 and zones[2]["mirrored"] == 2 and zones[0]["mirrored"] == 0
    mirrored = proxy.ctl("mirrored")
    validate("mirrored", mirrored)
    assert {(m["from"], m["to"], m["name"], m["rule"], m["state"]) for m in mirrored} == {
        ("iot", "trusted", name, "printers", "published") for name in ("Office", "Attic")
    }
    services = proxy.ctl("services", "--zone", "iot")
    validate("zone_service", services)
    assert {s["name"]: s["resolved"] for s in services} == {"Office": True, "Attic": True, "Panel": False}
    resolved = proxy.ctl("services", "--zone", "iot", "--resolve")
    assert {s["name"]: s["port"] for s in resolved} == {"Office": 631, "Attic": 632, "Panel": 80}
    rules = proxy.ctl("policy", "list")
    validate("zone_rule", rules)
    assert [(r["matched"], r["mirrored"]) for r in rules] == [(2, 2)]

    # A dry run, then the same for good.
    other = site.lab.directory / "other.toml"
    other.write_text(proxy.config_path.read_text().replace("[[mdns-zone-proxy.rules]]", _toml(DENY) + "\n[[mdns-zone-proxy.rules]]", 1))
    crossings = proxy.ctl("policy", "check", other)
    validate("crossing", crossings)
    assert {(c["name"], c["effect"]) for c in crossings} == {("Office", "removed"), ("Attic", "crosses")}
    assert "Office" in ear.names("_ipp._tcp")
    proxy.reload([DENY, ALLOW])
    ear.wait_gone("Office")
    assert "Attic" in ear.names("_ipp._tcp")

    # A configuration with a fault is refused, by the check and at a reload, and says where.
    proxy.reload([{**ALLOW, "to": "moon"}])
    assert '"moon" is no zone' in proxy.process.log().replace("\\", "")
    assert "Attic" in ear.names("_ipp._tcp")
    assert proxy.metric("headwater_config_last_reload_successful") == 0

    # The stream for automation: a port that changes.
    argv = [proxy.bin_dir / "headwaterctl", "--run-dir", proxy.run_dir, "zone", "watch", "--zone", "iot", "--json"]
    watch = proxy.ns.start(argv, "watch")
    watch.wait_log('"synced"')
    publication.stop()
    inkjet.publish(Service("Office", port=8631))

    def ports() -> list[int]:
        rows = [json.loads(line) for line in watch.log().splitlines()]
        validate("zone_watch", rows)
        return [r["port"] for r in rows if r.get("name") == "Office" and r.get("resolved")]

    wait_until(lambda: 8631 in ports(), 10, "the new port in the stream", every=0.2)
    watch.stop()


@pytest.fixture
def root_site(lab, bin_dir) -> Site:
    """Zones that let root in: the proxy keeps one capability here."""
    return Site(lab, bin_dir, "root")


def test_a_firewall_follows_the_printers_port(root_site):
    site = root_site
    rule = {**ALLOW, "nft_set": "inet filter printers"}
    proxy = site.proxy([rule])
    inkjet = site.device("inkjet", "iot")
    leg = inkjet.host.leg
    publication = inkjet.publish(Service("Office"))
    wait_until(lambda: "No such file" in proxy.ctl("policy", "list")[0]["nft_error"], 5, "a set that is not there")

    proxy.stop()
    proxy.ns.run("nft", "add table inet filter")
    for family in ("4", "6"):
        kind = f"{{ type ipv{family}_addr . inet_proto . inet_service; }}"
        proxy.ns.run("nft", f"add set inet filter printers{family} {kind}")
    proxy.ns.run("nft", "add element inet filter printers4 { 198.51.100.1 . tcp . 1 }")
    proxy.start()

    def elements() -> str:
        return " ".join(proxy.ns.run("nft", "list", "set", "inet", "filter", f"printers{f}") for f in "46")

    wait_until(lambda: f"{leg.ipv4} . tcp . 631" in elements() and f"{leg.ipv6} . tcp . 631" in elements(), 10, "the printer")
    assert "198.51.100.1" not in elements()
    publication.stop()
    inkjet.publish(Service("Office", port=8631))
    wait_until(lambda: f"{leg.ipv4} . tcp . 8631" in elements() and ". 631" not in elements(), 10, "its new port")
    assert proxy.ctl("policy", "list")[0]["nft_elements"] >= 2
    capabilities = int(proxy.ns.run("grep", "CapEff", f"/proc/{proxy.process.pid}/status").split()[1], 16)
    assert capabilities == 1 << 12, "CAP_NET_ADMIN alone"
    assert proxy.stop() == 0
    assert "tcp" not in elements().replace("inet_proto", "")


def test_a_firewall_without_the_privilege_is_a_clear_error(site):
    proxy = site.proxy([ALLOW])
    proxy.stop()
    proxy.table["rules"] = [{**ALLOW, "nft_set": "inet filter printers"}]
    proxy.write_config()
    argv = [proxy.bin_dir / "mdns-zone-proxy", "--config", proxy.config_path]
    process = proxy.ns.start(argv, "unprivileged", user="nobody")
    assert process.wait(10) == 77
    assert '"printers": nft_set needs CAP_NET_ADMIN' in process.log()


def _toml(rule: dict) -> str:
    return "[[mdns-zone-proxy.rules]]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in rule.items())
