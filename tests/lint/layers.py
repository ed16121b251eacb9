#!/usr/bin/python3
"""The rules of the house that a machine can check. Prints each breach as file:line: rule, and ends with 1.

    layers.py [ROOT]
"""

import ast
import fnmatch
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70

# What a core must not include: I/O, threads, and the libraries that do it.
_FORBIDDEN_INCLUDE = re.compile(
    r"^(grpc|prometheus|curl/|libav|libsw|httplib|sqlite3|systemd/|libmnl/|ares"
    r"|sys/(socket|epoll|eventfd|timerfd|signalfd|stat|file|un|ioctl|prctl|syscall)\.h"
    r"|net/|netinet/|arpa/|linux/(?!filter\.h)|unistd\.h|fcntl\.h|poll\.h|signal\.h|netdb\.h"
    r"|thread|mutex|future|condition_variable|fstream|filesystem|iostream)"
)
_FORBIDDEN_GENERATED = re.compile(r"\.grpc\.pb\.h$")
_INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')

# Reads of a clock, and sleep, by their spelling. The first are for services/common/{time,loop} alone (and a log's stamps, a call's
# deadline); the second are what those offer, for shells.
_RAW_CLOCK = re.compile(
    r"\b(steady_clock|system_clock|high_resolution_clock|MonoClock)::now\b|\babsl::Now\(|\bclock_gettime\(|\bgettimeofday\("
    r"|\btime\((nullptr|NULL|0)\)"
)
_OFFERED_CLOCK = re.compile(r"\b(MonoNow|WallNow|ReadClocks)\(\)")
_SLEEP = re.compile(r"\b(sleep_for|sleep_until|usleep|nanosleep|absl::SleepFor)\b|(?<![\w.:>])sleep\(")
_RAND = re.compile(r"(?<![\w.:>])s?rand\(")
_CLOCK_PLACES = ("services/common/time/*", "services/common/loop/*", "services/common/log/*", "services/common/rpc/*", "*_test.cc")

# Homes and work folders of one machine; "tmp" is for TMPDIR to say.
_MACHINE_PATH = re.compile(r"(?<![\w.}\])*])/(" + "|".join(["work", "home", "root", "Users", "tmp"]) + r")/[\w.]")
_TODO = re.compile(r"\b(TODO|FIXME|XXX)\b(?!\(#\d+\))")
_METRIC = re.compile(r'"(headwater_[a-z0-9_]+)"')
_METRIC_ROW = re.compile(r"^\|\s*`?(headwater_[a-z0-9_]+)`?(?:\{[^}]*\})?\s*\|")


@dataclass
class Tree:
    """The repository's text files."""

    root: Path
    files: list[str]
    shells: list[str]
    breaches: list[str] = field(default_factory=list)
    _texts: dict[str, list[str]] = field(default_factory=dict)

    @staticmethod
    def load(root: Path) -> "Tree":
        listed = subprocess.run(
            ["git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard"],
            capture_output=True, text=True, check=True,
        )
        shells = [
            line.split()[0]
            for line in (root / "tests/lint/shells").read_text().splitlines()
            if line.strip() and not line.startswith("#")
        ]
        files = [name for name in listed.stdout.splitlines() if (root / name).is_file()]
        return Tree(root, sorted(files), shells)

    def lines(self, name: str) -> list[str]:
        if name not in self._texts:
            try:
                self._texts[name] = (self.root / name).read_text().splitlines()
            except UnicodeDecodeError:
                self._texts[name] = []  # not text: a capture, a picture
        return self._texts[name]

    def breach(self, name: str, line: int, rule: str) -> None:
        self.breaches.append(f"{name}:{line}: {rule}")

    def cxx(self) -> list[str]:
        return [n for n in self.files if n.startswith("services/") and n.endswith((".h", ".cc"))]

    def is_shell(self, name: str) -> bool:
        return any(fnmatch.fnmatch(name, glob) for glob in self.shells)


def code_of(line: str) -> str:
    """A line without its comment and without what stands in string literals."""
    line = re.sub(r'"(\\.|[^"\\])*"', '""', line)
    return line.split("//", 1)[0]


def includes(tree: Tree, name: str) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(tree.lines(name), 1):
        if found := _INCLUDE.match(line):
            yield number, found[1], found[2]


def forbidden_through(tree: Tree, name: str, seen: set[str]) -> str:
    """The first include of I/O that `name` reaches through headers that are themselves no cores; "" if none."""
    if name in seen:
        return ""
    seen.add(name)
    for _, kind, target in includes(tree, name):
        if kind == "<" and _FORBIDDEN_INCLUDE.match(target):
            return f"<{target}>"
        if kind == '"' and _FORBIDDEN_GENERATED.search(target):
            return target
        if kind == '"' and target in tree.files and tree.is_shell(target):
            if below := forbidden_through(tree, target, seen):
                return f"{target} -> {below}"
    return ""


def check_layers(tree: Tree) -> None:
    """A core includes no I/O, itself or through a shell's header."""
    for name in tree.cxx():
        if tree.is_shell(name):
            continue
        for number, kind, target in includes(tree, name):
            direct = (kind == "<" and _FORBIDDEN_INCLUDE.match(target)) or _FORBIDDEN_GENERATED.search(target)
            if direct:
                tree.breach(name, number, f"a core includes {target} (tests/lint/shells says what is none)")
            elif kind == '"' and target in tree.files and tree.is_shell(target) and "ip_address.h" not in target:
                if below := forbidden_through(tree, target, set()):
                    tree.breach(name, number, f"a core reaches I/O: {target} -> {below}")


def check_clocks(tree: Tree) -> None:
    for name in tree.cxx():
        raw_allowed = any(fnmatch.fnmatch(name, glob) for glob in _CLOCK_PLACES)
        for number, line in enumerate(tree.lines(name), 1):
            code = code_of(line)
            if _RAW_CLOCK.search(code) and not raw_allowed:
                tree.breach(name, number, "reads a clock outside services/common/{time,loop}")
            if _OFFERED_CLOCK.search(code) and not tree.is_shell(name):
                tree.breach(name, number, "a core reads a clock: time is passed in")
            if _SLEEP.search(code):
                tree.breach(name, number, "sleeps: wait for an event or a deadline of the loop")
            if _RAND.search(code):
                tree.breach(name, number, "rand(): a seeded generator is passed in")


def check_sizes(tree: Tree) -> None:
    for name in tree.files:
        if not name.endswith((".h", ".cc", ".py")):
            continue
        lines = tree.lines(name)
        if len(lines) > FILE_LINES_MAX:
            tree.breach(name, len(lines), f"more than {FILE_LINES_MAX} lines")
        functions = python_functions(lines) if name.endswith(".py") else cxx_functions(lines)
        for start, end in functions:
            if end - start + 1 > FUNCTION_LINES_MAX:
                tree.breach(name, start, f"a function of {end - start + 1} lines; at most {FUNCTION_LINES_MAX}")


def cxx_functions(lines: list[str]) -> Iterator[tuple[int, int]]:
    """First and last line of each function at namespace level, in code as clang-format writes it."""
    opened = 0
    for number, line in enumerate(lines, 1):
        if not opened and line.endswith("{") and not re.match(r"(namespace|extern|class|struct|enum|union)\b", line):
            opened = number if not re.search(r"=\s*\{+$", line) else 0
        elif line == "}" and opened:
            yield opened, number
            opened = 0
        elif line.startswith("}"):
            opened = 0


def python_functions(lines: list[str]) -> Iterator[tuple[int, int]]:
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.lineno, node.end_lineno or node.lineno


def check_texts(tree: Tree) -> None:
    for name in tree.files:
        if name.startswith("tests/data/") or name == "LICENSE":
            continue
        for number, line in enumerate(tree.lines(name), 1):
            if _MACHINE_PATH.search(line):
                tree.breach(name, number, "a path of one machine")
            if _TODO.search(line) and not name.startswith("tests/lint/"):
                tree.breach(name, number, "TODO needs an issue: TODO(#12)")
            if line != line.rstrip() and not name.endswith(".md"):
                tree.breach(name, number, "white space at the end of the line")


def check_names(tree: Tree) -> None:
    """The lab's modules are imported by their names alone: two of one name are one to pytest."""
    seen: dict[str, str] = {}
    for name in tree.files:
        module = name.rsplit("/", 1)[-1]
        if not name.startswith("tests/lab/") or not module.endswith(".py") or module in ("conftest.py", "__init__.py"):
            continue
        # What is in a package has the package's name before its own.
        if name.startswith("tests/lab/lab/"):
            continue
        if seen.setdefault(module, name) != name:
            tree.breach(name, 1, f"{seen[module]} has the same name")


def check_metrics(tree: Tree) -> None:
    """Every metric in the code is described in docs/metrics.md, and the other way round."""
    pages = [n for n in tree.files if n == "docs/metrics.md"]
    if not pages:
        return
    described: dict[str, tuple[str, int]] = {}
    for page in pages:
        for number, line in enumerate(tree.lines(page), 1):
            if found := _METRIC_ROW.match(line):
                described[found[1]] = (page, number)
    used: dict[str, tuple[str, int]] = {}
    for name in tree.cxx():
        if name.endswith("_test.cc"):
            continue
        for number, line in enumerate(tree.lines(name), 1):
            for found in _METRIC.findall(line):
                used.setdefault(found, (name, number))
    for metric in sorted(used.keys() - described.keys()):
        tree.breach(*used[metric], f"{metric} is not in docs/metrics.md")
    for metric in sorted(described.keys() - used.keys()):
        tree.breach(*described[metric], f"{metric} is in no service's code")


CHECKS = (check_layers, check_clocks, check_sizes, check_texts, check_names, check_metrics)


def main() -> int:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2]).resolve()
    tree = Tree.load(root)
    for check in CHECKS:
        check(tree)
    for breach in tree.breaches:
        print(breach)
    print(f"layers: {len(tree.files)} files, {len(tree.breaches)} breaches", file=sys.stderr)
    return 1 if tree.breaches else 0


if __name__ == "__main__":
    sys.exit(main())
