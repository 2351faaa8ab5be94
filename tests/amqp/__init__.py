"""Tests of edgeproxy.amqp."""
