"""Mappings from names to parts, which a run file may also write shorter."""

from __future__ import annotations

from typing import Any, cast

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic_core import CoreSchema, core_schema

from .slots import PartSpec, Slot, misspelt, misspelt_type
from .strict import located, refusal


class ByName:
    """Annotation of ``dict[str, PartSpec]``; parts without a name are named by their type.

    Args:
        slot: What each value is.
        single: Whether one part may stand for the mapping.
        listed: Whether a list of parts may.
    """

    def __init__(self, slot: Slot, *, single: bool = False, listed: bool = False) -> None:
        self.slot, self.single, self.listed = slot, single, listed

    def parse(self, node: Any, info: core_schema.ValidationInfo) -> dict[str, PartSpec]:
        """The specs by name; the problems of all of them together."""
        if self.single and self._is_part(node):
            spec = self.slot.parse(node, info)
            return {spec.type: spec}
        if isinstance(node, list) and self.listed:
            specs = self._each(dict(enumerate(cast("list[Any]", node))), info)
            return self._by_type(list(specs.values()))
        if not isinstance(node, dict):
            shapes = [self.slot.expected] * self.single + ["a list"] * self.listed + ["a mapping from names"]
            raise refusal("expected " + ", or ".join(shapes), code="expected")
        slip = misspelt_type(cast("dict[str, Any]", node))
        if slip:
            raise misspelt(slip)
        return self._each(cast("dict[str, Any]", node), info)

    def _is_part(self, node: Any) -> bool:
        """Whether a node is one part and no mapping from names."""
        return isinstance(node, (str, PartSpec)) or (
            isinstance(node, dict) and ("type" in node or "@type" in node)
        )

    def _each(self, nodes: dict[Any, Any], info: core_schema.ValidationInfo) -> dict[Any, PartSpec]:
        specs: dict[Any, PartSpec] = {}
        errors: list[Any] = []
        for key, node in nodes.items():
            try:
                specs[key] = self.slot.parse(node, info)
            except ValidationError as error:
                errors += located(error, key)
        if errors:
            raise ValidationError.from_exception_data("parts", errors)
        return specs

    def _by_type(self, specs: list[PartSpec]) -> dict[str, PartSpec]:
        for i, spec in enumerate(specs):
            if spec.type in (earlier.type for earlier in specs[:i]):
                hint = (
                    f"write a mapping from names instead of the list, such as `mine: {{type: {spec.type}}}`"
                )
                raise refusal("two of one type need names", at=(i,), hint=hint)
        return {spec.type: spec for spec in specs}

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self.parse)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        part = {"x-part": self.slot.kind, "x-base": self.slot.base.__name__}
        names: dict[str, Any] = {"not": {"enum": ["type", "@type"]}, "minLength": 1}
        shapes: list[dict[str, Any]] = [
            {"type": "object", "propertyNames": names, "additionalProperties": part}
        ]
        if self.listed:
            shapes.append({"type": "array", "items": part})
        return {"anyOf": [part, *shapes] if self.single else shapes}
