"""Training: objectives, steps, the loop, logs and checkpoints."""
