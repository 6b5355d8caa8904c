"""The shipped colorizer: a model bundle, NumPy and ONNX Runtime. Photo in, Photo out."""
