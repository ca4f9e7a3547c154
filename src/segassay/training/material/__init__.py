"""What a judge learns from, in memory or packed."""
