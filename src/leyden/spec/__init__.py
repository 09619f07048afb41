"""Run file -> validated Run."""

from .parts import Kind as Kind
