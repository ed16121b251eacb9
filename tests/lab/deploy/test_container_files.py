"""The files of containers/ against each other: what the README's table says, the images, the quadlets and the compose file agree."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from container_host import QUADLETS, ROOT, quadlet

FOLDER = ROOT / "containers"
IMAGES = sorted(path.stem for path in FOLDER.glob("*.Containerfile") if path.stem != "base")
CONTAINERS = sorted(QUADLETS.glob("*.container"))
NETWORKS = sorted(QUADLETS.glob("*.network"))
DAEMONS = sorted(path.parent.name for path in (ROOT / "services").glob("*/main.cc") if path.parent.name != "headwaterctl")

# A site may do without the others; deploy/example/headwater.toml shows their tables.
CORE = ("membership-watcher", "rtp-packager", "sap-announcer", "directory-resolver", "session-manager")


def table() -> dict[str, tuple[str, str]]:
    """Capabilities and user of each image, as the README has them."""
    rows = re.findall(r"^\| `([\w-]+)` \| ([^|]+) \| (\d+:\d+) \|", (FOLDER / "README.md").read_text(), re.M)
    return {image: ("" if capabilities == "-" else capabilities, user) for image, capabilities, user in rows}


def instructions(image: str) -> list[tuple[str, str]]:
    text = (FOLDER / f"{image}.Containerfile").read_text().replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line and line[0] != "#"]


def values(image: str, wanted: str) -> list[str]:
    return [value for instruction, value in instructions(image) if instruction == wanted]


def key(path: Path, name: str) -> list[str]:
    return [value for entry, value in quadlet.read(path)[path.suffix[1:].capitalize()] if entry == name]


def image_of(path: Path) -> str:
    (image,) = key(path, "Image")
    return image.removeprefix("localhost/headwater/")


def test_each_service_has_an_image():
    assert set(IMAGES) == {*DAEMONS, "headwaterctl"} == set(table())


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_is_what_the_table_says(image):
    capabilities, user = table()[image]
    assert values(image, "FROM") == ["${BASE} AS collected", "scratch"]
    assert values(image, "USER") == [user]
    assert values(image, "ENTRYPOINT") == [f'["/usr/bin/{image}"]']
    labels = dict(word.split("=", 1) for word in shlex.split(values(image, "LABEL")[0]))
    assert labels["headwater.capabilities"] == capabilities
    names = ("title", "description", "licenses", "version", "revision")
    assert all(labels[f"org.opencontainers.image.{name}"] for name in names)
    if image in DAEMONS:
        (check,) = values(image, "HEALTHCHECK")
        assert check.endswith(f'CMD ["/usr/bin/{image}", "--health"]')
        sys.path.insert(0, str(ROOT / "deploy"))
        import up

        assert values(image, "EXPOSE") == [str(up.SERVICES[image])]


def test_user_0_is_an_exception_with_a_reason():
    assert [image for image, (_, user) in table().items() if user != "65532:65532"] == ["mcast-bridge"]


@pytest.mark.parametrize("path", CONTAINERS, ids=lambda path: path.stem)
def test_a_quadlet_gives_no_more_than_the_table_says(path):
    capabilities, _ = table()[image_of(path)]
    assert key(path, "DropCapability") == ["all"] and key(path, "AddCapability") == capabilities.split()
    assert key(path, "ReadOnly") == key(path, "NoNewPrivileges") == ["true"]
    assert key(path, "ContainerName") == [path.stem]
    assert key(path, "User") == [], "the image's"
    assert "/run/headwater:/run/headwater" in key(path, "Volume")
    for network in key(path, "Network"):
        file, _, how = network.partition(":")
        if file.endswith(".network"):
            assert (QUADLETS / file).exists()
            # What [legs] of the example has.
            assert how.endswith("interface_name=" + file.removesuffix(".network").replace("vlan", "br"))


def test_what_shares_anothers_network_ends_and_comes_back_with_it():
    announcer = quadlet.read(QUADLETS / "sap-announcer.container")
    packager = quadlet.read(QUADLETS / "rtp-packager.container")
    assert ("Network", "container:rtp-packager") in announcer["Container"]
    assert {("BindsTo", "rtp-packager.service"), ("After", "rtp-packager.service")} <= set(announcer["Unit"])
    assert ("Wants", "sap-announcer.service") in packager["Unit"]


def test_every_service_has_a_quadlet_and_no_address_is_given_twice():
    assert {image_of(path) for path in CONTAINERS} == set(DAEMONS)
    addresses = re.findall(r"ip6?=([^,\s]+)", "".join(path.read_text() for path in CONTAINERS))
    assert len(addresses) == len(set(addresses)) > 0


def test_compose_is_the_same_site():
    compose = yaml.safe_load((FOLDER / "compose.yaml").read_text())
    for name, service in compose["services"].items():
        path = QUADLETS / f"{name}.container"
        assert [service["image"]] == key(path, "Image")
        assert service.get("cap_add", []) == key(path, "AddCapability") and service["cap_drop"] == ["ALL"]
        # Docker has no ambient capabilities.
        assert service.get("user") == ("0:65532" if service.get("cap_add") else None)
        assert service["read_only"] and service["security_opt"] == ["no-new-privileges:true"]
        assert service["volumes"] == key(path, "Volume")
        assert [f"{k}={v}" for k, v in service.get("environment", {}).items()] == " ".join(key(path, "Environment")).split()
        networks = [
            f"{network}.network:ip={how['ipv4_address']},ip6={how['ipv6_address']},interface_name={how['interface_name']}"
            for network, how in service.get("networks", {}).items()
        ]
        assert networks == [network for network in key(path, "Network") if ".network" in network]
    for name, network in compose["networks"].items():
        path = QUADLETS / f"{name}.network"
        assert [f"parent={network['driver_opts']['parent']}"] == key(path, "Options") and [network["driver"]] == key(path, "Driver")
        assert [config["subnet"] for config in network["ipam"]["config"]] == key(path, "Subnet")
        assert [config["gateway"] for config in network["ipam"]["config"] if "gateway" in config] == key(path, "Gateway")
        assert network.get("internal", False) == (key(path, "Internal") == ["true"])


def test_units_for_an_older_podman(tmp_path):
    done = subprocess.run([FOLDER / "quadlet.py", QUADLETS, tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    units = sorted(tmp_path.iterdir())
    assert len(units) == len(CONTAINERS) + len(NETWORKS)
    environment = {"SYSTEMD_UNIT_PATH": f"{tmp_path}:", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, env=environment)
    assert [line for line in done.stderr.splitlines() if str(tmp_path) in line or "service:" in line] == []
    assert done.returncode == 0, done.stderr


def test_a_key_that_is_not_known_is_refused(tmp_path):
    (tmp_path / "x.container").write_text("[Container]\nImage=a\nReadonly=true\n")
    with pytest.raises(ValueError, match="Readonly"):
        quadlet.unit(tmp_path / "x.container")


@pytest.mark.parametrize("path", [path for path in CONTAINERS if image_of(path) in CORE], ids=lambda path: path.stem)
def test_an_example_configuration_is_good(path, bin_dir, tmp_path):
    environment = {"HEADWATER_CONFIG": "/etc/headwater/headwater.toml"}
    environment |= dict(word.split("=") for word in " ".join(key(path, "Environment")).split())
    for source in [*(FOLDER / "example").iterdir(), ROOT / "deploy" / "example" / "lineup.toml"]:
        (tmp_path / source.name).write_text(source.read_text())
    environment["HEADWATER_CONFIG"] = str(tmp_path / Path(environment["HEADWATER_CONFIG"]).name)
    done = subprocess.run([bin_dir / image_of(path), "--check-config"], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
