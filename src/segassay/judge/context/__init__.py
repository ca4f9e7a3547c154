"""Labels judged by what other subjects' labels say about places that look alike."""
