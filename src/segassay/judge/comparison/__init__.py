"""Labels beside labels of other cases: registration, traits, what is usual."""
