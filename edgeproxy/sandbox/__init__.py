"""An offline stand-in for the Cumulocity cloud: HTTPS and MQTT on loopback.

It is strict where a client could get sloppy (tokens expire to the second, a bad
one gets Cumulocity's own error body) and small everywhere else. Nothing else in
edgeproxy may depend on it.
"""
