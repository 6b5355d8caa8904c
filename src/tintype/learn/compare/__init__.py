"""Every method under one command, and one table made of what is found."""
