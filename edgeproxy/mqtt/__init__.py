"""MQTT 3.1.1: a sans-IO codec, and a client service on top of it.

Bytes in, packets out; the service keeps one session alive and its subscriptions
with it. Topics and payloads mean nothing here.
"""
