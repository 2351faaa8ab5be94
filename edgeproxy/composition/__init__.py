"""One module per part of the service: from its table of the configuration to objects.

Whatever a part needs is made here and given to it as plain values. Nothing here talks
a protocol or decides anything that a room could decide.
"""
