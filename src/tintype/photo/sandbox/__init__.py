"""Decoding in a child process, with limits: see docs/explanation/threat-model.md and ADR 42."""
