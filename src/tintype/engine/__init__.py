"""The colorizer: turns a Photo into a coloured Photo with a model bundle and ONNX Runtime."""
