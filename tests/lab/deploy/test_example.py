"""deploy/example runs as it stands, on an interface named as it names it; only its folders are moved into the lab's."""

import shutil
import signal

from lab import TONE_NUMBER, FfmpegListener, Host, Lab, group6, wait_until
from lab.headend import ROOT, SERVICES


def start_example(lab: Lab, bin_dir):
    host = Host(lab, "headend")
    lab.hosts["headend"] = host
    host.attach(lab.link("lan"), "eth0")
    folder = lab.directory / "example"
    shutil.copytree(ROOT / "deploy" / "example", folder)
    config = folder / "headwater.toml"
    text = config.read_text()
    for key in ("/run/headwater", "/var/lib/headwater"):
        assert key in text
        text = text.replace(key, str(lab.directory / key.strip("/").replace("/", "-")))
    config.write_text(text)
    up = host.ns.start([ROOT / "headwater", "up", "--config", config, "--bin-dir", bin_dir], "up", stop_signal=signal.SIGINT)
    up.wait_log("ready\n", 60)
    return host, up


def test_it_serves_and_stops_clean_on_ctrl_c(lab, bin_dir):
    host, up = start_example(lab, bin_dir)
    here = FfmpegListener(host, group6(TONE_NUMBER))
    there = FfmpegListener(lab.host("alice", lab.links["lan"]), group6(TONE_NUMBER))
    for listener in (here, there):
        listener.wait_decoded(2, 30)
    assert up.stop(20) == 0
    for listener in (here, there):
        assert listener.wait_end(10) == 0


def test_metrics_and_readiness_are_at_their_ports_on_both_families(lab, bin_dir):
    host, _ = start_example(lab, bin_dir)
    for service, port in SERVICES.items():
        for address in ("127.0.0.1", "[::1]"):
            wait_until(lambda: host.ns.http(f"http://{address}:{port}/readyz") is not None, 5)
            assert f'headwater_build_info{{service="{service}"' in host.ns.http(f"http://{address}:{port}/metrics")
            assert host.ns.http(f"http://{address}:{port}/livez") is not None
