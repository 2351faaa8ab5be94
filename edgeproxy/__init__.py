"""edgeproxy: one door between the things on a site and their clouds.

``service.py`` is the table of contents; each package below is a room on a floor
and imports only from the floors beneath it (``tests/test_floors.py`` holds the
order).
"""

__version__ = "0.1.0"
