"""Film: frames in and out, colours that hold still, everything else of the file untouched."""
