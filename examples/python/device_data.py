"""Data for the five networks: images of this machine, enlarged, or generated sounds. Everything is seeded; nothing is downloaded."""

from __future__ import annotations

import numpy as np

import data
from data import Images

FRAMES, COEFFICIENTS, WORDS = 49, 10, 12
BANDS, STACKED = 128, 5


def rows_for(network: str, train: int, test: int) -> Images:
    """So many training and test rows, images channels last; for the autoencoder the targets are the rows themselves.

    resnet8, resnet18: the ten classes of `data.cifar10_like`, 32 and 224 pixels wide.
    mobilenet_v1: the same images, 96 wide; whether the class number is odd stands for whether there is a person.
    ds_cnn: generated words. autoencoder: generated hums of machines.
    """
    if network == "ds_cnn":
        return _split("generated words", *words(train + test), train)
    if network == "autoencoder":
        x = hums(train + test)
        return _split("generated hums", x, x, train)
    factor = {"resnet8": 1, "mobilenet_v1": 3, "resnet18": 7}[network]
    images = data.cifar10_like()
    parts = [images.x_train[:train], images.y_train[:train], images.x_test[:test], images.y_test[:test]]
    for i in (0, 2):
        parts[i] = parts[i].repeat(factor, 1).repeat(factor, 2)
    if network == "mobilenet_v1":
        parts[1], parts[3] = parts[1] % 2, parts[3] % 2
    return Images(images.name, *parts)


def words(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Spectrograms [count, 49, 10, 1] of 12 words: two tones that glide through the coefficients in a way of the word's own, in noise."""
    rng = np.random.default_rng(seed)
    voices = np.random.default_rng(1).uniform([1, -6, 0], [8, 6, 3], (WORDS, 2, 3))  # where a tone starts, how far it glides, how it sways
    y = rng.integers(0, WORDS, count)
    start, length = rng.uniform(0, 0.3, (count, 1, 1)), rng.uniform(0.5, 0.7, (count, 1, 1))
    at = (np.arange(FRAMES)[None, None, :] / FRAMES - start) / length  # 0 to 1 within the word
    first, glide, sway = (voices[y, :, i, None] for i in range(3))
    centre = first + glide * at + sway * np.sin(2 * np.pi * at) + rng.normal(0, 0.4, (count, 2, 1))
    loud = np.where((at >= 0) & (at <= 1), np.sin(np.pi * np.clip(at, 0, 1)), 0) * rng.uniform(1, 2, (count, 1, 1))
    tones = loud[..., None] * np.exp(-0.5 * (np.arange(COEFFICIENTS) - centre[..., None]) ** 2)
    x = tones.sum(1) + rng.normal(0, 0.4, (count, FRAMES, COEFFICIENTS))
    return x[..., None].astype("float32"), y


def hums(count: int, seed: int = 0) -> np.ndarray:
    """Five frames of 128 mel bands each, [count, 640], of about mean 0 and deviation 1: a ground tone with its overtones that drifts, in noise."""
    rng = np.random.default_rng(seed)
    bands = np.arange(BANDS)
    tone, drift = rng.uniform(8, 24, (count, 1)), rng.normal(0, 0.3, (count, 1))
    tone = (tone + drift * np.arange(STACKED))[..., None]
    fall = rng.uniform(0.3, 1.0, (count, 1, 1))
    x = sum(np.exp(-fall * k - 0.1 * (bands - k * tone) ** 2) for k in range(1, 7)) * rng.uniform(1, 3, (count, 1, 1))
    x = np.log(x + 0.05 * rng.uniform(0.5, 1.5, (count, STACKED, BANDS)))
    return ((x - x.mean()) / x.std()).reshape(count, -1).astype("float32")


def _split(name: str, x: np.ndarray, y: np.ndarray, train: int) -> Images:
    return Images(name, x[:train], y[:train], x[train:], y[train:])
