"""headwaterctl pki: what it writes, what it leaves alone, and what it says."""

import json
import pwd
import stat
import subprocess
from pathlib import Path

import pytest

from lab import validate


class Pki:
    def __init__(self, bin_dir: Path, folder: Path):
        self.argv, self.folder = [str(bin_dir / "headwaterctl"), "--pki-dir", str(folder), "pki"], folder

    def __call__(self, *arguments: str, status: int = 0) -> str:
        done = subprocess.run([*self.argv, *arguments], capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == status, done
        return done.stdout if status == 0 else done.stderr

    def json(self, *arguments: str) -> list[dict]:
        rows = [json.loads(line) for line in self(*arguments, "--json").splitlines()]
        validate("certificate", rows)
        return rows

    def file(self, name: str) -> Path:
        return self.folder / name


@pytest.fixture
def pki(bin_dir, tmp_path) -> Pki:
    made = Pki(bin_dir, tmp_path / "pki")
    made("init", "--site", "house")
    return made


def openssl(*arguments: object) -> str:
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=True, timeout=30).stdout


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_made_is_what_openssl_takes(pki):
    pki("issue", "rtp-packager", "attic")
    certificate = pki.file("rtp-packager@attic.pem")
    assert "OK" in openssl("verify", "-CAfile", pki.file("ca.pem"), "-purpose", "sslclient", certificate)
    text = openssl("x509", "-in", certificate, "-noout", "-text")
    assert "URI:spiffe://house/rtp-packager/attic" in text and "CA:FALSE" in text and "prime256v1" in text
    assert "CA:TRUE, pathlen:0" in openssl("x509", "-in", pki.file("ca.pem"), "-noout", "-text")
    assert [mode(pki.file(name)) for name in ("ca.key", "ca.pem", certificate.name)] == [0o600, 0o644, 0o600]
    assert not list(pki.folder.glob("*.new*"))


def test_nothing_is_overwritten_unless_asked_for(pki):
    pki("issue", "console")
    before = {path: path.read_bytes() for path in pki.folder.iterdir()}
    assert "ca.key: exists; --force makes a new authority" in pki("init", "--site", "house", status=1)
    assert "console.pem: exists; `pki renew` renews it" in pki("issue", "console", status=1)
    assert before == {path: path.read_bytes() for path in pki.folder.iterdir()}
    pki("issue", "console", "--force")
    assert pki.file("console.pem").read_bytes() != before[pki.file("console.pem")]


def test_renewal_takes_what_is_due_and_keeps_whose_it_is(pki):
    nobody = pwd.getpwnam("nobody")
    pki("issue", "console", "--owner", "nobody", "--days", "0.001")
    pki("issue", "headwaterctl")
    states = {Path(row["file"]).name: row["state"] for row in pki.json("list")}
    # Clocks may be ten minutes behind, and so it began before it was made: two thirds are over.
    assert states == {"ca.pem": "good", "console.pem": "due", "headwaterctl.pem": "good"}
    kept = pki.file("headwaterctl.pem").read_bytes()
    renewed = pki.json("renew")
    assert [row["name"] for row in renewed] == ["spiffe://house/console/0"] and renewed[0]["state"] == "good"
    assert pki.file("headwaterctl.pem").read_bytes() == kept
    of_console = pki.file("console.pem").stat()
    assert (of_console.st_uid, stat.S_IMODE(of_console.st_mode)) == (nobody.pw_uid, 0o600)
    assert pki("renew") == ""
    pki("renew", str(pki.file("headwaterctl.pem")))
    assert pki.file("headwaterctl.pem").read_bytes() != kept


def test_errors_name_the_file_and_what_is_allowed(pki, bin_dir, tmp_path):
    assert "role root: must be one of membership-watcher" in pki("issue", "root", status=2)
    assert "instance ..: must be 1 to 64" in pki("issue", "console", "..", status=2)
    assert "--owner x y: there is no such user" in pki("issue", "console", "--owner", "x y", status=2)
    assert "ca.pem: holds no certificate that `pki issue` makes" in pki("renew", str(pki.file("ca.pem")), status=2)
    empty = Pki(bin_dir, tmp_path / "empty")
    assert "empty/ca.pem: No such file" in empty("issue", "console", status=3)
    assert "--site A B: must be 1 to 64" in empty("init", "--site", "A B", status=2)
    pki.file("ca.key").write_bytes(b"-----BEGIN nothing\n")
    assert "ca.key: holds no private key" in pki("issue", "console", status=2)
