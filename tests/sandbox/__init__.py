"""Tests of `edgeproxy.sandbox`."""
