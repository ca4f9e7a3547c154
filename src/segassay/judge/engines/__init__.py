"""Running a judge's network: ONNX Runtime or OpenVINO."""
