"""deploy/vlan-run: what a guest has, what it leaves, what is refused."""

import os
import pwd
import re
import signal
import subprocess
from pathlib import Path

import pytest
from vlan_host import VLAN_RUN, VlanHost, router

from lab import Device, Service, Zone, ZoneProxy, wait_until

GUESTS = 200
NAMESPACES = ("net", "mnt", "cgroup", "pid")
USER = "nobody"


@pytest.fixture
def machine(lab) -> VlanHost:
    return VlanHost(lab, {10: None, 20: None})


def namespaces_of(pid: int) -> dict[str, int]:
    return {kind: os.stat(f"/proc/{pid}/ns/{kind}").st_ino for kind in NAMESPACES}


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def all_below(pid: int) -> list[int]:
    return [p for child in children_of(pid) for p in (child, *all_below(child))]


def test_two_hundred_guests_have_addresses_of_their_own_and_leave_nothing(machine):
    interfaces, mounts = machine.interfaces(), machine.mounts()
    # What a service's own children do: a session of their own, and no ear for the end of their parent.
    command = ["sh", "-c", "cat /sys/class/net/br20/address; setsid nohup sleep 999 & echo begun; exec sleep 999"]
    guests = [machine.guest("20", "--", *command, name=f"guest{n}") for n in range(GUESTS)]
    for guest in guests:
        guest.wait_log("begun", 60)
    ports = machine.interfaces() - interfaces
    assert len(ports) == GUESTS and all(re.fullmatch(r"rt20_[0-9a-f]{8}", port) for port in ports)
    macs = {re.search(r"^(fe:ff(?::[0-9a-f]{2}){4})$", guest.log(), re.M)[1] for guest in guests}
    assert len(macs) == GUESTS, "no two have the same"
    assert {"rt20_" + mac[6:].replace(":", "") for mac in macs} == ports

    own = namespaces_of(os.getpid())
    processes: list[int] = []
    for guest in guests:
        first = children_of(guest.pid)[0]
        made = namespaces_of(first)
        assert not set(made.values()) & set(own.values())
        assert f"rt20_{made['net'] ^ 0xF0000000:08x}" in ports, "the number is the namespace's"
        assert Path(f"/proc/{first}/cgroup").read_text() == Path("/proc/self/cgroup").read_text(), "no cgroup is made, none is left"
        processes += [guest.pid, *all_below(guest.pid)]
    assert len(processes) == 4 * GUESTS
    for number, guest in enumerate(guests):
        guest.signal(signal.SIGKILL if number % 2 else signal.SIGTERM)
    assert {guest.wait(30) for guest in guests} == {-signal.SIGKILL, 128 + signal.SIGTERM}
    machine.wait_empty(interfaces)
    assert machine.mounts() == mounts
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in processes), 5, "the end of all processes")


def test_what_a_guest_has_for_itself(machine):
    before = machine.run("cat", "/etc/resolv.conf")
    script = """
    ls /sys/class/net; cat /proc/sys/net/ipv4/ip_forward; cat /etc/resolv.conf; cat /proc/self/cgroup
    for folder in /run/systemd/resolve /run/dbus /var/lib/dhcp /etc/bird /run/bird; do
      [ ! -d $folder ] || { touch $folder/guest-was-here && stat -f -c "$folder %T" $folder; }
    done
    ip -br -4 address show br20; ip route
    """
    address = "20=192.168.20.7/24"
    said = machine.guest_says(
        "10", "20", "--address", address, "--gateway", "192.168.20.1", "--dns", "192.168.20.1", "--", "sh", "-c", script
    )
    assert said.startswith("br10\nbr20\nlo\n0\nnameserver 192.168.20.1\n") and "0::/\n" in said
    assert "/run/dbus tmpfs" in said and "/run/systemd/resolve tmpfs" in said and "/run/bird tmpfs" in said
    assert "192.168.20.7/24" in said and "default via 192.168.20.1" in said
    assert machine.run("cat", "/etc/resolv.conf") == before
    assert "guest-was-here" not in machine.run("find", "/run", "/etc", "/var/lib/dhcp", "-name", "guest*", check=False)


def test_a_guests_end_is_its_commands(machine):
    assert machine.guest_says("20", "--", "sh", "-c", "exit 7", status=7) == ""
    machine.guest_says("20", "--", "sh", "-c", "kill -9 $$", status=128 + signal.SIGKILL)
    # Signals reach the command, which may take its time.
    guest = machine.guest("20", "--", "sh", "-c", "trap 'echo told; exit 3' TERM; echo begun; while :; do sleep 0.05; done")
    guest.wait_log("begun")
    assert guest.stop() == 3 and "told" in guest.log()


def test_a_mac_prefix_of_its_own_for_each_machine(machine):
    show = ["20", "--", "cat", "/sys/class/net/br20/address"]
    assert machine.guest_says("20", "--mac-prefix", "fe:02", *show[1:]).startswith("fe:02:")
    # What the machine says for all of its guests, on an /etc of the test's own.
    script = """
    mount -t tmpfs tmpfs /mnt && mkdir /mnt/upper /mnt/work
    mount -t overlay overlay -o lowerdir=/etc,upperdir=/mnt/upper,workdir=/mnt/work /etc
    mkdir -p /etc/headwater && echo "$1" > /etc/headwater/mac-prefix && shift && exec "$@"
    """
    with_file = ["unshare", "--mount", "sh", "-ec", script, "sh"]
    assert machine.run(*with_file, "fe:03", VLAN_RUN, *show).startswith("fe:03:")
    guest = machine.start(*with_file, "01:00", VLAN_RUN, *show)
    assert guest.wait(20) == 64 and "MAC prefix 01:00: two octets" in guest.log()


def test_a_user_has_the_capabilities_that_are_named_and_no_others(machine):
    script = "id -un; grep -E 'Cap(Eff|Amb)' /proc/self/status"
    assert machine.guest_says("20", "--user", USER, "--cap", "net_raw", "--", "sh", "-c", script) == (
        f"{USER}\nCapEff:\t0000000000002000\nCapAmb:\t0000000000002000\n"
    )
    assert machine.guest_says("20", "--user", USER, "--", "sh", "-c", script) == (
        f"{USER}\nCapEff:\t0000000000000000\nCapAmb:\t0000000000000000\n"
    )


def test_a_lease_and_a_routers_prefix_come_with_name_servers_of_the_guests_own(lab):
    link = lab.link("iot")
    router(lab, link)
    machine = VlanHost(lab, {20: link})
    script = "ip -br address show br20; cat /etc/resolv.conf; getent ahostsv4 printer.example; ip route"
    said = machine.guest_says("20", "--dhcp", "--slaac", "--", "sh", "-c", script)
    assert re.search(rf"{link.prefix4}\.1\d\d/24", said) and f"{link.prefix6}:fcff:" in said
    assert f"nameserver {link.prefix4}.1\n" in said and f"nameserver {link.prefix6}::1\n" in said
    assert "192.0.2.7" in said, "the guest has names that the machine has not"
    assert "192.0.2.7" not in machine.run("getent", "ahostsv4", "printer.example", check=False)
    # Named by hand: not replaced by the lease's.
    said = machine.guest_says("20", "--dhcp", "--dns", "192.0.2.53", "--", "cat", "/etc/resolv.conf")
    assert said == "nameserver 192.0.2.53\n"


class GuestZone(Zone):
    """A zone that is a guest of vlan-run."""

    def __init__(self, machine: VlanHost, name: str):
        self.name, self.bus_dir, self.host = name, machine.run_dir / "zones" / name, machine


def test_a_guests_own_avahi_is_a_zone(lab, bin_dir):
    iot, users = lab.link("iot"), lab.link("users")
    printer = Device(lab, "printer", iot).start()
    printer.publish(Service("Office"))
    listener, trusted = Device(lab, "ear", users).start(), Zone(lab, "users", users, allow_user=USER).start()
    machine = VlanHost(lab, {20: iot})
    before = machine.interfaces()
    script = "grep ^avahi: /etc/passwd; while :; do avahi-browse -p -t -a; sleep 0.2; done"
    guest = machine.guest("20", "--user", USER, "--zone", "iot", "--address", f"{iot.prefix4}.77/24", "--", "sh", "-c", script)
    guest.wait_log("Office", 20)
    assert re.search(r"^avahi:x:(\d+):", guest.log(), re.M)[1] == str(pwd.getpwnam(USER).pw_uid)
    (avahi,) = [pid for pid in all_below(guest.pid) if Path(f"/proc/{pid}/comm").read_text() == "avahi-daemon\n"]
    assert os.stat(f"/proc/{avahi}").st_uid == pwd.getpwnam(USER).pw_uid, "the daemon is the user's own"
    rule = {"name": "printers", "from": "iot", "to": "users", "types": ["_ipp._tcp"], "action": "allow"}
    proxy = ZoneProxy(lab, bin_dir, [GuestZone(machine, "iot"), trusted], [rule]).start()
    listener.wait_seen_name("Office")
    proxy.stop()
    assert guest.stop(20) == 128 + signal.SIGTERM
    machine.wait_empty(before)
    assert not (machine.run_dir / "zones" / "iot" / "bus").exists()


def test_a_user_starts_avahi_by_hand(lab):
    iot = lab.link("iot")
    Device(lab, "printer", iot).start().publish(Service("Office"))
    conf = lab.directory / "avahi.conf"
    conf.write_text("[server]\nuse-ipv4=yes\nuse-ipv6=yes\n[wide-area]\nenable-wide-area=no\n[publish]\ndisable-publishing=yes\n")
    script = f"""
    dbus-daemon --system --address=unix:path=/run/dbus/system_bus_socket --nofork --nopidfile & sleep 0.3
    /usr/sbin/avahi-daemon --no-drop-root --no-chroot -f {conf} & exec 2>/dev/null
    while :; do avahi-browse -p -t -a; sleep 0.2; done
    """
    guest = VlanHost(lab, {20: iot}).guest("20", "--user", USER, "--", "sh", "-c", script)
    guest.wait_log(";Office;", 20)


@pytest.mark.parametrize(
    "words, status, says",
    [
        (["0"], 64, "0: a VLAN is a number from 1 to 4094"),
        (["4095"], 64, "4095: a VLAN is a number"),
        ([], 64, "VLAN"),
        (["20", "20"], 64, "VLAN 20 is named twice"),
        (["10=br0", "20=br0"], 64, "bridge br0 is named twice"),
        (["20=a/b"], 64, "20=a/b: not an interface's name"),
        (["20", "--wrong"], 64, "--wrong"),
        (["20", "--address", "30=10.0.0.1/8"], 64, "--address 30=10.0.0.1/8: VLAN 30 is not among those named"),
        (["20", "--address", "10.0.0"], 64, "--address 10.0.0: not ADDRESS/LENGTH"),
        (["20", "--dns", "x"], 64, "--dns x: not an address"),
        (["20", "--mac-prefix", "ff:ff"], 64, "MAC prefix ff:ff"),
        (["20", "--user", "no-such-user"], 64, "--user no-such-user: there is no such user"),
        (["20", "--cap", "net_raw"], 64, "--cap: only with --user"),
        (["20", "--zone", "A"], 64, "--zone A"),
        (["33"], 69, "no bridge br33 on this machine for VLAN 33 (bridges: br10, br20)"),
        (["20", "--", "/no/such/command"], 127, "/no/such/command: No such file"),
        (["20", "--", "/etc"], 126, "/etc: Permission denied"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_is_wrong_is_named(module_machine, words, status, says):
    assert says in module_machine.guest_says(*words, status=status)


@pytest.fixture(scope="module")
def module_machine(module_lab) -> VlanHost:
    return VlanHost(module_lab, {10: None, 20: None})


def test_help_teaches_and_whoever_is_not_root_is_told():
    done = subprocess.run([VLAN_RUN, "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and all(word in done.stdout for word in ("examples:", "exit status:", "fe:ff:", "rtVLAN_NUMBER"))
    argv = ["setpriv", "--reuid=65534", "--clear-groups", "/usr/bin/python3", "-"]
    done = subprocess.run(argv, input=VLAN_RUN.read_text().replace("sys.argv[1:]", "['20']"), capture_output=True, text=True)
    assert done.returncode == 77 and "run as root" in done.stderr
