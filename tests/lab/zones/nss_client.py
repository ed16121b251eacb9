"""Looks host names up as nss-mdns does, forced to multicast, and keeps the questions open: what makes Avahi's published crashes reachable.

    nss_client.py NAME...
"""

import os
import signal
import sys

import dbus

_USE_MULTICAST = dbus.UInt32(2)  # AVAHI_LOOKUP_USE_MULTICAST
_IN, _A = dbus.UInt16(1), dbus.UInt16(1)
_ANYWHERE = dbus.Int32(-1)


def main() -> None:
    bus = dbus.bus.BusConnection(os.environ["DBUS_SYSTEM_BUS_ADDRESS"])
    server = dbus.Interface(bus.get_object("org.freedesktop.Avahi", "/", introspect=False), "org.freedesktop.Avahi.Server")
    for name in sys.argv[1:]:
        server.RecordBrowserNew(_ANYWHERE, _ANYWHERE, name, _IN, _A, _USE_MULTICAST, signature="iisqqu")
    print("asking", flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
