"""The version, once; everything below the package's top imports it from here."""

__version__ = "0.1.0"
