"""Writes train.npz and test.npz from the four files of Fashion-MNIST, as Debian or the authors publish them.

python prepare.py [FOLDER WITH THE FOUR .gz FILES]
"""

import gzip
import sys
from pathlib import Path

import numpy as np

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
NAMES = ("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")


def read(path: Path) -> np.ndarray:
    """One file in the IDX format: a magic number, the sizes as big-endian 32-bit integers, then bytes."""
    content = gzip.decompress(path.read_bytes())
    dimensions = content[3]
    shape = np.frombuffer(content, ">i4", dimensions, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DEBIAN
wanted = [
    f"{part}-{kind}.gz" for part in ("train", "t10k") for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")
]
missing = [name for name in wanted if not (folder / name).is_file()]
if missing:
    sys.exit(
        f"Fashion-MNIST is not in {folder}: {', '.join(missing)} missing.\n"
        "On Debian and Ubuntu: apt install dataset-fashion-mnist\n"
        "Elsewhere: get the four files from https://github.com/zalandoresearch/fashion-mnist, then\n"
        "  python prepare.py FOLDER"
    )

home = Path(__file__).parent
for name, part in (("train", "train"), ("test", "t10k")):
    pictures = read(folder / f"{part}-images-idx3-ubyte.gz")
    labels = read(folder / f"{part}-labels-idx1-ubyte.gz")
    np.savez(
        home / f"{name}.npz", input=pictures[:, None], target=labels.astype(np.int64), classes=np.array(NAMES)
    )
    print(f"{name}.npz: {len(pictures)} pictures of {pictures.shape[1]} x {pictures.shape[2]} pixels")
