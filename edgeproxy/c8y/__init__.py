"""The ``/c8y`` door: the Cumulocity HTTP API for local software, without credentials.

The resource forwards a request as it came; the device credential is asked for the
current authorization. Nothing here knows about tenants, devices or messages of the
Hono door.
"""
