"""The lab: a network of namespaces with switches, hosts, stock players, real stations and captures."""

from .capture import Capture, of_kind
from .headend import FIRST_NUMBER, SERVICES, TONE_NUMBER, Headend, SplitHeadend, group4, group6, to_toml
from .icecast import Icecast
from .namespace import Membership, Namespace
from .network import SITE_PREFIX, Host, Lab, Leg, Link
from .packets import Packet, Record, Rtcp, Rtp, Sap, has_bye, joins, leaves, sequence_gaps
from .players import FfmpegListener, GstListener, VlcListener
from .process import Process
from .scene import TONE, Scene
from .schema import validate
from .wait import let_pass, stays, wait_until
from .zone_proxy import ZoneProxy
from .zones import AvahiHost, Device, Found, Service, Zone, zones_table

__all__ = [
    "AvahiHost",
    "Capture",
    "Device",
    "FIRST_NUMBER",
    "SERVICES",
    "FfmpegListener",
    "Found",
    "GstListener",
    "Headend",
    "Host",
    "Icecast",
    "Lab",
    "Leg",
    "Link",
    "Membership",
    "Namespace",
    "Packet",
    "Process",
    "Record",
    "Rtcp",
    "Rtp",
    "SITE_PREFIX",
    "Sap",
    "Scene",
    "Service",
    "SplitHeadend",
    "TONE",
    "TONE_NUMBER",
    "VlcListener",
    "Zone",
    "ZoneProxy",
    "group4",
    "group6",
    "has_bye",
    "joins",
    "leaves",
    "let_pass",
    "of_kind",
    "sequence_gaps",
    "stays",
    "to_toml",
    "validate",
    "wait_until",
    "zones_table",
]
