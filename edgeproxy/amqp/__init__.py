"""AMQP 1.0: proton's protocol engine under a Twisted protocol.

The listener with its SASL front, and the encoding of messages. What an address
means, and who may attach to it, is decided by the room that listens.
"""
