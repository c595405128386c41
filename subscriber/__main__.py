"""``python -m subscriber``."""

from subscriber.cli import main

main()
