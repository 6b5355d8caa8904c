"""Colour science: pure functions on arrays, without files or state.

Training, evaluation, photographs, video and the page all use the same few functions.
"""
