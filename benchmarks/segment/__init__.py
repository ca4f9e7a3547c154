"""How well segmenters are trained, beside what others would use."""
