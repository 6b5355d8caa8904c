"""What files hold beside pixels: EXIF, XMP, ICC profiles, IPTC, provenance."""
