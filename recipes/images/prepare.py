"""Writes the digits of scikit-learn as PNG files, one folder a class: pictures/train/7/0042.png and so on."""

from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

SIDE = 16  # pixels; the scans have 8, which is hard to look at

digits = load_digits()
home = Path(__file__).with_name("pictures")
for index, (scan, label) in enumerate(zip(digits.images, digits.target, strict=True)):
    folder = home / ("test" if index % 6 == 5 else "train") / str(label)
    folder.mkdir(parents=True, exist_ok=True)
    grey = np.round(scan / 16 * 255).astype(np.uint8)
    Image.fromarray(grey).resize((SIDE, SIDE), Image.Resampling.BILINEAR).save(folder / f"{index:04}.png")
print(f"{home.name}: {len(digits.images)} pictures in {len(digits.target_names)} classes")
