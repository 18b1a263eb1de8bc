"""The network of PyTorch's CIFAR10 tutorial, trained in n2d2. The network and the loop are the tutorial's; one line wraps the network.

python pytorch_cifar10.py                      # in n2d2
python pytorch_cifar10.py --framework torch    # the same script, unwrapped
"""

from __future__ import annotations

import argparse
import time

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

import data
import n2d2
import pytorch_interoperability


class Net(nn.Module):
    """Two convolutions with pools, three dense layers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


def dataset(x: object, y: object) -> torch.utils.data.TensorDataset:
    """Images as [N, C, H, W], scaled to [-1, 1]."""
    images = torch.as_tensor(x).permute(0, 3, 1, 2).contiguous()
    return torch.utils.data.TensorDataset((images - 0.5) / 0.5, torch.as_tensor(y))


def train(
    framework: str = "n2d2", epochs: int = 1, largest: int | None = None, seed: int = 0, log_every: int = 500
) -> dict[str, list[float]]:
    """Trains the network and returns running losses, the step at which each was taken, seconds of the loop and the test accuracy."""
    torch.manual_seed(seed)
    images = data.cifar10_like(largest)
    trainloader = torch.utils.data.DataLoader(dataset(images.x_train, images.y_train), batch_size=4, shuffle=True, num_workers=2)
    testloader = torch.utils.data.DataLoader(dataset(images.x_test, images.y_test), batch_size=100, num_workers=2)

    net = Net()
    if framework == "n2d2":
        net = pytorch_interoperability.wrap(net, (4, 3, 32, 32))  # the one line
        net.set_solver(n2d2.solver.SGD(learning_rate=0.001, momentum=0.9))
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.SGD(net.parameters(), lr=0.001, momentum=0.9)  # does nothing to a wrapped network

    history: dict[str, list[float]] = {"loss": [], "step": [], "seconds": [], "step_us": []}
    step, running_loss = 0, 0.0
    start = time.perf_counter()
    in_steps = 0.0
    for _ in range(epochs):
        for inputs, labels in trainloader:
            began = time.perf_counter()
            optimizer.zero_grad()
            loss = criterion(net(inputs), labels)
            loss.backward()
            optimizer.step()
            running_loss += loss.item()
            in_steps += time.perf_counter() - began
            step += 1
            if step % log_every == 0:
                print(f"{framework}: step {step:6d}  loss {running_loss / log_every:.3f}")
                history["loss"].append(running_loss / log_every)
                history["step"].append(step)
                running_loss = 0.0
    history["seconds"].append(time.perf_counter() - start)
    history["step_us"].append(in_steps / max(step, 1) * 1e6)

    net.eval()
    correct = total = 0
    with torch.no_grad():
        for inputs, labels in testloader:
            correct += int((net(inputs).argmax(1) == labels).sum())
            total += len(labels)
    print(f"{framework}: test accuracy {correct / total:.4f} ({images.name})")
    history["test_accuracy"] = [correct / total]
    return history


def main() -> None:
    """Reads the command line and trains."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--framework", choices=["n2d2", "torch"], default="n2d2")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--largest", type=int, help="use this many images only")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    train(arguments.framework, arguments.epochs, arguments.largest, arguments.seed)


if __name__ == "__main__":
    main()
