"""Methods without a network: they need user input, but no training."""
