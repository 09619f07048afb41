"""The `leyden` command: `main.py` finds the command, one short file a command."""
