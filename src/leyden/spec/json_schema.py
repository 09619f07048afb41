"""The JSON Schema of run files (draft 2020-12), for editors that complete and check while one types."""

from __future__ import annotations

from typing import Any, cast

from .parts import RESERVED, ROOMS, Part, every_part, kind_named
from .run import Run
from .sections import DatasetSpec, OptimizerSpec, TermSpec
from .slots import PartSpec, part_model

#: how ``package.module:Name`` looks, which names code and is taken with --allow-imports only
FOREIGN = r"^[\w.]+:[\w.]+$"

BASES: dict[str, type[PartSpec]] = {
    cls.__name__: cls for cls in (PartSpec, DatasetSpec, TermSpec, OptimizerSpec)
}
REFERENCE = {"type": "string", "pattern": r"^\$\{[^}]+\}$", "description": "A reference to another value."}


def json_schema() -> dict[str, Any]:
    """The schema of run files with every part that is installed. Rules between sections are left out."""
    out = _model(Run)
    definitions: dict[str, Any] = out.setdefault("$defs", {})
    for kind in ROOMS:
        for base in _bases(kind):
            _add_kind(kind, base, definitions)
    out["properties"]["extends"] = {
        "description": "Run files that this one builds on; its own values win.",
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
    }
    definitions["reference"] = REFERENCE
    out = cast("dict[str, Any]", _finished(out))
    whole = {"properties": out["properties"], "required": out["required"], "allOf": [_learning_parts()]}
    partial: dict[str, Any] = {"required": ["extends"], "properties": dict.fromkeys(out["properties"], True)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Leyden run file",
        "type": "object",
        # What a file extends may hold anything that it needs: alone it has only the names of sections right.
        "if": {"required": ["extends"]},
        "then": partial | {"additionalProperties": False},
        "else": whole | {"additionalProperties": False},
        "$defs": out["$defs"],
    }


def _bases(kind: str) -> list[type[PartSpec]]:
    reserving = {"source": DatasetSpec, "loss": TermSpec, "optimizer": OptimizerSpec}
    return [PartSpec, *([reserving[kind]] if kind in RESERVED else [])]


def _model(model: type[Any]) -> dict[str, Any]:
    return model.model_json_schema(by_alias=True, ref_template="#/$defs/{model}")


def _add_kind(kind: str, base: type[PartSpec], definitions: dict[str, Any]) -> None:
    """Definitions of every part of a kind in one slot, and of any of them."""
    slot = _slot_name(kind, base.__name__)
    options: list[dict[str, Any]] = []
    bare: list[dict[str, Any]] = []
    for part in every_part(kind_named(kind)):
        name = f"{slot}.{part.name}"
        schema = _model(part_model(part, base))
        definitions.update(schema.pop("$defs", {}))
        if not set(schema.get("required", [])) - {"type"}:
            bare.append({"const": part.name, "description": part.summary})
        definitions[name] = _node(part, schema)
        options.append({"$ref": f"#/$defs/{name}"})
    foreign: dict[str, Any] = {
        "type": "object",
        "properties": {"type": {"type": "string", "pattern": FOREIGN}},
    }
    options += [*bare, {"type": "string", "pattern": FOREIGN}, _either_spelling(foreign)]
    definitions[slot] = {"anyOf": options}


def _node(part: Part, schema: dict[str, Any]) -> dict[str, Any]:
    schema["properties"]["type"] = {"const": part.name, "description": part.summary}
    schema.pop("title", None)
    return _either_spelling(schema)


def _either_spelling(schema: dict[str, Any]) -> dict[str, Any]:
    """A node's schema that takes `type` or `@type`, one of them."""
    schema["properties"]["@type"] = schema["properties"]["type"]
    schema["required"] = [k for k in schema.get("required", []) if k != "type"]
    return schema | {"oneOf": [{"required": ["type"]}, {"required": ["@type"]}]}


def _learning_parts() -> dict[str, Any]:
    """Task, loss and optimizer are needed unless the model is one of the user's, which may bring its own."""
    names: dict[str, Any] = {"type": "string", "pattern": FOREIGN}
    node = {
        "type": "object",
        "anyOf": [{"required": [k], "properties": {k: names}} for k in ("type", "@type")],
    }
    return {
        "if": {"properties": {"model": {"anyOf": [names, node]}}, "required": ["model"]},
        "else": {"required": ["task", "loss", "optimizer"]},
    }


def _slot_name(kind: str, base: str) -> str:
    return kind if base == "PartSpec" else f"{kind}:{base.removesuffix('Spec').lower()}"


def _finished(node: Any) -> Any:
    """Placeholders of slots become references; alternatives may overlap; titles that only repeat a key go."""
    if isinstance(node, list):
        return [_finished(item) for item in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    tree = {k: _finished(v) for k, v in cast("dict[str, Any]", node).items()}
    if "x-part" in tree:
        tree["$ref"] = f"#/$defs/{_slot_name(tree.pop('x-part'), tree.pop('x-base'))}"
    if isinstance(tree.get("properties"), dict) and "anyOf" not in tree:
        tree["properties"] = {k: _or_reference(v) for k, v in tree["properties"].items()}
    if isinstance(tree.get("items"), dict):
        tree["items"] = _or_reference(tree["items"])
    if "oneOf" in tree and "properties" not in tree and not _spellings(tree["oneOf"]):
        tree["anyOf"] = tree.pop("oneOf")
    if isinstance(tree.get("title"), str) and ("type" in tree or "$ref" in tree or "anyOf" in tree):
        del tree["title"]
    return tree


def _spellings(options: list[Any]) -> bool:
    return {"required": ["type"]} in options


def _or_reference(schema: Any) -> Any:
    """A property that may be written as `${...}` too; texts and names are so already."""
    if (
        not isinstance(schema, dict)
        or "const" in schema
        or cast("dict[str, Any]", schema).get("type") == "string"
    ):
        return schema
    node = cast("dict[str, Any]", schema)
    outer = {k: node[k] for k in ("description", "default") if k in node}
    inner = {k: v for k, v in node.items() if k not in outer}
    return outer | {"anyOf": [inner, {"$ref": "#/$defs/reference"}]}
