"""Limits that interfaces show in their help, where nothing heavy may be imported."""

MAX_PIXELS = 100_000_000
"""Pixels of a picture beyond which it is refused, unless another limit is given."""
