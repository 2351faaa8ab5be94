"""What operators and their tools look at: health, metrics, status, logs.

Only this package exports anything to the outside about how the service fares;
rooms count into `edgeproxy.metrics` and register health checks that are passed in.
"""
