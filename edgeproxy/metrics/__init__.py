"""Counters, gauges and histograms: their names, and who may count.

Whoever counts imports this; only `edgeproxy.ops` exports it.
"""
