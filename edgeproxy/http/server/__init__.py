"""The server: connections in, requests to `twisted.web` resources, responses out.

`site` is the factory, `channel` a connection, `request` what resources see; `reply`,
`outgoing` and `compose` are how a response gets onto the wire.
"""
