"""Inventory and events with c8y_api from PyPI; run as a program of its own."""

import io
import sys

from c8y_api import CumulocityApi
from c8y_api.model import Event, ManagedObject
from requests.auth import HTTPBasicAuth


class NoAuth(HTTPBasicAuth):
    """Sends no Authorization: that is the door's to add."""

    def __init__(self):
        super().__init__("", "")

    def __call__(self, request):
        return request


base = sys.argv[1]
c8y = CumulocityApi(base, "t1", auth=NoAuth())
c8y.base_url = base  # the constructor cuts the path off

made = ManagedObject(
    c8y, name="pump", type="test_Pump", test_Pressure={"bar": 3}
).create()
found = c8y.inventory.get(made.id)
assert found.name == "pump", found.name
assert found.test_Pressure.bar == 3
found.name = "pump two"
found.update()
assert c8y.inventory.get(made.id).name == "pump two"
assert [o.id for o in c8y.inventory.select(type="test_Pump")] == [made.id]

event = Event(
    c8y, type="test_Leak", time="2026-11-26T12:00:00+01:00", source=made.id, text="drip"
).create()
c8y.events.create_attachment(event.id, io.BytesIO(b"\x00\xffpicture"), "image/png")
assert c8y.events.download_attachment(event.id) == b"\x00\xffpicture"
made.delete()
try:
    c8y.inventory.get(made.id)
except KeyError:
    print("good")
