"""Reads files and writes them atomically, on a disk and in stores named by URLs."""
