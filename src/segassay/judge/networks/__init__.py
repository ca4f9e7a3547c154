"""Networks, in torch. Only training and export need this folder; scoring runs on ONNX."""
