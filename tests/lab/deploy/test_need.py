"""How ./headwater installs packages: none of them may start its daemon."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
POLICY = "/usr/sbin/policy-rc.d"

# In a mount namespace of its own, with a /usr/sbin that may be written to, and stand-ins for the tools that know packages.
SCENE = f"""
set -eu
cd "$1"
mkdir upper work bin
mount -t tmpfs tmpfs upper
mkdir upper/u upper/w
mount -t overlay overlay -o "lowerdir=/usr/sbin,upperdir=upper/u,workdir=upper/w" /usr/sbin
rm -f {POLICY}
printf '%s' "$3" > before
[ ! -s before ] || {{ cp before {POLICY}; chmod 755 {POLICY}; }}
printf '#!/bin/sh\\n' > bin/dpkg-query
printf '#!/bin/sh\\n{POLICY} avahi-daemon start; echo "$1 $?" >> seen\\nexit %s\\n' "$4" > bin/apt-get
chmod 755 bin/*
status=0
PATH=$PWD/bin:$PATH bash -c 'source "$0" help > /dev/null; need lab' "$2/headwater" > log 2>&1 || status=$?
echo $status > status
cp {POLICY} after 2> /dev/null || true
"""


def install(lab, before: str = "", apt_status: int = 0) -> dict[str, str]:
    folder = lab.directory / "install"
    folder.mkdir()
    argv = ["unshare", "--mount", "sh", "-c", SCENE, "sh", folder, ROOT, before, apt_status]
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return {name: (folder / name).read_text() for name in ("seen", "status", "after", "log") if (folder / name).exists()}


def test_no_daemon_is_started_while_packages_are_installed(lab):
    found = install(lab)
    assert found["status"] == "0\n", found["log"]
    assert found["seen"] == "install 101\n", "101 is: not allowed"
    assert "after" not in found


def test_the_policy_goes_also_when_the_installation_fails(lab):
    found = install(lab, apt_status=1)
    assert found["status"] == "1\n" and "could not install" in found["log"]
    assert found["seen"] == "install 101\nupdate 101\n"
    assert "after" not in found


@pytest.mark.parametrize("code", [0, 101, 104])
def test_a_policy_that_somebody_has_made_stays(lab, code):
    before = f"#!/bin/sh\n# ours\nexit {code}\n"
    found = install(lab, before)
    assert found["seen"] == f"install {code}\n" and found["after"] == before


def test_one_left_by_a_killed_run_is_replaced_and_removed(lab):
    found = install(lab, "#!/bin/sh\n# made by ./headwater while it installs packages\nexit 0\n")
    assert found["seen"] == "install 101\n" and "after" not in found
