"""Photographs for training: which one is in which split, and the way from files to tensors."""
