"""Limits that interfaces show in their help, where nothing heavy may be imported."""

MAX_PIXELS = 100_000_000
"""Pictures with more pixels are refused, unless another limit is given."""
