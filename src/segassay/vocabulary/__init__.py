"""Names of structures: canonical spelling, sides, aliases, vectors."""
