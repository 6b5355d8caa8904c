"""Reading and writing files, on a disk and in stores named by URLs: all or nothing."""
