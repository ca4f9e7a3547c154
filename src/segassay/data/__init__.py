"""From files on disk to cases, volumes, slices and crops."""
