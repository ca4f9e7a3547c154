"""Safe repairs of label files: what is stored wrongly, never what was drawn wrongly."""
