"""Tenants, devices and credentials: the model and its SQLite store.

Implements what `edgeproxy.portal` asks for. No HTTP request and no message ever
enters here.
"""
