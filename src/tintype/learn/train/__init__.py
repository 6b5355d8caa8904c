"""One step, many steps, and what is left on disk between them."""
