"""Exports a run to a model file for the engine."""
