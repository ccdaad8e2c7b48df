"""`python -m mixcomp_edge` is the command."""

from mixcomp_edge.cli import main

main()
