"""Colour science: arrays in, arrays out, no files and no state.

Training, evaluation, photographs, video and the page all call these same few functions.
"""
