#!/usr/bin/python3
"""Makes systemd units of quadlets where podman does not: Debian 12 has podman 4.3, and quadlets came with 4.4.

Knows the keys that containers/quadlet uses, and refuses any other.
"""

import argparse
import shlex
import sys
from pathlib import Path

PODMAN = "/usr/bin/podman"
# Keys of [Container] and [Network] that are an option of podman with the same value.
CONTAINER_OPTIONS = {
    "AddCapability": "--cap-add",
    "AddDevice": "--device",
    "DropCapability": "--cap-drop",
    "GroupAdd": "--group-add",
    "HealthOnFailure": "--health-on-failure",
    "Volume": "--volume",
}
CONTAINER_SWITCHES = {"NoNewPrivileges": "--security-opt=no-new-privileges", "Notify": "--sdnotify=container", "ReadOnly": "--read-only"}
NETWORK_OPTIONS = {"Driver": "--driver", "Gateway": "--gateway", "Options": "--opt", "Subnet": "--subnet"}
NETWORK_SWITCHES = {"DisableDNS": "--disable-dns", "Internal": "--internal", "IPv6": "--ipv6"}

Sections = dict[str, list[tuple[str, str]]]


def read(path: Path) -> Sections:
    """The sections of a unit file, each key as often as it stands there."""
    sections: Sections = {}
    entries: list[tuple[str, str]] = []
    for line in path.read_text().splitlines():
        line = line.strip()
        if not line or line[0] in "#;":
            continue
        if line.startswith("["):
            entries = sections.setdefault(line.strip("[]"), [])
        else:
            key, _, value = line.partition("=")
            entries.append((key.strip(), value.strip()))
    return sections


def options(path: Path, entries: list[tuple[str, str]], valued: dict[str, str], switches: dict[str, str]) -> list[str]:
    argv = []
    for key, value in entries:
        if key in valued:
            argv.append(f"{valued[key]}={value}")
        elif key in switches:
            argv += [switches[key]] if value == "true" else []
        else:
            raise ValueError(f"{path}: {key}= is not known here")
    return argv


def network_name(path: Path) -> str:
    return dict(read(path)["Network"]).get("NetworkName", f"systemd-{path.stem}")


def network_command(path: Path) -> list[str]:
    entries = [(key, value) for key, value in read(path)["Network"] if key != "NetworkName"]
    return [PODMAN, "network", "create", *options(path, entries, NETWORK_OPTIONS, NETWORK_SWITCHES), network_name(path)]


def container_command(path: Path, *more: str) -> list[str]:
    """`podman run`, in the foreground, with more options."""
    argv, rest, image, name = [], [], "", path.stem
    for key, value in read(path)["Container"]:
        if key == "Image":
            image = value
        elif key == "ContainerName":
            name = value
        elif key == "Environment":
            argv += [f"--env={variable}" for variable in shlex.split(value)]
        elif key == "Network":
            network, colon, how = value.partition(":")
            if network.endswith(".network"):
                network = network_name(path.parent / network)
            argv.append(f"--network={network}{colon}{how}")
        else:
            rest.append((key, value))
    argv += options(path, rest, CONTAINER_OPTIONS, CONTAINER_SWITCHES)
    return [PODMAN, "run", f"--name={name}", "--replace", "--rm", *more, *argv, image]


def networks_of(path: Path) -> list[str]:
    used = [value.partition(":")[0] for key, value in read(path)["Container"] if key == "Network"]
    return [Path(network).stem for network in used if network.endswith(".network")]


def lines(entries: list[tuple[str, str]]) -> str:
    return "".join(f"{key}={value}\n" for key, value in entries)


def unit(path: Path) -> str:
    """The text of the service that stands for a .container or .network file."""
    sections = read(path)
    text = f"# Made of {path.name} by containers/quadlet.py.\n[Unit]\n{lines(sections.get('Unit', []))}"
    if path.suffix == ".network":
        name = network_name(path)
        command = f"{PODMAN} network exists {name} || {shlex.join(network_command(path))}"
        return f"{text}\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c {shlex.quote(command)}\n"
    for network in networks_of(path):
        text += f"Requires={network}-network.service\nAfter={network}-network.service\n"
    text += f"\n[Service]\nType=notify\nNotifyAccess=all\nDelegate=yes\nKillMode=mixed\n{lines(sections.get('Service', []))}"
    text += f"ExecStart={shlex.join(container_command(path, '--cgroups=split', '--log-driver=none'))}\n"
    return text + f"\n[Install]\n{lines(sections.get('Install', []))}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("quadlets", type=Path, help="a folder of .container and .network files")
    parser.add_argument("units", type=Path, help="where the units go: /etc/systemd/system")
    arguments = parser.parse_args()
    for path in sorted(arguments.quadlets.iterdir()):
        if path.suffix in (".container", ".network"):
            name = f"{path.stem}-network" if path.suffix == ".network" else path.stem
            (arguments.units / f"{name}.service").write_text(unit(path))
    return 0


if __name__ == "__main__":
    sys.exit(main())
