"""The table of commands: what `leyden --help` lists, each implemented by the file of its name."""

from __future__ import annotations

#: heading -> command -> one line; read without importing any command
TABLE: dict[str, dict[str, str]] = {
    "Train": {
        "new": "copy a tested recipe into a folder and start from there",
        "check": "every problem of a run file and its data, before anything is built",
        "train": "train; after an interruption the same command goes on",
    },
    "Look at what came out": {
        "ls": "runs and their results in a table",
        "test": "evaluate a trained model on the test data",
        "predict": "write a trained model's predictions to a file",
        "export": "write a trained model for use elsewhere, e.g. as ONNX",
    },
    "Write run files": {
        "show": "the resolved run file: every value and where it came from",
        "schema": "the JSON Schema that lets an editor complete and check run files",
        "parts": "the catalogue of everything a run file can name, with its settings",
    },
}

COMMANDS = {name: line for group in TABLE.values() for name, line in group.items()}
