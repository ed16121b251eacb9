"""The resolver alone with directories of a web server: import, refresh, numbers that stay, and what happens when a directory fails or shrinks."""

import re
from typing import Callable

import pytest

from directory_web import DirectoryWeb
from lab import to_toml, wait_until
from lab.rpc import RpcError, call

KINDS = {
    "radio-browser": ("radio-browser.json", ["Jazz am Fluss", "Radio Café 🎵", "Newsroom"]),
    "xiph": ("xiph-yp.xml", ["Deep & Slow", "Blues Cellar", "Blues Cellar"]),
    "tunein": ("tunein.opml", ["Harbour FM (Harbourtown)", "Hill Radio"]),
    "shoutcast": ("shoutcast.xml", ["Dance Hall - the club", "Quiet Room"]),
    "m3u": ("list.m3u", ["Channel One", "Relative"]),
}
NOT_FOUND, FAILED_PRECONDITION, UNAVAILABLE = 5, 9, 14


class Resolver:
    """directory-resolver with fetched directories "d0", "d1", ... of numbers 0x80…, 0x81…"""

    def __init__(self, headend, directories: list[dict]):
        self.headend = headend
        for folder in ("run", "state"):
            (headend.directory / folder).mkdir()
        rows = [{"name": f"d{i}", "prefix": f"0x{0x80 + i:x}000000/8", "local": True, **row} for i, row in enumerate(directories)]
        config = {**headend.config, "directory-resolver": {"directory": rows, "test_tone": False}}
        headend.config_path.write_text(to_toml(config))
        self.start()

    def start(self) -> None:
        headend = self.headend
        self.process = headend.ns.start([headend.bin_dir / "directory-resolver", "--config", headend.config_path], "resolver")
        wait_until(lambda: headend.ready("directory-resolver"), 10, "directory-resolver ready")

    def restart(self) -> None:
        self.process.stop(10)
        self.start()

    def call(self, method: str, request: str = "") -> str:
        answer = call(self.headend.run_dir / "directory-resolver.sock", "directory", method, request)
        # protoc writes UTF-8 as octal escapes.
        return re.sub(r"((?:\\[0-7]{3})+)", lambda m: bytes(int(o, 8) for o in m[1].split("\\")[1:]).decode(), answer)

    def stations(self, name: str = "d0") -> dict[int, str]:
        """Title by number."""
        answer = self.call("ListStations", f'directory: "{name}" page_size: 1000')
        numbers = [int(n) for n in re.findall(r"^  number: (\d+)", answer, re.M)]
        return dict(zip(numbers, re.findall(r'^  title: "(.*)"', answer, re.M)))

    def status(self, name: str = "d0") -> dict[str, str]:
        for block in self.call("ListDirectories").split("directories {")[1:]:
            fields = dict(re.findall(r'^  (\w+): "?(.*?)"?$', block, re.M))
            if fields["name"] == name:
                return fields
        raise KeyError(name)

    def wait_state(self, state: str, name: str = "d0") -> dict[str, str]:
        wait_until(lambda: self.status(name)["state"] == f"DIRECTORY_STATE_{state}", 20, f"{name} {state}: {self.status(name)}")
        return self.status(name)

    def refresh(self, name: str = "d0", accept: bool = False) -> dict[str, int]:
        """How many were added, removed, changed."""
        answer = self.call("RefreshDirectory", f'name: "{name}" accept_shrinking: {str(accept).lower()}')
        changes = answer[answer.find("changes {"):]
        return {kind: int(count) for kind, count in re.findall(r"^  (added|removed|changed): (\d+)", changes, re.M)}

    def refused(self, code: int, words: str, ask: Callable[[], object]) -> None:
        with pytest.raises(RpcError, match=words) as error:
            ask()
        assert error.value.code == code


@pytest.fixture
def web(headend) -> DirectoryWeb:
    return DirectoryWeb(headend.internet)


@pytest.fixture
def make(headend, web) -> Callable[..., Resolver]:
    """make(kind="xiph", ...): a resolver with one directory of document "list"."""

    def made(**options) -> Resolver:
        return Resolver(headend, [{"kind": "radio-browser", "url": web.url("list"), **options}])

    return made


def station(name: str, **more) -> dict:
    return {"stationuuid": f"uuid-{name}", "name": name, "url": f"http://{name}.example/", **more}


def test_each_kind_is_imported(headend, web):
    rows = [{"kind": kind, "url": web.url(document), **({"key": "K3Y"} if kind == "shoutcast" else {})} for kind, (document, _) in KINDS.items()]
    resolver = Resolver(headend, rows)
    for i, (_, titles) in enumerate(KINDS.values()):
        resolver.wait_state("FRESH", f"d{i}")
        assert list(resolver.stations(f"d{i}").values()) == titles
        assert list(resolver.stations(f"d{i}")) == [0x80000000 + (i << 24) + n for n in range(len(titles))]
    # The key is in the request, and in no answer.
    assert "K3Y" not in resolver.call("ListDirectories")


def test_numbers_stay_whatever_the_document_does(web, make):
    web.put_stations("list", [station(name) for name in "abcd"])
    resolver = make()
    resolver.wait_state("FRESH")
    number = {title: n for n, title in resolver.stations().items()}
    assert sorted(number.values()) == [0x80000000, 0x80000001, 0x80000002, 0x80000003]

    # Another order, one gone, one new, one with a new name, one with a new URL.
    web.put_stations("list", [station("e"), station("d", url="http://other.example/"), {**station("c"), "name": "C!"}, station("a")])
    assert resolver.refresh() == {"added": 1, "removed": 1, "changed": 2}
    after = resolver.stations()
    assert after == {number["a"]: "a", number["c"]: "C!", number["d"]: "d", 0x80000004: "e"}
    assert resolver.status()["tombstones"] == "1"
    resolver.refused(NOT_FOUND, "has no station", lambda: resolver.call("Resolve", f"number: {number['b']}"))
    assert "tombstone: true" in resolver.call("DescribeStation", f"number: {number['b']}")

    resolver.restart()
    assert resolver.stations() == after
    # What was away comes back under its number.
    web.put_stations("list", [station(name) for name in "febca"])
    resolver.refresh()
    assert resolver.stations() == {number["a"]: "a", number["b"]: "b", number["c"]: "c", 0x80000004: "e", 0x80000005: "f"}


def test_what_has_not_changed_is_not_sent_again(web, make):
    web.put_stations("list", [station("a")])
    resolver = make()
    resolver.wait_state("FRESH")
    assert resolver.refresh() == {}
    assert web.statuses("list") == [200, 304]
    # The validator survives a restart, and a fresh directory is not fetched again at the start.
    resolver.restart()
    assert resolver.refresh() == {}
    assert web.statuses("list") == [200, 304, 304]


def test_a_directory_that_fails_keeps_its_last_good_state(web, make, headend):
    web.put_stations("list", [station(name) for name in "abc"])
    resolver = make()
    resolver.wait_state("FRESH")
    good = resolver.stations()
    whole = (web.directory / "list").read_text()

    web.behave("list", status=503)
    resolver.refused(UNAVAILABLE, "HTTP status 503", resolver.refresh)
    assert "HTTP status 503" in resolver.wait_state("STALE")["error"]
    assert headend.metric("directory-resolver", "headwater_directory_resolver_stale") == 1
    web.behave("list")
    web.put("list", whole[:-9])
    with pytest.raises(RpcError, match="not JSON"):
        resolver.refresh()
    web.put("list", "[]")
    resolver.refused(FAILED_PRECONDITION, "no station", resolver.refresh)
    assert resolver.stations() == good
    resolver.restart()
    assert resolver.stations() == good
    assert resolver.status()["state"] == "DIRECTORY_STATE_STALE"

    web.put("list", whole)
    resolver.refresh()
    assert "error" not in resolver.wait_state("FRESH")
    assert headend.metric("directory-resolver", "headwater_directory_resolver_stale") == 0


def test_a_directory_that_shrinks_absurdly_is_refused_until_a_person_accepts(web, make):
    web.put_stations("list", [station(f"s{i}") for i in range(10)])
    resolver = make(shrink_min=0.4)
    resolver.wait_state("FRESH")
    web.put_stations("list", [station(f"s{i}") for i in range(3)])
    resolver.refused(FAILED_PRECONDITION, "3 stations, where 10 are in force", resolver.refresh)
    assert len(resolver.stations()) == 10
    diff = resolver.call("DiffDirectory", 'name: "d0"')
    assert 'refused: "3 stations' in diff and diff.count("CHANGE_KIND_REMOVED") == 7
    assert resolver.refresh(accept=True) == {"removed": 7}
    assert len(resolver.stations()) == 3


def test_diff_takes_nothing(web, make):
    web.put_stations("list", [station("a"), station("b")])
    resolver = make()
    resolver.wait_state("FRESH")
    before = resolver.stations()
    web.put_stations("list", [station("b", tags="jazz"), station("c")])
    diff = resolver.call("DiffDirectory", 'name: "d0"')
    assert re.findall(r"kind: CHANGE_KIND_(\w+)", diff) == ["CHANGED", "ADDED", "REMOVED"]
    assert 'fields: "tags"' in diff and f"number: {0x80000001}" in diff
    assert resolver.stations() == before
    resolver.refused(NOT_FOUND, "no directory", lambda: resolver.call("DiffDirectory", 'name: "nowhere"'))


def test_filter_and_limits_hold(web, make):
    web.put_stations("list", [station(f"s{i}", votes=i, tags="jazz" if i % 2 else "rock", bitrate=128) for i in range(20)])
    resolver = make(stations_max=3, filter={"tags": ["jazz"], "bitrate_min": 96})
    status = resolver.wait_state("FRESH")
    # Those with the most votes.
    assert sorted(resolver.stations().values()) == ["s15", "s17", "s19"]
    assert (status["entries"], status["entries_filtered"], status["entries_over_limit"]) == ("20", "10", "7")


def test_a_document_larger_than_allowed_is_refused(web, make):
    web.put("list", "[" + " " * (1 << 20) + "]")
    resolver = make(megabytes_max=1)
    assert "larger than 1048576 bytes" in resolver.wait_state("STALE")["error"]


def test_private_addresses_are_reached_by_local_directories_alone(web, headend):
    web.put_stations("list", [station("a")])
    web.put("moved", "x")
    web.behave("moved", status=302, location=web.url("list"))
    kind = {"kind": "radio-browser"}
    rows = [{**kind, "url": web.url("list"), "local": False}, {**kind, "url": web.url("moved"), "local": False}, {**kind, "url": web.url("moved")}]
    resolver = Resolver(headend, rows)
    for name in ("d0", "d1"):
        assert "only a directory with local = true" in resolver.wait_state("STALE", name)["error"]
    resolver.wait_state("FRESH", "d2")
    assert web.statuses("list") == [200]
