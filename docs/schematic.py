"""Draws docs/guide/who-calls-whom.svg."""

from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

BOXES = {
    "your script": (0.5, 3.6, 2.2, 0.8, "#f2e8cf"),
    "Keras model\nfit, losses, metrics": (3.3, 4.1, 2.4, 0.9, "#d8e2dc"),
    "torch loop\nlosses, autograd": (3.3, 2.7, 2.4, 0.9, "#d8e2dc"),
    "keras_interoperability\nCustomSequential": (6.4, 4.1, 2.8, 0.9, "#ffd6a5"),
    "pytorch_interoperability\nBlock": (6.4, 2.7, 2.8, 0.9, "#ffd6a5"),
    "n2d2 (Python)\nsolvers, cells, tensors": (6.4, 1.2, 2.8, 0.9, "#ffd6a5"),
    "Network: plans\nforward · backward · update": (9.7, 3.4, 3.5, 0.9, "#bde0fe"),
    "kernels: vector code, oneDNN\non lanes, any number of threads": (9.7, 1.9, 3.5, 0.9, "#bde0fe"),
    "weights\nin the framework's memory": (9.7, 4.9, 3.5, 0.8, "#e9ecef"),
}
ARROWS = [
    ("your script", "Keras model\nfit, losses, metrics"),
    ("your script", "torch loop\nlosses, autograd"),
    ("Keras model\nfit, losses, metrics", "keras_interoperability\nCustomSequential"),
    ("torch loop\nlosses, autograd", "pytorch_interoperability\nBlock"),
    ("keras_interoperability\nCustomSequential", "Network: plans\nforward · backward · update"),
    ("pytorch_interoperability\nBlock", "Network: plans\nforward · backward · update"),
    ("n2d2 (Python)\nsolvers, cells, tensors", "Network: plans\nforward · backward · update"),
]


def main() -> None:
    """Writes the drawing."""
    plt.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "n2d2", "font.family": "sans-serif"})
    figure, axis = plt.subplots(figsize=(12, 4.6))
    for text, (x, y, width, height, colour) in BOXES.items():
        axis.add_patch(plt.Rectangle((x, y), width, height, facecolor=colour, edgecolor="#444", linewidth=1.2))
        axis.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=10)
    for start, end in ARROWS:
        x0, y0, width, height, _ = BOXES[start]
        x1, y1, _, height1, _ = BOXES[end]
        arrow = {"arrowstyle": "-|>", "color": "#444", "linewidth": 1.4, "shrinkA": 2, "shrinkB": 2}
        axis.annotate("", xy=(x1, y1 + height1 / 2), xytext=(x0 + width, y0 + height / 2), arrowprops=arrow)
    for y0, y1, style in ((4.3, 4.9, "<|-|>"), (3.4, 2.8, "-|>")):
        axis.annotate("", xy=(11.45, y1), xytext=(11.45, y0), arrowprops={"arrowstyle": style, "color": "#444", "linewidth": 1.4})
    axis.set_xlim(0.2, 13.5)
    axis.set_ylim(1.0, 5.9)
    axis.axis("off")
    figure.savefig(Path(__file__).parent / "guide" / "who-calls-whom.svg", bbox_inches="tight", metadata={"Date": None})


if __name__ == "__main__":
    main()
