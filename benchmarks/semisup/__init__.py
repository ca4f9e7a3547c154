"""What a judge gains in training with few or faulty labels: one module for each table."""
