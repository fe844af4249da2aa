"""``python -m replication <verb>``."""

from replication.cli import main

main()
