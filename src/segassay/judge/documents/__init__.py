"""A judge's folder on disk and its typed documents; no network is needed to read them."""
