"""Metrics with their sources, and evaluation tables."""
