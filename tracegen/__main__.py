"""`python -m tracegen` is `tracegen`."""

from tracegen.cli import main

main()
