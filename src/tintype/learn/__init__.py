"""The fence: torch lives below this package and nowhere else."""
