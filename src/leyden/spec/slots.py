"""Slots: where a run file names a part, and the model that a part's signature becomes."""

from __future__ import annotations

import types
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Union, cast, get_args, get_origin

from pydantic import (
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    create_model,
)
from pydantic import Strict as StrictMode
from pydantic_core import CoreSchema, core_schema

from .durations import Duration
from .foreign import foreign_part
from .nearest import nearest
from .parts import CONTRACTS, RESERVED, Kind, Part, kind_named
from .signature import MISSING
from .strict import Strict, refusal
from .unions import OneOf


class PartSpec(Strict):
    """A validated node that names a part: its type, its settings and the reserved keys of its slot."""

    part: ClassVar[Part]
    type: str = Field(description="Name of the part.")

    def settings(self) -> dict[str, Any]:
        """What the run file sets on the part, defaults included, without the keys the part never sees."""
        return {s.name: getattr(self, _field(s.name)) for s in self.part.signature.settings}

    def tree(self) -> dict[str, Any]:
        """Plain containers that validate again to an equal spec."""
        reserved = {key: plain(getattr(self, key)) for key in self.reserved()}
        return {"type": self.type} | plain(self.settings()) | reserved

    def reserved(self) -> tuple[str, ...]:
        """Keys of the node that the part never sees."""
        return tuple(k for k in RESERVED.get(self.part.kind, ()) if k in type(self).model_fields)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as a tree, because its class is made from a signature and has no importable name."""
        return _restored, (self.part.kind, _base(type(self)), self.tree())


class Slot:
    """Stands in annotations for any part of one kind.

    Args:
        kind: Name of the kind.
        base: The class of the spec; its fields are the reserved keys of this slot.
    """

    def __init__(self, kind: str, base: type[PartSpec] = PartSpec) -> None:
        self.kind, self.base = kind, base
        self.expected = f"a {kind} (a name, or a mapping with `type`)"

    def parse(self, node: Any, info: core_schema.ValidationInfo | None = None) -> PartSpec:
        """The spec of a node; problems are pydantic's errors with the node's keys as locations."""
        context = info.context if info is not None else None
        if isinstance(node, PartSpec):
            if isinstance(node, self.base) and node.part.kind == self.kind:
                return node
            node = node.tree()
        name, settings = self._named(node)
        part = self._part(name, bool((context or {}).get("allow_imports")), node)
        model = part_model(part, self.base)
        return model.model_validate({"type": name, **settings}, context=context)

    def takes(self, value: Any, /) -> bool:
        """Whether a value in a union is meant to be a part."""
        return isinstance(value, (str, dict, PartSpec))

    def has(self, value: Any, /) -> bool:
        """Whether a value in a union can only be a part."""
        if isinstance(value, str):
            return ":" in value or value in kind_named(self.kind).names()
        return isinstance(value, dict) and ("type" in value or "@type" in value)

    def _named(self, node: Any) -> tuple[str, dict[str, Any]]:
        if isinstance(node, str):
            return node, {}
        if not isinstance(node, dict):
            raise refusal(
                "expected {expected}", expected=self.expected, allowed=kind_named(self.kind).names()
            )
        node = cast("dict[str, Any]", node)
        keys = [k for k in ("type", "@type") if k in node]
        if not keys:
            self._without_type(node)
        if len(keys) == 2:
            raise refusal("`type` and `@type` are one and the same; keep one of them", at=("@type",))
        name = node[keys[0]]
        if not isinstance(name, str):
            raise refusal("expected the name of a {kind}", kind=self.kind, at=(keys[0],))
        return name, {k: v for k, v in node.items() if k != keys[0]}

    def _without_type(self, node: dict[str, Any]) -> None:
        """Says that `type` is missing, or which key was meant to be it."""
        allowed = kind_named(self.kind).names()
        slip = misspelt_type(node)
        if slip:
            raise misspelt(slip)
        raise refusal("a {kind} needs a `type`", kind=self.kind, code="missing_type", allowed=allowed)

    def _part(self, name: str, allow_imports: bool, node: Any) -> Part:
        at = () if isinstance(node, str) else ("type" if "type" in node else "@type",)
        if ":" in name:
            return _imported(self.kind, name, allow_imports, at)
        kind = kind_named(self.kind)
        part = _found(kind, name, at)
        if part is None:
            names = kind.names()
            near = nearest(name, names)
            raise refusal(
                "no {kind} of that name", kind=self.kind, allowed=names, near=near, at=at, code="unknown_part"
            )
        if absent := part.absent():
            hint = f'pip install "leyden[{part.extra}]"' if part.extra else f"pip install {' '.join(absent)}"
            rule = "{kind} '{name}' needs {absent}, which is not installed"
            raise refusal(rule, kind=self.kind, name=name, absent=" and ".join(absent), hint=hint, at=at)
        return part

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self.parse)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        # Pydantic refuses references to definitions it does not own; `json_schema` swaps this placeholder.
        return {"x-part": self.kind, "x-base": self.base.__name__}


def misspelt(slip: str) -> ValidationError:
    """The error of a key that was meant to be `type`."""
    near = "@type" if slip.startswith("@") else "type"
    return refusal("unknown key", at=(slip,), near=near, code="unknown_key")


def misspelt_type(node: Mapping[str, Any]) -> str:
    """The key that was meant to be `type`, in a mapping that has none; an empty string if there is none."""
    for key, value in node.items():
        if isinstance(value, str) and key != "type" and nearest(key, ["type", "@type"]) and len(key) < 7:
            return key
    return ""


@cache
def part_model(part: Part, base: type[PartSpec] = PartSpec) -> type[PartSpec]:
    """The pydantic model of a part's node: one field a setting, and the fields of ``base``."""
    fields: dict[str, Any] = {"type": (Literal[part.name], Field(part.name, description="Name of the part."))}
    for s in part.signature.settings:
        default = ... if s.default is MISSING else s.default
        alias = s.name if _field(s.name) != s.name else None
        info = Field(default, description=s.doc, alias=alias, validate_default=not part.foreign)
        fields[_field(s.name)] = (checked(s.hint), info)
    model = create_model(f"{base.__name__}_{part.name}", __base__=base, __doc__=part.summary, **fields)
    model.part = part
    return model


def checked(hint: Any) -> Any:
    """An annotation as pydantic should see it: contract classes become slots, unions choose their branch.

    Lists are accepted for tuples and texts for paths, which a run file has no other way to write.
    """
    origin, args = get_origin(hint), get_args(hint)
    if isinstance(hint, type) and hint in CONTRACTS:
        return Annotated[PartSpec, Slot(CONTRACTS[hint].name)]
    if hint is Path:
        return FilePath
    if origin is Annotated:
        return _annotated(args[0], hint.__metadata__)
    if origin is tuple or hint is tuple:
        return Annotated[hint if not args else tuple[tuple(map(checked, args))], StrictMode(False)]
    if origin in (Union, types.UnionType):
        inner = Union[tuple(map(checked, args))]  # noqa: UP007
        return inner if len(args) == 2 and types.NoneType in args else Annotated[inner, OneOf()]
    if args and origin is not Literal:
        return origin[tuple(a if a is ... else checked(a) for a in args)]
    return hint


def _annotated(hint: Any, marks: tuple[Any, ...]) -> Any:
    """An annotation with metadata; bounds of a union go to its numbers, so that the schema has them."""
    branches = get_args(hint)
    if get_origin(hint) in (Union, types.UnionType) and {int, float} & {*branches}:
        return checked(Union[tuple(Annotated[b, *marks] if b in (int, float) else b for b in branches)])  # noqa: UP007
    return Annotated[checked(hint), *marks]


FilePath = Annotated[Path, BeforeValidator(lambda value: Path(value) if isinstance(value, str) else value)]


def plain(value: Any) -> Any:
    """Plain containers, numbers and texts, as a run file has them."""
    if isinstance(value, PartSpec):
        return value.tree()
    if isinstance(value, Strict):
        return {k: plain(getattr(value, k)) for k in type(value).model_fields}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(v) for v in cast("list[Any]", value)]
    if isinstance(value, (Path, Duration)):
        return str(value)
    return value


def _field(setting: str) -> str:
    """The field of a setting; a name that pydantic uses itself gets an underscore, and an alias."""
    return f"{setting}_" if setting.startswith("_") or hasattr(PartSpec, setting) else setting


def _base(model: type[PartSpec]) -> type[PartSpec]:
    return cast("type[PartSpec]", model.__bases__[0])


def _restored(kind: str, base: type[PartSpec], tree: dict[str, Any]) -> PartSpec:
    info: Any = types.SimpleNamespace(
        context={"allow_imports": True}
    )  # it was allowed when it was first made
    return Slot(kind, base).parse(tree, info)


def _found(kind: Kind, name: str, at: tuple[str, ...]) -> Part | None:
    try:
        return kind.find(name)
    except Exception as error:
        raise refusal(
            "{kind} '{name}' cannot be imported: {error}", kind=kind.name, name=name, error=str(error), at=at
        ) from None


def _imported(kind: str, name: str, allow_imports: bool, at: tuple[str, ...]) -> Part:
    if not allow_imports:
        hint = "if you trust this file, add --allow-imports"
        raise refusal("a run file runs code that it names only if told so", hint=hint, at=at, code="import")
    try:
        return foreign_part(kind, name)
    except Exception as error:
        raise refusal(
            "cannot be imported: {error}", error=f"{type(error).__name__}: {error}", at=at
        ) from None
