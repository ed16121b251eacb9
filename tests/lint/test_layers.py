"""Each rule goes red on a bad sample and stays green on the good one beside it."""

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import layers  # noqa: E402

HERE = Path(__file__).parent


def breaches(tmp_path: Path, files: dict[str, str]) -> list[str]:
    for name, text in {"tests/lint/shells": (HERE / "shells").read_text(), **files}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    tree = layers.Tree.load(tmp_path)
    for check in layers.CHECKS:
        check(tree)
    return tree.breaches


LONG = "void Long() {\n" + "  Step();\n" * 69 + "}\n"
BAD = {
    "gRPC in a core": ("services/a/thing.cc", "#include <grpcpp/grpcpp.h>\n"),
    "socket in a core": ("services/a/thing.h", "#include <sys/socket.h>\n"),
    "curl in a core": ("services/a/thing.h", "#include <curl/curl.h>\n"),
    "generated service in a core": ("services/a/thing.cc", '#include "headwater/a/v1/a.grpc.pb.h"\n'),
    "clock in a core": ("services/a/thing.cc", "auto t = MonoNow();\n"),
    "clock outside its place": ("services/a/thing_shell.cc", "auto t = std::chrono::steady_clock::now();\n"),
    "sleep": ("services/a/thing_test.cc", "std::this_thread::sleep_for(1s);\n"),
    "rand": ("services/a/thing.cc", "int x = rand();\n"),
    "long file": ("services/a/thing.cc", "int x;\n" * 601),
    "long function": ("services/a/thing.cc", LONG),
    "long Python function": ("tests/lab/x.py", "def f():\n" + "    g()\n" * 70),
    "machine path": ("docs/x.md", "see " + "/ho" + "me/someone/file\n"),
    "todo": ("services/a/thing.cc", "// TO" + "DO: later\n"),
    "trailing space": ("services/a/thing.cc", "int x; \n"),
}
GOOD = {
    "gRPC in a service": ("services/a/thing_service.cc", "#include <grpcpp/grpcpp.h>\n"),
    "socket in a shell": ("services/a/thing_shell.h", "#include <sys/socket.h>\n"),
    "clock in a shell": ("services/a/thing_shell.cc", "auto t = MonoNow();\n"),
    "clock in a comment": ("services/a/thing.cc", "// not steady_clock::now() nor rand()\n"),
    "function at the limit": ("services/a/thing.cc", LONG.replace("  Step();\n", "", 1)),
    "table": ("services/a/thing.cc", "constexpr int kTable[] = {\n" + "    1,\n" * 100 + "};\n"),
    "todo with issue": ("services/a/thing.cc", "// TO" + "DO(#7): later\n"),
    "deployment path": ("docs/x.md", "sockets are in /run/headwater/x.sock\n"),
}


@pytest.mark.parametrize("what", BAD)
def test_red(tmp_path, what):
    name, text = BAD[what]
    assert breaches(tmp_path, {name: text})


@pytest.mark.parametrize("what", GOOD)
def test_green(tmp_path, what):
    name, text = GOOD[what]
    assert breaches(tmp_path, {name: text}) == []


def test_a_core_that_reaches_io_through_a_shells_header_is_red(tmp_path):
    files = {
        "services/a/thing_shell.h": "#include <curl/curl.h>\n",
        "services/a/thing.cc": '#include "services/a/thing_shell.h"\n',
    }
    assert any("reaches I/O" in breach for breach in breaches(tmp_path, files))


def test_two_lab_modules_of_one_name_are_red(tmp_path):
    files = {"tests/lab/main/test_faults.py": "", "tests/lab/bridge/test_faults.py": "", "tests/lab/lab/test_faults.py": ""}
    found = breaches(tmp_path, files)
    assert len(found) == 1 and "tests/lab/bridge/test_faults.py has the same name" in found[0]


def test_metrics_and_their_pages_are_compared_both_ways(tmp_path):
    files = {
        "services/a/thing_metrics.cc": 'Name("headwater_a_known_total"); Name("headwater_a_unknown_total");\n',
        "docs/metrics.md": "| `headwater_a_known_total` | counter |\n| `headwater_a_gone_total` | counter |\n",
    }
    found = breaches(tmp_path, files)
    assert len(found) == 2
    assert any("headwater_a_unknown_total" in breach for breach in found)
    assert any("headwater_a_gone_total" in breach for breach in found)
