"""The base of everything a circuit is described with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, cast

from pydantic import BeforeValidator, Field, ValidationInfo, model_validator

from leyden.spec.nearest import nearest
from leyden.spec.strict import Strict


class Frozen(Strict):
    """Frozen, checked, nothing extra, null as good as absent; ``compat: keys`` drops unknown keys."""

    @model_validator(mode="before")
    @classmethod
    def _drop_unknown_keys(cls, data: Any, info: ValidationInfo) -> Any:
        if not isinstance(data, Mapping):
            return {} if data is None else data
        # a key without a value says as much as a missing key
        tree = {key: value for key, value in cast(Mapping[str, Any], data).items() if value is not None}
        dropped = (info.context or {}).get("dropped")
        if dropped is None:
            return tree
        known = {field.alias or name for name, field in cls.model_fields.items()}
        dropped += [f"{cls.__name__}.{key}" for key in tree if key not in known]
        return {key: value for key, value in tree.items() if key in known}


def whole(value: object) -> object:
    """Numbers of layers as files of the original may have them: a string of digits, or 2.0."""
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


#: yes or no in any word that YAML 1.1 and files of the original have for it
Switch = Annotated[bool, Field(strict=False)]

#: the number of a layer
Number = Annotated[int, BeforeValidator(whole)]


def one_of(word: object, known: Mapping[str, Any], what: str) -> Any:
    """The entry of ``known`` under ``word``; ValueError with the nearest spelling where there is none."""
    if isinstance(word, str) and word in known:
        return known[word]
    near = nearest(str(word), known)
    hint = f"did you mean `{near}`?" if near else "known: " + ", ".join(sorted(known))
    raise ValueError(f"{what} must be a known name, but got {word!r}; {hint}")
