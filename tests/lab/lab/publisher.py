"""Publishes the services of a file by Avahi's D-Bus, one entry group each, until it is ended: hundreds in one process."""

import ast
import os
import signal
import sys
import time
from pathlib import Path

import dbus

UNSPECIFIED = -1
REGISTERING, ESTABLISHED = 1, 2
_NAME = "org.freedesktop.Avahi"


def publish(bus, server, service: dict):
    group = dbus.Interface(bus.get_object(_NAME, server.EntryGroupNew(), introspect=False), f"{_NAME}.EntryGroup")
    key = [dbus.Int32(UNSPECIFIED), dbus.Int32(UNSPECIFIED), dbus.UInt32(0), service["name"], service["type"], "local"]
    txt = dbus.Array([dbus.ByteArray(t.encode()) for t in service["txt"]], signature="ay")
    group.AddService(*key, service["host"], dbus.UInt16(service["port"]), txt, signature="iiussssqaay")
    for subtype in service["subtypes"]:
        group.AddServiceSubtype(*key, subtype, signature="iiussss")
    group.Commit()
    return group


def main() -> None:
    bus = dbus.bus.BusConnection(os.environ["DBUS_SYSTEM_BUS_ADDRESS"])
    server = dbus.Interface(bus.get_object(_NAME, "/", introspect=False), f"{_NAME}.Server")
    groups = [publish(bus, server, service) for service in ast.literal_eval(Path(sys.argv[1]).read_text())]
    for group in groups:
        while (state := group.GetState(timeout=60)) == REGISTERING:
            time.sleep(0.05)
        if state != ESTABLISHED:
            sys.exit(f"{group}: state {state}")
    print("established", flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
