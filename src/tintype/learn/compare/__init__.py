"""`tintype compare`: trains and scores every method, and writes one page of tables."""
