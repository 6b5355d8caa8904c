"""Methods of before the networks: they need a person's help, and no training."""
