"""Training, evaluation and export; torch is imported in this package and nowhere else."""
