"""Errors of real networks: small segmenters trained on some subjects and used on the others."""
