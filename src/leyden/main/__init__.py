"""The main path of Leyden: check, build, train."""
