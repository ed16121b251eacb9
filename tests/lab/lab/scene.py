"""The usual scene of the main job: a headend with one station that plays a tone, and two listeners' hosts."""

from .capture import Capture
from .headend import FIRST_NUMBER, Headend, group4, group6
from .network import Lab

TONE = 440.0


class Scene:
    """A started headend, its station "radio" (number FIRST_NUMBER), two listeners' hosts and a capture of the link."""

    def __init__(self, lab: Lab, headend: Headend):
        self.lab, self.headend = lab, headend
        self.alice = lab.host("alice", headend.link)
        self.bob = lab.host("bob", headend.link)
        self.url = headend.icecast.mount("radio", TONE, name="Lab Radio")
        self.group6, self.group4 = group6(FIRST_NUMBER), group4(FIRST_NUMBER)
        headend.write_lineup({FIRST_NUMBER: ("Lab Radio", self.url)})

    def start(self) -> "Scene":
        self.headend.start()
        self.capture = Capture(self.headend.ns, self.headend.link.name)
        return self
