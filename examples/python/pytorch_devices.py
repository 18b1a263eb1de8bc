"""The five networks for devices, trained in PyTorch's usual loop: in n2d2, and beside it the same script unwrapped.

python pytorch_devices.py ds_cnn                       # both, with a table and a picture in build/devices
python pytorch_devices.py ds_cnn --framework torch     # one of them
"""

from __future__ import annotations

import statistics
import time

import torch
import torch.nn as nn

import n2d2
import pytorch_interoperability
from device_data import rows_for
from device_runs import SETTINGS, Setting, main
from networks import in_torch

TEST_ROWS = 200


def loader_of(x: object, y: object, batch: int, shuffle: bool = False) -> torch.utils.data.DataLoader:
    """Batches of tensors; images become [N, C, H, W]."""
    inputs, targets = torch.as_tensor(x), torch.as_tensor(y)
    if inputs.ndim == 4:
        inputs = inputs.permute(0, 3, 1, 2).contiguous()
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(inputs, targets), batch_size=batch, shuffle=shuffle)


def optimizer_of(net: nn.Module, setting: Setting) -> torch.optim.Optimizer:
    """torch's own."""
    if setting.solver == "adam":
        return torch.optim.Adam(net.parameters(), lr=0.001)
    return torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)


def solver_of(setting: Setting) -> n2d2.solver.Solver:
    """The same in n2d2."""
    return n2d2.solver.Adam(0.001, form="torch") if setting.solver == "adam" else n2d2.solver.SGD(0.01, momentum=0.9, form="torch")


def train(
    network: str, framework: str = "n2d2", epochs: int | None = None, steps: int | None = None, seed: int = 0
) -> dict[str, list[float]]:
    """Trains a network and returns per epoch "loss" and "accuracy", then "test_loss", "test_accuracy" and the median "step_ms".

    `epochs` and `steps` of an epoch default to those of `device_runs.SETTINGS`. The autoencoder has no accuracy.
    """
    torch.manual_seed(seed)
    setting = SETTINGS[network]
    rows = rows_for(network, (steps or setting.steps) * setting.batch, TEST_ROWS)
    trainloader = loader_of(rows.x_train, rows.y_train, setting.batch, shuffle=True)
    is_classifier = rows.y_train.ndim == 1
    criterion = nn.CrossEntropyLoss() if is_classifier else nn.MSELoss()

    net = getattr(in_torch, network)(**setting.arguments)
    if framework == "n2d2":
        shape = (setting.batch, *trainloader.dataset[0][0].shape)
        net = pytorch_interoperability.wrap(net, shape, solver=solver_of(setting))  # the one line
    optimizer = optimizer_of(net, setting)  # does nothing to a wrapped network

    history: dict[str, list[float]] = {"loss": [], **({"accuracy": []} if is_classifier else {})}
    times = []
    for epoch in range(epochs or setting.epochs):
        total = correct = 0.0
        for inputs, targets in trainloader:
            began = time.perf_counter()
            optimizer.zero_grad()
            outputs = net(inputs)
            loss = criterion(outputs, targets)
            loss.backward()
            optimizer.step()
            total += loss.item()
            times.append(time.perf_counter() - began)
            correct += float((outputs.argmax(1) == targets).sum()) if is_classifier else 0.0
        history["loss"].append(total / len(trainloader))
        if is_classifier:
            history["accuracy"].append(correct / len(rows.x_train))
        print(f"{network} in {framework}: epoch {epoch + 1}  loss {history['loss'][-1]:.4f}", flush=True)
    history["step_ms"] = [statistics.median(times) * 1e3]
    return history | tested(net, criterion, loader_of(rows.x_test, rows.y_test, setting.batch), is_classifier)


def tested(net: nn.Module, criterion: nn.Module, loader: torch.utils.data.DataLoader, is_classifier: bool) -> dict[str, list[float]]:
    """Loss and accuracy over the test rows."""
    net.eval()
    loss = correct = count = 0.0
    with torch.no_grad():
        for inputs, targets in loader:
            outputs = net(inputs)
            loss += criterion(outputs, targets).item() * len(inputs)
            correct += float((outputs.argmax(1) == targets).sum()) if is_classifier else 0.0
            count += len(inputs)
    return {"test_loss": [loss / count], **({"test_accuracy": [correct / count]} if is_classifier else {})}


if __name__ == "__main__":
    main("pytorch_devices", "torch", train, __doc__)
