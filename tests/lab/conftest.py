"""Fixtures of the lab tests, and the rule that a skip must be allowed by name."""

import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE))

from lab import Headend, Lab, Scene  # noqa: E402

_ALLOWED = {
    line.split()[0] for line in (HERE / "allowed-skips").read_text().splitlines() if line.strip() and line[0] != "#"
}
_SANITIZER_WORDS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error: ")


def pytest_addoption(parser):
    parser.addoption("--bin-dir", default="", help="where the services' binaries are (default: the newest build)")
    parser.addoption("--keep", action="store_true", help="keep every test's logs and captures, not the failed ones' only")


def _bin_dir(config) -> Path:
    given = config.getoption("--bin-dir")
    if given:
        return Path(given).resolve()
    built = [p for p in (ROOT / "build").glob("*/bin") if (p / "session-manager").exists()]
    return max(built, key=lambda p: p.stat().st_mtime, default=ROOT / "build" / "release" / "bin")


@pytest.fixture(scope="session")
def bin_dir(pytestconfig) -> Path:
    """The folder of the services' binaries under test."""
    found = _bin_dir(pytestconfig)
    if not found.is_dir():
        pytest.fail(f"no programs in {found}: run ./headwater build, or give --bin-dir")
    return found


@pytest.fixture(scope="session")
def ten_times(bin_dir) -> bool:
    """Whether time limits are relaxed: every build but the release build is."""
    return "release" not in str(bin_dir)


@pytest.fixture
def lab(request):
    """A lab of its own for each test; the logs are shown when the test fails, and a sanitizer's finding fails it."""
    made = Lab()
    yield made
    _close(made, request)


@pytest.fixture(scope="module")
def module_lab(request):
    """The same for all tests of a file, where a table of cases needs one headend only."""
    made = Lab()
    yield made
    _close(made, request)


def _close(made: Lab, request) -> None:
    made.close_hosts()
    logs = {path: path.read_text(errors="replace") for path in sorted(made.directory.rglob("*.log"))}
    findings = [f"{path.name}:\n{_tail(log, 60)}" for path, log in logs.items() if _has_finding(log)]
    failed = getattr(request.node, "lab_failed", False) or findings
    if failed:
        for path, log in logs.items():
            print(f"--- {path}\n{_tail(log, 40)}")
    if failed or request.config.getoption("--keep"):
        print(f"--- kept: {made.directory}")
    else:
        made.remove_files()
    if findings:
        pytest.fail("sanitizer: " + "\n".join(findings))


@pytest.fixture
def headend(lab, bin_dir) -> Headend:
    """A headend on link "lan", configured and not started."""
    return Headend(lab, bin_dir)


@pytest.fixture
def unstarted(lab, headend) -> Scene:
    """The usual scene (lab/scene.py) before its headend runs: its configuration may be changed."""
    return Scene(lab, headend)


@pytest.fixture
def scene(unstarted) -> Scene:
    """The usual scene, the headend running."""
    return unstarted.start()


def _has_finding(log: str) -> bool:
    return any(words in log for words in _SANITIZER_WORDS)


def _tail(text: str, lines: int) -> str:
    return "\n".join(text.splitlines()[-lines:])


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        item.lab_failed = True
        item.getparent(pytest.Module).lab_failed = True


def pytest_configure(config):
    if os.geteuid() != 0:
        raise pytest.UsageError("the lab makes network namespaces: run as root")
    config.lab_bin_dir = lambda: _bin_dir(config)
    config.lab_bad_skips = []
    config.lab_skips = 0
    config.pluginmanager.register(_SkipCount(config))


class _SkipCount:
    """Counts in the process that hears of every report, however many run the tests."""

    def __init__(self, config):
        self.config = config

    def pytest_runtest_logreport(self, report):
        if report.skipped and not hasattr(report, "wasxfail"):
            self.config.lab_skips += 1
            if not any(report.nodeid == name or report.nodeid.endswith("/" + name) for name in _ALLOWED):
                self.config.lab_bad_skips.append(report.nodeid)


def pytest_sessionfinish(session, exitstatus):
    if session.config.lab_bad_skips and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    for name in config.lab_bad_skips:
        terminalreporter.write_line(f"skipped without leave (tests/lab/allowed-skips): {name}", red=True)
    terminalreporter.write_line(f"skips: {config.lab_skips}, of these not allowed: {len(config.lab_bad_skips)}")
