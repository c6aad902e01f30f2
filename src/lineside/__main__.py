"""`python -m lineside` is `lineside`."""

from lineside.cli.main import main

main()
