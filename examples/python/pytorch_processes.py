"""One network trained by several processes: n2d2 computes, torch's DistributedDataParallel averages the gradients.

torchrun --nproc-per-node 2 pytorch_processes.py     # on one machine, or on several as torchrun's help says
python pytorch_processes.py --ray 2                  # two workers of Ray Train (pip install "ray[train]")
"""

from __future__ import annotations

import argparse
from typing import Any

import torch
import torch.nn as nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.distributed import DistributedSampler

import data
import pytorch_interoperability


def network() -> nn.Module:
    """A small convolutional network for 32 x 32 images."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 8 * 8, 10),
    )


def train(options: dict[str, Any]) -> list[float]:
    """What each process runs: the group exists, each has its share of the rows. Returns the mean loss of every epoch."""
    torch.manual_seed(0)
    images = data.cifar10_like(options["largest"])
    x = torch.as_tensor(images.x_train).permute(0, 3, 1, 2).contiguous()
    dataset = TensorDataset(x, torch.as_tensor(images.y_train))
    sampler: DistributedSampler[Any] = DistributedSampler(dataset)
    loader = DataLoader(dataset, batch_size=32, sampler=sampler)

    net = pytorch_interoperability.wrap(network(), (32, 3, 32, 32), update="torch")  # the one line
    model = DistributedDataParallel(net)
    optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)
    losses = []
    for epoch in range(options["epochs"]):
        sampler.set_epoch(epoch)
        total = torch.zeros(())
        for inputs, labels in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(inputs), labels)
            loss.backward()
            optimizer.step()
            total += loss.detach()
        torch.distributed.all_reduce(total)
        losses.append(float(total) / len(loader) / torch.distributed.get_world_size())
        if torch.distributed.get_rank() == 0:
            print(f"epoch {epoch + 1}: loss {losses[-1]:.4f}", flush=True)
    return losses


def under_ray(workers: int, options: dict[str, Any]) -> None:
    """The same function in Ray's workers."""
    from ray.train import ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    scaling = ScalingConfig(num_workers=workers, use_gpu=False)
    TorchTrainer(train, train_loop_config=options, scaling_config=scaling, torch_config=TorchConfig(backend="gloo")).fit()


def main() -> None:
    """Runs as one process of torchrun's group, or starts Ray's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ray", type=int, metavar="WORKERS", help="start that many workers of Ray Train")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--largest", type=int, default=3000, help="most rows to train on")
    arguments = parser.parse_args()
    options = {"epochs": arguments.epochs, "largest": arguments.largest}
    if arguments.ray:
        under_ray(arguments.ray, options)
        return
    torch.distributed.init_process_group("gloo")
    train(options)
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
