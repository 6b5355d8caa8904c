"""Everything in a file that is not pixels: EXIF, XMP, ICC profiles, provenance."""
