"""Messages and the networks that carry them to consumers.

One interface, `INetwork`; the embedded network hands messages to consumers attached
to edgeproxy itself and keeps events on disk until one of them has accepted them.
"""
