"""Metrics with their sources, and the tables made of them."""
