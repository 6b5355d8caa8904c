"""The zoo: one file per network, one literal registry, one contract."""
