"""Frozen pydantic models that refuse unknown keys by naming the nearest known one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from .nearest import nearest


class Strict(BaseModel):
    """Base of every section of a run file and of every part's node: frozen, no extras, no coercion."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        validate_default=True,
        allow_inf_nan=False,
        arbitrary_types_allowed=True,
        protected_namespaces=(),
    )

    @model_validator(mode="wrap")
    @classmethod
    def _name_unknown_keys(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(data)
        except ValidationError as error:
            if not any(
                e["type"] == "extra_forbidden" and len(e["loc"]) == 1 for e in error.errors(include_url=False)
            ):
                raise
            known = [f.alias or name for name, f in cls.model_fields.items()]
            free = [k for k in known if k not in data] + [k for k in known if k in data]
            raise ValidationError.from_exception_data(
                cls.__name__, [_named(e, free) for e in _errors(error)]
            ) from None


def refusal(
    rule: str,
    *,
    at: tuple[str | int, ...] = (),
    code: str = "refused",
    allowed: Sequence[str] = (),
    near: str = "",
    hint: str = "",
    **words: Any,
) -> ValidationError:
    """A validation error with our own words.

    Args:
        rule: The rule, a template for ``words``.
        at: Location within the node that is being validated.
        code: What kind of error it is, for those who read `pydantic.ValidationError.errors`.
        allowed: What would be right.
        near: Which of these is nearest.
        hint: The repair.
        **words: What stands in the braces of ``rule``.
    """
    rule = rule.format(**words)
    context = {"rule": rule, "allowed": list(allowed), "near": near, "hint": hint}
    error = PydanticCustomError(code, "{rule}", context)  # type: ignore[arg-type]  # pydantic's stubs want a literal
    return ValidationError.from_exception_data("part", [{"type": error, "loc": at, "input": None}])


def located(error: ValidationError, *prefix: str | int) -> list[InitErrorDetails]:
    """The errors of a validation, ready to be raised again under a longer location."""
    return [{**_kept(e), "loc": (*prefix, *e["loc"])} for e in _errors(error)]


def _errors(error: ValidationError) -> list[Any]:
    return error.errors(include_url=False)


def _named(error: Any, known: list[str]) -> InitErrorDetails:
    if error["type"] != "extra_forbidden" or len(error["loc"]) != 1:
        return _kept(error)
    context = {"rule": "unknown key", "allowed": sorted(known), "near": nearest(str(error["loc"][0]), known)}
    kind = PydanticCustomError("unknown_key", "unknown key", context)
    return {"type": kind, "loc": error["loc"], "input": error["input"]}


def _kept(error: Any) -> InitErrorDetails:
    """One error as it was; what is no error type of pydantic's own travels as a custom one."""
    kind: Any = error["type"]
    if kind not in _known_types():
        kind = PydanticCustomError(kind, error["msg"].replace("{", "(").replace("}", ")"), error.get("ctx"))
    return {"type": kind, "loc": error["loc"], "input": error["input"], "ctx": error.get("ctx", {})}


def _known_types() -> frozenset[str]:
    from typing import get_args

    from pydantic_core.core_schema import ErrorType

    return frozenset(get_args(ErrorType)) - {"value_error", "assertion_error"}
