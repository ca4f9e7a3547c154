"""What layouts are told by: listings, roles of folders, names that belong together."""
