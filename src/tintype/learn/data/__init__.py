"""Training data: splits, file formats, sampling and augmentation."""
