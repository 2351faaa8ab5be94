"""Tests of the HTTP engine."""
