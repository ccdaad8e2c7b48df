"""`python -m mixcomp_sim` is the command."""

from .command import main

main()
