"""Tests of edgeproxy.ops."""
