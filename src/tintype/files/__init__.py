"""Reading and writing files: all or nothing on a disk, and in stores that are named by URLs."""
