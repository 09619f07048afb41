"""The base of everything a circuit is described with."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, cast

from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo, model_validator

from leyden.spec.nearest import nearest
from leyden.spec.strict import Strict, located, refusal


class Frozen(Strict):
    """Frozen, checked, nothing extra, null as good as absent; ``compat: keys`` drops unknown keys."""

    @model_validator(mode="before")
    @classmethod
    def _drop_unknown_keys(cls, data: Any, info: ValidationInfo) -> Any:
        if not isinstance(data, Mapping):
            return {} if data is None else data
        known = {*cls.model_fields, *(f.alias for f in cls.model_fields.values())}
        # a key without a value says as much as a missing key, but a misspelt one is told
        tree = {k: v for k, v in cast(Mapping[str, Any], data).items() if v is not None or k not in known}
        dropped = (info.context or {}).get("dropped")
        if dropped is None:
            return tree
        known = {field.alias or name for name, field in cls.model_fields.items()}
        dropped += [f"{cls.__name__}.{key}" for key in tree if key not in known]
        return {key: value for key, value in tree.items() if key in known}


#: what is wrong, and the keys that lead to it
Fault = tuple[tuple[str | int, ...], str]


@contextmanager
def under(*keys: str | int) -> Generator[None]:
    """Whatever is refused within is told under these keys, where the file has it."""
    try:
        yield
    except ValidationError as error:
        raise ValidationError.from_exception_data("part", located(error, *keys)) from None
    except ValueError as error:
        raise contradictions([(keys, str(error))]) from None


#: error type of sentences that say all, also what was given
SAID = "said"


def contradictions(faults: Iterable[Fault]) -> ValidationError:
    """One refusal with every fault at its place."""
    details = [located(refusal("{text}", code=SAID, text=text), *path)[0] for path, text in faults]
    return ValidationError.from_exception_data("part", details)


def settings(value: Any, base: type | tuple[type, ...], kind: type[Frozen], info: ValidationInfo) -> Any:
    """The settings of one kind: from a mapping, or the object itself where it is of that kind."""
    if isinstance(value, base) and not isinstance(value, kind):
        raise ValueError(f"must be of {kind.__name__}, as the name beside it says, but got {value!r}")
    return value if isinstance(value, base) else kind.model_validate(value, context=info.context)


def settings_beside(
    key: str, value: Any, base: type, kinds: Mapping[str, type[Frozen]], info: ValidationInfo
) -> Any:
    """The settings of the kind that ``key`` beside them names, by its name among ``kinds``.

    Where that name is wrong it is absent here, and the first kind stands for it: of settings of nothing that
    is known nothing can be said.
    """
    known = info.data.get(key)
    return settings(value, base, kinds[known], info) if known else next(iter(kinds.values()))()


def unsaid() -> Any:
    """Settings of which nothing is said; each kind has its own defaults, or misses what it needs."""
    return {}


def mended(info: ValidationInfo, what: str) -> bool:
    """Whether compat `settings` takes what is refused otherwise; ``what`` is said in its warning."""
    noted: list[str] | None = (info.context or {}).get("mended")
    if noted is not None:
        noted.append(what)
    return noted is not None


def ordered(low: float | None, high: float | None) -> None:
    """Refuses a range that ends before it starts; where it is open there is nothing to say."""
    if low is not None and high is not None and low > high:
        raise ValueError(f"min must not be above max, but got {low:g} and {high:g}; give both")


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
