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
        "reproduce": "train a finished run again and compare the weights bit by bit",
    },
    "Write run files": {
        "show": "the resolved run file: every value and where it came from",
        "schema": "the JSON Schema that lets an editor complete and check run files",
        "parts": "the catalogue of everything a run file can name, with its settings",
    },
    "Simulate": {
        "soen": "superconducting circuits: simulate, show, rate-table",
    },
}

#: group of commands -> command -> one line; each is implemented by the file of its name in the group's folder
GROUPS: dict[str, dict[str, str]] = {
    "soen": {
        "simulate": "the history of every layer of a circuit, from an input over time",
        "show": "what is in a circuit: layers, connections, parameters, physical units",
        "rate-table": "compute the table that the RateArray source reads, from the circuit equations",
    },
}

COMMANDS = {name: line for group in TABLE.values() for name, line in group.items()}
