"""The Hono door: telemetry and events over the Eclipse Hono HTTP API.

Resources turn a request into an avatar, a registration assertion and a message, and
an outcome into a response. What happens to a message afterwards is the network's
business (`edgeproxy.messaging`).
"""
