"""Networks: a file for each, a literal registry, and their interfaces."""
