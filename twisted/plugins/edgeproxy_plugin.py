"""Makes ``twistd edgeproxy`` known to Twisted."""

from twisted.application.service import ServiceMaker

edgeproxy = ServiceMaker(
    "edgeproxy",
    "edgeproxy.tap",
    "One door between the things on a site and their clouds.",
    "edgeproxy",
)
