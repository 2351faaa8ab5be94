"""Tests of edgeproxy.messaging."""
