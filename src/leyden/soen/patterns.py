"""Every connectivity pattern: which nodes of one layer reach which nodes of another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self, cast

from pydantic import (
    AliasChoices,
    BeforeValidator,
    Field,
    SerializeAsAny,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from .array_file import ArrayFile
from .frozen import Frozen, one_of, settings_beside, unsaid

Share = Annotated[float, Field(ge=0, le=1)]


class Pattern(Frozen):
    """What every pattern has in common."""

    name: ClassVar[str]
    random: ClassVar[bool] = False  # whether a mask depends on a draw


class Dense(Pattern):
    """Every node to every node."""

    name = "dense"


class OneToOne(Pattern):
    """Node i to node i, or a range of source nodes to the first target nodes.

    Args:
        source_start_node_id: First node of the range.
        source_end_node_id: Last node of the range.
    """

    name = "one_to_one"
    source_start_node_id: Annotated[int, Field(ge=0)] | None = None
    source_end_node_id: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _both(self) -> Self:
        first, last = self.source_start_node_id, self.source_end_node_id
        if (first is None) != (last is None):
            raise ValueError("source_start_node_id and source_end_node_id go together; give both or neither")
        if first is not None and last is not None and first > last:
            raise ValueError(
                f"source_start_node_id must not be above source_end_node_id, but got {first} and {last}"
            )
        return self


class InverseOneToOne(Pattern):
    """Every node to every other node, between layers of one size."""

    name = "inverse_one_to_one"


class Chain(Pattern):
    """Node i to node i + 1."""

    name = "chain"


class Sparse(Pattern):
    """Every pair with the same probability.

    Args:
        sparsity: That probability: 0.1 keeps a tenth of the connections.
    """

    name = "sparse"
    random = True
    sparsity: Annotated[float, Field(gt=0, le=1)]


class BlockStructure(Pattern):
    """Blocks of nodes, densely connected within and less so across.

    Args:
        block_count: Number of blocks.
        connection_mode: Which blocks are joined: none, those further on, or all.
        within_block_density: Share of connections within a block.
        cross_block_density: Share of connections between joined blocks.
    """

    name = "block_structure"
    block_count: Annotated[int, Field(ge=1)]
    connection_mode: Literal["none", "diagonal", "full"]
    within_block_density: Share
    cross_block_density: Share


class Constant(Pattern):
    """The same number of random targets for each source node.

    Args:
        expected_fan_out: That number.
    """

    name = "constant"
    random = True
    expected_fan_out: Annotated[int, Field(ge=1)]


class Spatial(Pattern):
    """Random targets that are likelier the nearer they are.

    Args:
        expected_fan_out: Targets of each source node.
        connection_scope: Distances on one grid, or between two columns; from the layers where absent.
    """

    random = True
    expected_fan_out: Annotated[int, Field(ge=1)]
    connection_scope: Literal["internal", "external"] | None = None


class PowerLaw(Spatial):
    """Probability falls as distance to the power of -alpha.

    Args:
        alpha: The exponent.
    """

    name = "power_law"
    alpha: float = 2.0


class Exponential(Spatial):
    """Probability falls exponentially.

    Args:
        d_0: Distance over which it falls to 1/e.
    """

    name = "exponential"
    d_0: Annotated[float, Field(ge=0)] = 2.0


class Custom(Pattern):
    """A mask from a `.npy` file or a `.npz` file with the key `mask`, shape (to, from), zeros and ones.

    Args:
        mask_file: The file.
    """

    name = "custom"
    mask_file: ArrayFile = Field(validation_alias=AliasChoices("mask_file", "file_path"))

    @model_validator(mode="before")
    @classmethod
    def _one_name(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and "file_path" in data and "mask_file" not in data:
            tree = dict(cast(Mapping[str, Any], data))
            return tree | {"mask_file": tree.pop("file_path")}
        return data


class HierarchicalBlocks(Pattern):
    """Blocks of blocks: fully connected groups at each of several levels.

    Args:
        levels: Number of levels.
        base_size: Nodes of the smallest block; a layer has base_size to the power of levels.
        tier_fractions: Share of a block's nodes that are connected at each level.
    """

    name = "hierarchical_blocks"
    levels: Annotated[int, Field(ge=1, le=4)]
    base_size: Annotated[int, Field(ge=2)]
    tier_fractions: list[Share] | None = None

    @model_validator(mode="after")
    def _one_a_level(self) -> Self:
        if self.tier_fractions is not None and len(self.tier_fractions) != self.levels:
            raise ValueError(
                f"tier_fractions must have {self.levels} entries, but got {len(self.tier_fractions)}"
            )
        return self

    @property
    def fractions(self) -> list[float]:
        """The share of each level, a half of the one before where nothing is said."""
        return [0.5**t for t in range(self.levels)] if self.tier_fractions is None else self.tier_fractions


PATTERNS: dict[str, type[Pattern]] = {
    p.name: p
    for p in (
        Dense,
        OneToOne,
        InverseOneToOne,
        Chain,
        Sparse,
        BlockStructure,
        Constant,
        PowerLaw,
        Exponential,
        Custom,
        HierarchicalBlocks,
    )
}
PATTERN_NAMES = {name: name for name in PATTERNS} | {"all_to_all": "dense"}
KIND = "a connectivity pattern"


class Structure(Frozen):
    """A pattern with its settings, written ``{type: sparse, params: {sparsity: 0.1}}``.

    Args:
        type: Name of the pattern.
        params: Its settings.
    """

    type: Annotated[str, BeforeValidator(lambda word: one_of(word, PATTERN_NAMES, KIND))] = "dense"
    params: SerializeAsAny[Pattern] = Field(default_factory=unsaid)

    @field_validator("params", mode="before")
    @classmethod
    def _of_type(cls, value: Any, info: ValidationInfo) -> Any:
        return settings_beside("type", value, Pattern, PATTERNS, info)

    @property
    def pattern(self) -> Pattern:
        """The pattern."""
        return self.params

    @model_serializer
    def _written(self) -> dict[str, Any]:
        return {"type": self.pattern.name, "params": self.pattern.model_dump(exclude_none=True)}
