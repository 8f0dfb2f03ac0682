"""`python -m examples.newsletter --config FILE.json` starts Larkspur."""

from examples.newsletter.app import main

main()
