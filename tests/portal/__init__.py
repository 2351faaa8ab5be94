"""Tests of edgeproxy.portal."""
