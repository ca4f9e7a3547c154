"""`python -m segassay`."""

from segassay.cli import main

main()
