"""The contents of files besides pixels: EXIF, XMP, ICC profiles, IPTC, provenance."""
