"""Where to spend the next hour: which labels to look at first, within a budget."""
