"""``edgeproxyctl``: what people and scripts ask of a running edgeproxy.

One module per command. A command talks to the running service through its public
ports (ops, AMQP, management API), never into its database.
"""
