"""Tests of edgeproxy.config."""
