"""Tests of edgeproxy.ctl."""
