"""`segassay synthesize`: a diffusion model of a data set's images, and images drawn from it."""
