"""Ranks with different numbers of batches leave an evaluation at the same vote, and none votes alone."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import torch.distributed as dist

from leyden.backends.torch.midway import Midway
from leyden.backends.torch.place import Vote
from tests.backends.torch.ranks import on_ranks

LENGTHS = [(1, 1, 1), (9, 8, 8), (3, 9, 1), (40, 2, 17), (0, 7, 3)]
CODE = 75


def left_at(midway: Midway, batches: int, wish_from: int) -> tuple[int, int]:
    """What was agreed on, and after how many of its own batches this rank left."""

    def wish() -> int:
        return CODE if done >= wish_from else 0

    done = 0
    for done in range(max(1, batches)):  # a rank without batches is shown an empty one
        if agreed := midway.agreed(done, wish):
            return agreed, done
    done = max(1, batches)
    return midway.rest(wish), done


def test_all_ranks_agree_whoever_wishes_and_whenever(tmp_path: Path) -> None:
    def work(rank: int) -> int:
        dist.init_process_group("gloo")
        vote, told, distance = Vote.open(3), [], 1
        for lengths, wisher, when in product(LENGTHS, range(3), (0, 1, 2, 5, 30, 10**9)):
            midway = Midway(vote, max(lengths), distance)
            found = left_at(midway, lengths[rank], when if rank == wisher else 10**9)
            told.append([midway.distance, *found])
            distance = 1 if len(told) % 2 else midway.distance
        (tmp_path / str(rank)).write_text(json.dumps(told))
        return 0

    assert on_ranks(3, work) == [0, 0, 0]
    first, second, third = (json.loads((tmp_path / str(rank)).read_text()) for rank in range(3))
    cases = list(product(LENGTHS, range(3), (0, 1, 2, 5, 30, 10**9)))
    for case, *ranks in zip(cases, first, second, third, strict=True):
        assert len({(distance, agreed) for distance, agreed, _ in ranks}) == 1, case
        lengths, _, when = case
        if when == 10**9:
            assert ranks[0][1] == 0, case
        elif ranks[0][1]:  # nobody did more batches than the vote's number
            number = max(done for _, _, done in ranks)
            assert all(
                done == min(number, max(1, length))
                for (_, _, done), length in zip(ranks, lengths, strict=True)
            )
    assert any(agreed for _, agreed, _ in first)


def test_one_process_alone_leaves_at_any_batch() -> None:
    assert left_at(Midway(Vote(), 9), 9, 4) == (CODE, 4)
