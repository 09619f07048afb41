"""Seeds from seeds: every random stream of a run is named, none is shared."""

from __future__ import annotations

import hashlib


def fold_in(seed: int, *words: int | str) -> int:
    """A 63-bit seed for the stream ``words`` of a run; equal arguments give equal seeds on every machine.

    Example: ``fold_in(42, "sample", epoch, index)`` seeds the augmentation of one sample in one epoch.
    """
    text = repr((int(seed), *(w if isinstance(w, str) else int(w) for w in words)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1
