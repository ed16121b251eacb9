"""Two hosts with mutual TLS between them: who has the right certificate is served, whoever has not is refused, told and counted."""

import re
import subprocess
from pathlib import Path

import pytest

from lab import SITE_PREFIX, TONE_NUMBER, Capture, FfmpegListener, Host, group6, let_pass, of_kind, sequence_gaps, to_toml, wait_until

SENDER = {"membership-watcher": 9461, "rtp-packager": 9464, "sap-announcer": 9465}
REFUSED = "headwater_control_refused_total"
HEALTH = "/grpc.health.v1.Health/Check"
APPLY = "/headwater.packager.v1.PackagerService/ApplySession"


def tls_port(service: str) -> int:
    return {**SENDER, "session-manager": 9463}[service] + 100


class Site:
    """A manager on one host, a watcher and a sender on another; nothing is shared but the control leg."""

    def __init__(self, lab, bin_dir: Path):
        self.bin_dir = bin_dir
        self.directory = lab.directory
        lan, control = lab.link("lan"), lab.link("control", snooping=False)
        self.sender, self.manager = lab.host("sender", lan, control), lab.host("manager", control)
        self.alice = lab.host("alice", lan)
        self.pki_dir = self.directory / "pki"
        self.processes = {}
        self.pki("init", "--site", "lab")
        for role in (*SENDER, "session-manager", "headwaterctl"):
            self.pki("issue", role)

    def pki(self, *arguments: str, folder: str = "pki") -> str:
        argv = [self.bin_dir / "headwaterctl", "--pki-dir", self.directory / folder, "pki", *arguments]
        return subprocess.run([str(a) for a in argv], capture_output=True, text=True, check=True, timeout=30).stdout

    def endpoint(self, host: Host, service: str) -> str:
        return f"tls://[{host.legs['control'].ipv6}]:{tls_port(service)}"

    def start(self) -> None:
        far = {service: self.endpoint(self.sender, service) for service in SENDER}
        sending = {service: {"control_listen": endpoint} for service, endpoint in far.items()}
        sending["legs"] = {"lan": self.sender.legs["lan"].interface}
        managing = {
            "session-manager": {
                "control_listen": self.endpoint(self.manager, "session-manager"),
                "membership_watchers": [far["membership-watcher"]],
                "senders": [{"name": "far", "packager": far["rtp-packager"], "announcer": far["sap-announcer"]}],
                "check_period": "0s",
            },
            "directory-resolver": {"ipv6_prefixes": [f"{SITE_PREFIX}::/64"]},
        }
        self._start(self.sender, sending, *SENDER)
        self._start(self.manager, managing, "directory-resolver", "session-manager")

    def _start(self, host: Host, tables: dict, *services: str) -> None:
        folder = self.directory / host.name
        for name in ("run", "state"):
            (folder / name).mkdir(parents=True)
        common = {"run_dir": str(folder / "run"), "state_dir": str(folder / "state"), "pki_dir": str(self.pki_dir)}
        path = folder / "headwater.toml"
        path.write_text(to_toml({**common, **tables}))
        for service in services:
            self.processes[service] = host.ns.start([self.bin_dir / service, "--config", path], service)
        for service in services:
            self.processes[service].wait_log("ready", 30)

    def samples(self, host: Host, service: str, name: str) -> dict[str, float]:
        """A metric's samples by the value of the label that tells them apart."""
        port = {**SENDER, "session-manager": 9463}[service]
        text = host.ns.http(f"http://127.0.0.1:{port}/metrics")
        found = re.findall(rf'^{name}\{{(?:peer="client",)?\w+="(\w+)"\}} (\S+)', text, re.M)
        return {label: float(value) for label, value in found}

    def call(self, path: str, *options: object) -> subprocess.CompletedProcess:
        """An empty gRPC call to the packager from the manager's host, by curl."""
        endpoint = self.endpoint(self.sender, "rtp-packager").replace("tls://", "https://")
        argv = ["curl", "-sSgk", "--http2", "--max-time", "10", "-i", "-H", "content-type: application/grpc", "-H", "te: trailers"]
        with self.manager.ns.entered():
            return subprocess.run(
                [*argv, *map(str, options), "--data-binary", "@-", endpoint + path],
                input=bytes(5), capture_output=True, timeout=20, check=False,
            )


@pytest.fixture(scope="module")
def site(module_lab, bin_dir):
    made = Site(module_lab, bin_dir)
    made.start()
    return made


def test_a_renewal_drops_no_stream(site):
    capture = Capture(site.sender.ns, "lan")
    listener = FfmpegListener(site.alice, group6(TONE_NUMBER))
    listener.wait_decoded(2, 30)
    expiries = "headwater_control_certificate_expiry_timestamp_seconds"
    before = {service: site.samples(site.sender, service, expiries)["own"] for service in SENDER}
    assert "spiffe://lab/rtp-packager/0" in site.pki("renew", "--all", "--days", "30")
    for service in (*SENDER, "session-manager"):
        site.processes[service].wait_log("certificate renewed", 15)
    for service in SENDER:
        assert site.samples(site.sender, service, expiries)["own"] < before[service] - 50 * 86400

    def shown() -> str:
        """What the packager shows to who connects now."""
        address = f"[{site.sender.legs['control'].ipv6}]:{tls_port('rtp-packager')}"
        own = site.pki_dir / "session-manager.pem"
        with site.manager.ns.entered():
            done = subprocess.run(
                ["openssl", "s_client", "-connect", address, "-alpn", "h2", "-cert", own, "-key", own],
                input=b"", capture_output=True, timeout=20, check=False,
            )
        return re.sub(r".*(-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----).*", r"\1", done.stdout.decode(), flags=re.S)

    wait_until(lambda: shown() in (site.pki_dir / "rtp-packager.pem").read_text(), 10, "the new one is shown", every=0.3)
    listener.wait_more(2, 10)
    assert listener.playing()
    assert not sequence_gaps(capture.select(of_kind("rtp", group6(TONE_NUMBER))))
    assert "connection lost" not in site.processes["session-manager"].log()


def test_people_ask_from_another_host(site):
    argv = [site.bin_dir / "headwaterctl", "--pki-dir", site.pki_dir, "--manager", site.endpoint(site.manager, "session-manager")]
    listed = site.sender.ns.run(*argv, "endpoint", "list")
    assert listed.count("tls://") == 3
    assert site.endpoint(site.sender, "rtp-packager") in listed
    # The same server, taken for another: the client sees whose certificate it is before it says anything.
    argv[-1] = site.endpoint(site.sender, "rtp-packager")
    assert "the server is a rtp-packager, and not a session-manager" in _refused(site, argv)
    argv[-1] = argv[-1].removeprefix("tls://")
    assert 'has to be asked for in words, "plaintext://ADDRESS:PORT"' in _refused(site, argv)


def test_who_has_no_certificate_is_told_which(site):
    argv = [site.bin_dir / "headwaterctl", "--pki-dir", site.directory / "own", "--manager", site.endpoint(site.manager, "session-manager")]
    assert "own/headwaterctl.pem: No such file" in _refused(site, argv)
    site.pki("init", "--site", "lab", folder="own")
    site.pki("issue", "headwaterctl", "--days", "0.00001", folder="own")
    let_pass(1)
    assert "own/headwaterctl.pem: has expired" in _refused(site, argv)
    # Good again, and of another authority: now it is the client that does not believe the server.
    site.pki("renew", folder="own")
    assert "UNAUTHENTICATED: authority: " in _refused(site, argv)


def _refused(site, argv) -> str:
    with site.manager.ns.entered():
        done = subprocess.run([*map(str, argv), "endpoint", "list"], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode != 0
    return done.stderr


@pytest.fixture(scope="module")
def certificates(site) -> dict[str, Path]:
    """Of every kind that is not taken."""
    site.pki("init", "--site", "lab", folder="stranger")
    site.pki("issue", "session-manager", folder="stranger")
    site.pki("issue", "session-manager", "late", "--days", "0.00002")
    return {
        "authority": site.directory / "stranger" / "session-manager.pem",
        "expired": site.pki_dir / "session-manager@late.pem",
        "role": site.pki_dir / "headwaterctl.pem",
    }


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("no_certificate", "no certificate was shown"),
        ("authority", "spiffe://lab/session-manager/0.*unable to get local issuer"),
        ("expired", "spiffe://lab/session-manager/late.*certificate has expired"),
        ("role", "spiffe://lab/headwaterctl/0.*a headwaterctl may not call /headwater.packager.v1.PackagerService/ApplySession"),
    ],
)
def test_who_may_not_is_refused_told_and_counted(site, certificates, reason, told):
    if reason == "expired":
        let_pass(2)
    count = site.samples(site.sender, "rtp-packager", REFUSED)
    assert set(count) == {"no_certificate", "authority", "expired", "name", "role"}
    certificate = certificates.get(reason)
    done = site.call(APPLY, *(["--cert", certificate, "--key", certificate] if certificate else []))
    if reason == "role":
        # The connection is good, the call is not: PERMISSION_DENIED.
        assert b"grpc-status: 7" in done.stdout, done
    else:
        assert done.returncode != 0 and b"grpc-status" not in done.stdout, done
    wait_until(lambda: site.samples(site.sender, "rtp-packager", REFUSED)[reason] == count[reason] + 1, 5, f"{reason} is counted")
    lines = [line for line in site.processes["rtp-packager"].log().splitlines() if f"reason={reason} " in line]
    assert lines and "control client refused" in lines[-1] and re.search(told, lines[-1]), lines


def test_who_may_is_served(site):
    certificate = site.pki_dir / "session-manager.pem"
    assert b"grpc-status: 0" in site.call(HEALTH, "--cert", certificate, "--key", certificate).stdout
    assert b"plaintext" not in site.processes["rtp-packager"].log().encode()


def test_a_certificate_for_somebody_else_stops_a_service_at_its_start(site):
    folder = site.directory / "wrong"
    folder.mkdir()
    config = folder / "headwater.toml"
    tables = {"run_dir": str(folder), "state_dir": str(folder), "pki_dir": str(site.pki_dir)}
    for listen, certificate, told in (
        ("tls://[::1]:9999", "headwaterctl.pem", "is a certificate for headwaterctl, and not for sap-announcer"),
        ("tls://[::1]:9999", "nowhere.pem", "nowhere.pem: No such file"),
        ("[::1]:9999", "sap-announcer.pem", 'has to be asked for in words, "plaintext://ADDRESS:PORT"'),
    ):
        own = {"control_listen": listen, "certificate": str(site.pki_dir / certificate)}
        config.write_text(to_toml({**tables, "sap-announcer": own}))
        process = site.manager.ns.start([site.bin_dir / "sap-announcer", "--config", config], "sap-announcer")
        assert process.wait(20) == 78
        assert told in process.log(), process.log()
