"""Tests of edgeproxy.registry."""
