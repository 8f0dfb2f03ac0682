"""`python -m sealgate` is the command `sealgate`."""

from sealgate.cli import main

main()
