"""One module per layout of a data set; `all_layouts` lists them."""
