"""n2d2. Steps and predictions of `DeepNetCell`; predictions through both adapters; the user's loops through the adapter they need."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from catalog import PeerKind, Workload
from runner import Runner, batches, fastest, inputs, stepping


def make(workload: Workload, kind: PeerKind, measure: str) -> Runner:
    """Work for the worker."""
    if (measure in ("loop", "startup") and workload.loop == "fit") or (measure == "loop" and kind.name == "n2d2_keras"):
        import fit_loop

        return fit_loop.make(workload, kind, measure)
    if kind.name == "n2d2_keras":
        return predicting_keras(workload, measure)
    if measure in ("loop", "loader"):
        return tutorial_loop(workload, measure)
    if measure.startswith("predict"):
        return predicting(workload, measure, through_torch=kind.name == "n2d2_torch")
    import n2d2

    cell = wrapped(workload, workload.batch).get_block()
    loss = n2d2.loss.CrossEntropy() if workload.classes else n2d2.loss.MSE()
    runner = stepping(lambda x, y: float(cell.step(x, y, loss)), batches(workload))
    if measure == "memory":
        runner.run(1)
        runner.notes = activations(cell.network)
    return runner


def wrapped(workload: Workload, batch: int) -> Any:
    """The torch network in n2d2."""
    import n2d2
    import pytorch_interoperability
    from models import torch_nets

    solver = n2d2.solver.Adam() if workload.solver == "adam" else n2d2.solver.SGD(workload.rate, workload.momentum)
    return pytorch_interoperability.wrap(torch_nets.build(workload), (batch, *workload.shape), solver=solver)


def activations(network: Any) -> dict[str, Any]:
    """Bytes that the plan of the last training step holds between operators."""
    found = re.findall(r"bytes: local (\d+) and saved (\d+) per lane, shared (\d+)", network.plan_text())
    if not found:
        return {}
    local, saved, shared = map(int, found[-1])
    return {"activation_mib": ((local + saved) * network.lanes + shared) / 2**20, "lanes": network.lanes}


def tutorial_loop(workload: Workload, measure: str) -> Runner:
    """The tutorial's loop around the wrapped network; its optimizer has nothing to do."""
    from torch_loop import criterion_of, loop, optimizer_of

    net = wrapped(workload, workload.batch)
    return loop(workload, net, optimizer_of(workload, net, fused=False), criterion_of(workload), measure, channels_last=False)


def predicting(workload: Workload, measure: str, through_torch: bool) -> Runner:
    """`DeepNetCell` called on NumPy arrays, or the wrapped network on tensors made from them."""
    import torch

    x = inputs(workload, measure)
    block = wrapped(workload, len(x))
    cell = block.eval().get_block().test()

    def call() -> np.ndarray:
        with torch.inference_mode():
            return block(torch.from_numpy(x)).numpy()

    return fastest({"wrapped(x) in inference_mode": call} if through_torch else {"DeepNetCell(x)": lambda: cell(x)})


def predicting_keras(workload: Workload, measure: str) -> Runner:
    """The wrapped Keras model."""
    import os

    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf

    import keras_interoperability
    from models import keras_nets

    x = inputs(workload, measure, channels_last=True)
    model = keras_interoperability.wrap(keras_nets.build(workload, softmax=True), len(x))
    model.compile(loss="categorical_crossentropy")
    return fastest({"wrapped.predict_on_batch(x)": lambda: model.predict_on_batch(x), "wrapped(x)": lambda: model(tf.constant(x)).numpy()})
