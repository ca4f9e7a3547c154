"""One module per family of file formats: what its bytes and its header say."""
