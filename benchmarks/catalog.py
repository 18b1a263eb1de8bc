"""What can be compared: workloads, peers and measures."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field

MEASURES = {
    "step": "one training step called from Python on NumPy arrays, loss inside (ms)",
    "loop": "the user's own loop, per step: Keras `fit` for mnist_*, PyTorch's on prefetched tensors for cifar_tutorial, both elsewhere (ms)",
    "loader": "the tutorial's loop with a DataLoader of two workers, per step (ms)",
    "predict1": "inference of one row, NumPy in and out (ms)",
    "predict128": "inference of 128 rows, NumPy in and out (ms)",
    "startup": "from the framework's import to the end of the first step, in a fresh process; Keras `fit` for mnist_* (ms)",
    "memory": "peak resident memory of a process that trains, less what it has after its imports (MiB)",
}
UNITS = {"memory": "MiB"}


@dataclass(frozen=True)
class Workload:
    """A network and how it is trained, in float32."""

    name: str
    net: str
    """Key of the builders in `models`."""
    shape: tuple[int, ...]
    """Of one row, channels first."""
    batch: int
    classes: int
    """0: the target is the input, the loss the mean squared error."""
    macs: tuple[int, int]
    """Multiply-accumulates of one row: of all layers, and of those that read the data. `models.flop` counts them."""
    solver: str
    """"sgd", "momentum" or "adam"."""
    dropout: float = 0.0
    loop: str = ""
    """"fit" (Keras), "tutorial" (PyTorch) or "both": the user's loop that n2d2 is put into; of both, Keras' is that of the peer n2d2_keras."""

    @property
    def rate(self) -> float:
        """Learning rate."""
        return 0.01 if self.solver == "sgd" else 0.001

    def flop(self, measure: str) -> float | None:
        """Operations that define the floor: a training step has the gradients of weights and inputs too, but not those of the data."""
        every, first = self.macs
        if measure.startswith("predict"):
            return 2.0 * int(measure.removeprefix("predict")) * every
        return 2.0 * self.batch * (3 * every - first) if measure in ("step", "loop", "loader") else None

    @property
    def momentum(self) -> float:
        """Momentum of SGD."""
        return 0.9 if self.solver == "momentum" else 0.0


IMAGE = (1, 28, 28)
MNIST_MACS = (2_440_960, 194_688)
WORKLOADS = {
    w.name: w
    for w in [
        Workload("mnist_convnet", "mnist", IMAGE, 128, 10, MNIST_MACS, "sgd", loop="fit"),
        Workload("mnist_convnet_adam", "mnist", IMAGE, 128, 10, MNIST_MACS, "adam", loop="fit"),
        Workload("mnist_convnet_dropout", "mnist", IMAGE, 128, 10, MNIST_MACS, "sgd", 0.5, loop="fit"),
        Workload("mnist_convnet_dropout_adam", "mnist", IMAGE, 128, 10, MNIST_MACS, "adam", 0.5, loop="fit"),
        Workload("cifar_tutorial", "tutorial", (3, 32, 32), 4, 10, (651_720, 352_800), "momentum", loop="tutorial"),
        Workload("resnet8", "resnet8", (3, 32, 32), 32, 10, (12_501_632, 442_368), "adam", loop="both"),
        Workload("mobilenet_v1", "mobilenet_v1", (3, 96, 96), 32, 2, (7_489_664, 497_664), "adam", loop="both"),
        Workload("ds_cnn", "ds_cnn", (1, 49, 10), 100, 12, (2_656_768, 320_000), "adam", loop="both"),
        Workload("autoencoder", "autoencoder", (640,), 512, 0, (264_192, 81_920), "adam", loop="both"),
        Workload("resnet18", "resnet18", (3, 224, 224), 8, 1000, (1_814_073_344, 118_013_952), "momentum", loop="both"),
    ]
}
HEADLINE = ["mnist_convnet", "cifar_tutorial"]

CALLS = ("step", "predict1", "predict128", "startup", "memory")
TRAINS = (*CALLS, "loop", "loader")
# A malloc that keeps freed pages: else torch faults in its large activations anew at every step.
KEEP_PAGES = {
    "MALLOC_TRIM_THRESHOLD_": str(1 << 32),
    "MALLOC_MMAP_THRESHOLD_": str(1 << 32),
    "MALLOC_TOP_PAD_": str(1 << 28),
}


@dataclass(frozen=True)
class PeerKind:
    """A framework with a setting of it."""

    name: str
    module: str
    """In `peers`."""
    package: str
    measures: tuple[str, ...]
    nets: tuple[str, ...] = ()
    """Networks it has; none: all."""
    only_when_asked: bool = False
    late_imports: tuple[str, ...] = ()
    """Modules that it imports when it needs them."""
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def is_installed(self) -> bool:
        """Whether its package can be imported."""
        return importlib.util.find_spec(self.package) is not None

    @property
    def is_ours(self) -> bool:
        """Whether n2d2 does the work."""
        return self.name.startswith("n2d2")


JAX_NETS = ("mnist", "tutorial")
FAST_IN_JAX = (*JAX_NETS, "resnet8", "autoencoder", "resnet18")  # a gradient of a depthwise convolution takes seconds on the CPU
PEERS = {
    p.name: p
    for p in [
        PeerKind("n2d2", "with_n2d2", "torch", TRAINS, late_imports=("models.torch_nets", "n2d2", "pytorch_interoperability")),
        PeerKind("n2d2_torch", "with_n2d2", "torch", ("predict1", "predict128")),
        PeerKind("n2d2_keras", "with_n2d2", "tensorflow", ("predict1", "predict128", "loop")),
        PeerKind("torch_eager", "with_torch", "torch", TRAINS),
        PeerKind("torch_fused", "with_torch", "torch", ("step", "loop", "loader", "startup", "memory")),
        PeerKind("torch_channels_last", "with_torch", "torch", TRAINS),
        PeerKind("torch_malloc", "with_torch", "torch", ("step", "loop", "loader", "predict1", "predict128"), environment=KEEP_PAGES),
        PeerKind("torch_compile", "with_torch", "torch", TRAINS, only_when_asked=True),
        PeerKind("tf_graph", "with_tensorflow", "tensorflow", CALLS),
        PeerKind("tf_xla", "with_tensorflow", "tensorflow", CALLS),
        PeerKind("jax_jit", "with_jax", "jax", CALLS, JAX_NETS),
        PeerKind("keras_fit", "fit_loop", "tensorflow", ("loop", "startup")),
        PeerKind("keras_jax_fit", "fit_loop", "jax", ("loop", "startup"), FAST_IN_JAX, environment={"KERAS_BACKEND": "jax"}),
    ]
}


def workload_of(name: str) -> Workload:
    """By name; "variation-SEED-INDEX" is a network of the variation set."""
    if name.startswith("variation-"):
        from models.variation_nets import net_of

        net = net_of(name)
        return Workload(name, name, net.shape, net.batch, net.classes, net.macs, "momentum")
    return WORKLOADS[name]


def offers(peer: PeerKind, workload: Workload, measure: str) -> bool:
    """Whether the peer has this network and measure."""
    if measure == "loop" and (not workload.loop or (peer.name == "n2d2_keras" and workload.loop != "both")):
        return False
    if measure == "startup" and "fit" in peer.module and workload.loop != "fit":
        return False
    if measure == "loader" and workload.loop != "tutorial":
        return False
    return measure in peer.measures and (not peer.nets or workload.net in peer.nets)
