"""From a run's weights to the file that the engine reads."""
