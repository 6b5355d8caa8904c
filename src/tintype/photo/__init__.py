"""A still picture and everything about it that must survive: pixels, depth, profile, metadata."""
