"""Tests of edgeproxy.hono."""
