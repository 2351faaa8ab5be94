"""Tests of `edgeproxy.c8y`."""
