"""The client: a pool of connections to one origin, and an `IAgent` on top of it.

`pool` shares connections, `exchange` is a request and the wait for its response,
`prepared` the request before it has a body; `connection` and `outlet` are the two
halves of a connection. `connectproxy` is a way around what lies between.
"""
