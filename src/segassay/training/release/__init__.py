"""What makes a trained network a judge: calibration, card, terms."""
