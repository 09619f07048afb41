"""Run every benchmark of this folder and write RESULTS.md with the machine that they ran on.

    make bench                                          all
    .venv/bin/python benchmarks/run_all.py startup      some, printed only

A goal that is not met is written down as not met. A benchmark that ends in an error is written down as such,
and is the only thing that makes this program fail.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
MACHINERY = {"run_all", "interleave"}
LIMIT = 3600.0  # seconds for one benchmark


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one benchmark printed, and how its goals came out."""

    name: str
    printed: str
    goals: list[dict[str, Any]] = field(default_factory=list)
    error: str = ""


def benchmarks() -> list[str]:
    """Every benchmark here by name: files that measure something, in alphabetical order."""
    return sorted(
        path.stem for path in HERE.glob("*.py") if path.stem not in MACHINERY and path.stem[0] != "_"
    )


def outcome(name: str) -> Outcome:
    """Run one benchmark in a process of its own."""
    print(f"== {name}", flush=True)
    command = [sys.executable, str(HERE / f"{name}.py")]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return Outcome(name=name, printed="", error=f"not done after {LIMIT:.0f} s")
    print(done.stdout, flush=True)
    printed, _, last = done.stdout.rstrip().rpartition("\n")
    if done.returncode:
        return Outcome(name=name, printed=done.stdout, error=f"ended with exit code {done.returncode}")
    try:
        goals = json.loads(last)["goals"]
    except (ValueError, KeyError, TypeError):
        return Outcome(
            name=name, printed=done.stdout, error="its last line is not the JSON line of its goals"
        )
    return Outcome(name=name, printed=printed.strip(), goals=goals)


def machine() -> list[str]:
    """What the figures depend on, a line each."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.partition(":")[2].strip()
            for line in cpuinfo.read_text().splitlines()
            if "model name" in line
        ]
        model = names[0] if names else model
    packages = ("leyden", "torch", "lightning", "numpy", "pydantic")
    return [
        f"CPU: {model}, {os.cpu_count()} cores; load average at the start {os.getloadavg()[0]:.1f}",
        f"System: {platform.system()} {platform.release()}, Python {platform.python_version()}",
        "Packages: " + ", ".join(f"{name} {version(name)}" for name in packages),
        f"Threads: OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', 'not set')}",
        f"Commit: {commit()}, {datetime.now(UTC):%Y-%m-%d}",
    ]


def commit() -> str:
    """The commit that was measured, marked where files differ from it."""
    words = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    done = subprocess.run(words, cwd=HERE, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def report(outcomes: list[Outcome], machine_lines: list[str]) -> str:
    """RESULTS.md."""
    rows = ["| benchmark | what | measured | goal | |", "|---|---|--:|--:|---|"]
    for result in outcomes:
        for goal in result.goals:
            verdict = "met" if goal["holds"] else "**not met**"
            measured = f"{number(goal['value'])} | {number(goal['goal'])}"
            rows.append(f"| {result.name} | {goal['what']} | {measured} | {verdict} |")
        if result.error:
            rows.append(f"| {result.name} | | | | **{result.error}** |")
    sections = [f"## {result.name}\n\n```\n{result.printed}\n```" for result in outcomes]
    head = "# Results\n\nWritten by `make bench`; every figure can be had again with it."
    return (
        "\n\n".join([head, "\n".join(f"- {line}" for line in machine_lines), "\n".join(rows), *sections])
        + "\n"
    )


def number(value: Any) -> str:
    """A figure for the table; goals may be text such as ``<= 30``."""
    return f"{value:.4g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def main(words: list[str]) -> int:
    """Run the named benchmarks, or all; 1 if one ended in an error."""
    unknown = sorted(set(words) - set(benchmarks()))
    if unknown:
        print(
            f"no such benchmark: {', '.join(unknown)}. There are {', '.join(benchmarks())}.", file=sys.stderr
        )
        return 2
    lines = machine()
    outcomes = [outcome(name) for name in words or benchmarks()]
    if not words:
        (HERE / "RESULTS.md").write_text(report(outcomes, lines))
        print(f"written: {HERE / 'RESULTS.md'}")
    return int(any(result.error for result in outcomes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
