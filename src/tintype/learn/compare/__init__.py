"""`tintype compare`: trains and scores all methods, and writes a page of tables."""
