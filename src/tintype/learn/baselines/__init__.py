"""Methods without a network: they need user input, and no training."""
