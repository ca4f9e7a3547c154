"""The command line: one small file per verb, one place that turns errors into exit codes."""

from segassay.cli.app import main

__all__ = ["main"]
