"""Tests of `edgeproxy.mqtt`."""
