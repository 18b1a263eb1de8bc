"""Images for the examples: the original data set if this machine has it, else the best stand-in it has. Nothing is downloaded."""

from __future__ import annotations

import gzip
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

FASHION_FOLDER = Path("/usr/share/datasets/fashion-mnist")
KERAS_MNIST = Path.home() / ".keras" / "datasets" / "mnist.npz"


@dataclass
class Images:
    """Training and test images, [N, height, width, channels], with class numbers 0 to 9."""

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def mnist(largest: int | None = None) -> Images:
    """28 x 28 grey images: Keras' cached MNIST, Debian's Fashion-MNIST, or scikit-learn's digits, enlarged.

    Over all pixels of the training images the mean is 0 and the deviation 1.
    """
    images = _grey(largest)
    mean, deviation = images.x_train.mean(dtype=np.float64), images.x_train.std(dtype=np.float64)
    train, test = (((x - mean) / deviation).astype(np.float32) for x in (images.x_train, images.x_test))
    return Images(images.name, train, images.y_train, test, images.y_test)


def cifar10_like(largest: int | None = None) -> Images:
    """32 x 32 colour images in [0, 1]. CIFAR10 can't be read without unpickling, so grey images stand in, padded and in three channels."""
    images = _grey(largest)
    print(f"using {images.name}, padded to 32 x 32 x 3, instead of CIFAR10", file=sys.stderr)

    def widened(x: np.ndarray) -> np.ndarray:
        return np.repeat(np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0))), 3, axis=3)

    return Images(images.name, widened(images.x_train), images.y_train, widened(images.x_test), images.y_test)


def _grey(largest: int | None) -> Images:
    """28 x 28 images in [0, 1]."""
    if KERAS_MNIST.exists():
        with np.load(KERAS_MNIST, allow_pickle=False) as f:
            images = Images("MNIST", *_scaled(f["x_train"], f["y_train"], f["x_test"], f["y_test"]))
    elif FASHION_FOLDER.exists():
        print("MNIST is not in Keras' cache: using Fashion-MNIST of this machine instead", file=sys.stderr)
        parts = [_idx(name) for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")]
        images = Images("Fashion-MNIST", *_scaled(*parts))
    else:
        print("neither MNIST nor Fashion-MNIST is on this machine: using scikit-learn's digits instead", file=sys.stderr)
        images = _digits(28)
    return _cut(images, largest)


def _idx(name: str) -> np.ndarray:
    """An array in the idx format of MNIST's authors."""
    with gzip.open(FASHION_FOLDER / f"{name}-ubyte.gz") as f:
        header = f.read(4)
        shape = np.frombuffer(f.read(4 * header[3]), ">u4")
        return np.frombuffer(f.read(int(np.prod(shape))), np.uint8).reshape(shape)


def _scaled(x_train: np.ndarray, y_train: np.ndarray, x_test: np.ndarray, y_test: np.ndarray) -> tuple[np.ndarray, ...]:
    return (
        *(part for x, y in ((x_train, y_train), (x_test, y_test)) for part in (x[..., None].astype("float32") / 255, y.astype("int64"))),
    )


def _digits(size: int) -> Images:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    scale = -(-size // 8)
    large = np.kron(bunch.images, np.ones((1, scale, scale)))[:, :size, :size, None].astype("float32") / 16
    order = np.random.default_rng(0).permutation(len(large))
    x, y = large[order], bunch.target[order].astype("int64")
    return Images("scikit-learn's digits", x[:1500], y[:1500], x[1500:], y[1500:])


def _cut(images: Images, largest: int | None) -> Images:
    if largest is None:
        return images
    return Images(images.name, images.x_train[:largest], images.y_train[:largest], images.x_test[:largest], images.y_test[:largest])
