"""Measures layers, operations and architectures against Keras in float64; writes guide/keras-layers.md and guide/keras-architectures.md.

    python docs/keras_parity.py [layers] [architectures] [--only WORD]

The configurations are those of tests/python/keras/cases/layer_cases.py and applications.py, the rule is that of tests/python/parity.py.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / part) for part in ("tests/python", "tests/python/keras/cases", "tests/python/keras/support")]

import applications  # noqa: E402
import keras  # noqa: E402
import kinks  # noqa: E402
import layer_cases  # noqa: E402
import layer_parity  # noqa: E402
import numpy as np  # noqa: E402

from n2d2 import errors  # noqa: E402

GROUPS = {
    "Convolutions": layer_cases.CONVOLUTIONS,
    "Dense layers": layer_cases.DENSE,
    "Pools": layer_cases.POOLS,
    "Normalisation": layer_cases.NORMALISATIONS,
    "Activations": layer_cases.ACTIVATIONS,
    "Reshaping": layer_cases.RESHAPING,
    "Merging": layer_cases.MERGING,
    "Operations of keras.ops": layer_cases.OPERATIONS,
    "Attention": layer_cases.ATTENTION,
    "Recurrent layers": layer_cases.RECURRENT,
    "Embedding": layer_cases.EMBEDDING,
}
KINDS = {"forward": ("evaluation", "forward", "statistic"), "input": ("gradient of input",), "weights": ("gradient of weight",)}
LAYERS = """# Keras layers: how equal

Made by `docs/keras_parity.py`. Each line stands for several configurations of a layer (number in the second column), each run in a model
of its own on random inputs and weights. The numbers are the largest distance from Keras in float64, max|a - b| / max|b| over a tensor: of
the output in evaluation and in training (moving statistics included), of the gradient of the input, and of the gradients of the weights.
"equal" says that every tensor keeps the rule: at most 4 times the larger of Keras' own float32 error and the change of the exact result when
inputs and weights are shaken by one rounding, plus 4e-6. Pools of three axes, which TensorFlow has in float32 alone, are compared in that.
"""
ARCHITECTURES = """# Keras architectures: how equal

Made by `docs/keras_parity.py`, with the columns of [Keras layers](keras-layers.md): networks of `keras.applications` with Keras' initial weights,
ten classes, a batch of 4, dropout off; one training step. An input of a ReLU that is 0 but for rounding switches on in one engine and off
in another, in Keras' own float32 as here, and one switch changes gradients of a deep network by percents. So biases are moved by at most
half a deviation until no input of a ReLU, ReLU6 or hard sigmoid lies near its kink; then every gradient is compared to rounding.
"""


def worst(results: dict[str, tuple[float, float]], prefixes: tuple[str, ...]) -> float | None:
    """The largest error among tensors of a kind; those that are zero but for rounding, such as the gradient of a bias before
    BatchNormalization, have no relative error."""
    found = [error for name, (error, allowance) in results.items() if name.startswith(prefixes) and allowance < 4]
    return max(found, default=None)


def row(name: str, configurations: list, **how: object) -> str:
    """One line of the table."""
    columns: dict[str, list[float]] = {kind: [] for kind in KINDS}
    equal, ran = True, 0
    for number, configuration in enumerate(configurations):
        try:
            results = layer_parity.compare(configuration, seed=number, **how)
        except errors.UnsupportedError:
            continue
        ran += 1
        equal = equal and all(error <= allowance for error, allowance in results.values())
        for kind, prefixes in KINDS.items():
            error = worst(results, prefixes)
            columns[kind] += [] if error is None else [error]
    if ran == 0:
        return f"| {name} | {len(configurations)} | | | | refused |"
    texts = [f"{max(errors_):.1e}" if errors_ else "" for errors_ in columns.values()]
    verdict = ("yes" if equal else "**no**") + ("" if ran == len(configurations) else f", {len(configurations) - ran} refused")
    print(name, *texts, verdict, flush=True)
    return f"| {name} | {len(configurations)} | {' | '.join(texts)} | {verdict} |"


def architecture(name: str) -> str:
    """One line of the table of architectures."""
    configuration = applications.configuration(name)
    model = layer_cases.build(configuration, "float32")
    parameters = sum(int(np.prod(v.shape)) for v in model.weights)
    size = "x".join(map(str, configuration[0][0]))
    _, count, *rest = row(name, [configuration], draw=applications.weights, settle=kinks.settled).strip("| ").split(" | ")
    del count
    return f"| {name} | {size} | {len(model.layers)} | {parameters / 1e6:.2f} M | {' | '.join(rest)} |"


def layer_page(word: str) -> list[str]:
    """Lines of the page of layers."""
    lines = [LAYERS]
    for title, cases in GROUPS.items():
        lines += [
            f"## {title}",
            "",
            "| layer | configurations | output | input gradient | weight gradients | equal |",
            "|---|---|---|---|---|---|",
        ]
        lines += [row(name, configurations) for name, configurations in cases.items() if word in name]
        lines.append("")
    return lines


def architecture_page(word: str) -> list[str]:
    """Lines of the page of architectures."""
    lines = [ARCHITECTURES, "| network | input | layers | weights | output | input gradient | weight gradients | equal |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    names = [name for name in applications.SIZES if word in name]
    for number, name in enumerate(names, 1):
        print(f"{number} of {len(names)}: {name} ...", flush=True)
        lines.append(architecture(name))
    return lines


PAGES = {"layers": layer_page, "architectures": architecture_page}


def main() -> int:
    """Writes the pages; exit status 1 when a line is not equal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="*", choices=list(PAGES), default=list(PAGES))
    parser.add_argument("--only", default="", help="lines whose name holds this word; prints instead of writing")
    options = parser.parse_args()
    texts = {page: "\n".join(PAGES[page](options.only)).rstrip() + f"\n\nKeras {keras.__version__}.\n" for page in options.pages}
    for page, text in texts.items():
        if options.only:
            print(text)
        else:
            (ROOT / f"docs/guide/keras-{page}.md").write_text(text)
    return 1 if any("**no**" in text for text in texts.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
