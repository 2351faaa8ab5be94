"""Tests of edgeproxy.tls."""
