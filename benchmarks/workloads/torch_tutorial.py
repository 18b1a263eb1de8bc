"""The loop of PyTorch's tutorial: batch 4, SGD with momentum, data at hand. Peers: n2d2, torch, torch_fused."""

from __future__ import annotations

import sys

import torch
import torch.nn as nn
import torch.nn.functional as F
from worker import serve

import n2d2
import pytorch_interoperability

STEPS = 400


class Net(nn.Module):
    """The tutorial's network."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.pool, self.conv2 = nn.Conv2d(3, 6, 5), nn.MaxPool2d(2, 2), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


def main(peer: str) -> None:
    """Serves rounds."""
    torch.manual_seed(0)
    batches = [(torch.randn(4, 3, 32, 32), torch.randint(0, 10, (4,))) for _ in range(64)]
    net: nn.Module = Net()
    if peer == "n2d2":
        net = pytorch_interoperability.wrap(net, (4, 3, 32, 32), solver=n2d2.solver.SGD(0.001, 0.9))
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.001, momentum=0.9, fused=peer == "torch_fused")

    def run() -> tuple[int, float]:
        running = 0.0
        for i in range(STEPS):
            inputs, labels = batches[i % len(batches)]
            optimizer.zero_grad()
            loss = criterion(net(inputs), labels)
            loss.backward()
            optimizer.step()
            running += loss.item()
        return STEPS, running / STEPS

    serve(run)


if __name__ == "__main__":
    main(sys.argv[1])
