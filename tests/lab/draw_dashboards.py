#!/usr/bin/python3
"""Makes docs/pictures: a site with everything at work, watched for some minutes by a real Prometheus, drawn by dashboards/render.py.

    draw_dashboards.py [--minutes 2] [--bin-dir build/release/bin] [--out docs/pictures]
"""

import argparse
import sys
from pathlib import Path

LAB = Path(__file__).resolve().parent
ROOT = LAB.parents[1]
sys.path += [str(LAB), str(ROOT / "dashboards"), *(str(LAB / area) for area in ("bridge", "dashboards", "dvb", "membership", "monitor"))]

from bridge_scene import SSDP4, search  # noqa: E402
from dvb_scene import HOME_CARRIER, RADIO, UHD_CARRIER  # noqa: E402
from render import Source, render  # noqa: E402
from site_scene import PROMETHEUS, Site  # noqa: E402

from lab import FIRST_NUMBER, Lab, Service, group6, let_pass  # noqa: E402


def live(site: Site, seconds: float) -> None:
    """Listeners come and go, a printer is renamed, a device complains, reception is bad for a moment."""
    stays, names = [], iter(range(100))
    for step in range(int(seconds / 5)):
        if step % 3 == 0:
            stays.append(site.carol.join(group6(FIRST_NUMBER + 2 + step % 4)))
        elif step % 3 == 2:
            stays.pop(0).leave()
        if step % 8 == 1:
            site.printer.publish(Service(f"Label printer {next(names)}"))
        if step % 4 == 3:
            search(site.alice, SSDP4, hops=4, timeout=1)
        if step % 6 == 2:
            site.log_to_the_group(5)
        if step % 12 == 5:
            site.sky[UHD_CARRIER].lose(0x102, 40)
        if step % 16 == 9:
            with site.carol.join(group6(RADIO)):
                let_pass(5)
        site.sky[HOME_CARRIER].set(snr_db=12 - step % 5 / 4)
        let_pass(5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--bin-dir", type=Path, default=ROOT / "build/release/bin")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/pictures")
    given = parser.parse_args()
    with Lab() as lab:
        site = Site(lab, given.bin_dir.resolve()).start()
        live(site, 60 * given.minutes)
        render(Source(PROMETHEUS, given.minutes, lambda url: site.headend.ns.http(url, 30), "20s"), given.out)


if __name__ == "__main__":
    main()
