"""The file formats: how each is recognised, read and written."""
