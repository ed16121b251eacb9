#!/usr/bin/python3
"""A UPnP device by GUPnP (Debian's): a lamp that can be switched, at each of the addresses given: gupnp_lamp.py FOLDER PORT ADDRESS..."""

import sys
from pathlib import Path

import gi

gi.require_version("GSSDP", "1.6")
gi.require_version("GUPnP", "1.6")
from gi.repository import Gio, GLib, GObject, GSSDP, GUPnP  # noqa: E402

SERVICE = "urn:schemas-upnp-org:service:SwitchPower:1"
DEVICE = f"""<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major><minor>0</minor></specVersion>
<device><deviceType>urn:schemas-upnp-org:device:BinaryLight:1</deviceType><friendlyName>Lab Lamp</friendlyName>
<manufacturer>Lab</manufacturer><modelName>Lamp</modelName><UDN>uuid:cc93d8e6-6b8b-4f60-87ca-228c36b5b0e8</UDN>
<serviceList><service><serviceType>{SERVICE}</serviceType><serviceId>urn:upnp-org:serviceId:SwitchPower:1</serviceId>
<SCPDURL>/switch.xml</SCPDURL><controlURL>/switch/control</controlURL><eventSubURL>/switch/event</eventSubURL></service></serviceList>
</device></root>
"""
SWITCH = """<?xml version="1.0"?>
<scpd xmlns="urn:schemas-upnp-org:service-1-0"><specVersion><major>1</major><minor>0</minor></specVersion>
<actionList><action><name>SetTarget</name><argumentList><argument><name>newTargetValue</name><direction>in</direction>
<relatedStateVariable>Status</relatedStateVariable></argument></argumentList></action></actionList>
<serviceStateTable><stateVariable sendEvents="yes"><name>Status</name><dataType>boolean</dataType></stateVariable></serviceStateTable></scpd>
"""


class Lamp:
    def __init__(self, folder: Path, port: int, address: str):
        self.context = GUPnP.Context.new_for_address(Gio.InetAddress.new_from_string(address), port, GSSDP.UDAVersion.VERSION_1_1)
        self.device = GUPnP.RootDevice.new(self.context, "device.xml", str(folder))
        self.service = self.device.get_service(SERVICE)
        self.service.connect("action-invoked::SetTarget", self.on_set_target)
        self.service.connect("query-variable::Status", self.on_query)
        self.on = False
        self.device.set_available(True)

    def on_set_target(self, service, action) -> None:
        self.on = action.get_value("newTargetValue", GObject.TYPE_BOOLEAN)
        print(f"lamp {'on' if self.on else 'off'}", flush=True)
        service.notify_value("Status", self.on)
        action.return_success()

    def on_query(self, _service, _name, value) -> None:
        value.init(GObject.TYPE_BOOLEAN)
        value.set_boolean(self.on)


def main() -> None:
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    folder.mkdir(exist_ok=True)
    (folder / "device.xml").write_text(DEVICE)
    (folder / "switch.xml").write_text(SWITCH)
    lamps = [Lamp(folder, port, address) for address in sys.argv[3:]]
    print(f"{len(lamps)} lamps", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
