"""Settings of the whole process."""

from __future__ import annotations

import random

from n2d2 import errors

MODELS = ("Frame", "Frame_CUDA")
DATATYPES = ("float32",)


class GlobalVariables:
    """Settings of the whole process; ``n2d2.global_variables`` is the one instance.

    ``default_model``: "Frame" (CPU) or "Frame_CUDA". ``seed``: of the random numbers of dropout. ``verbosity``: 0 (silent) to 3.
    """

    __slots__ = ("_counter", "_cuda_device", "_seed", "_verbosity")

    def __init__(self) -> None:
        self._seed = 0
        self._counter = 0
        self._verbosity = 1
        self._cuda_device = 0

    @property
    def default_model(self) -> str:
        """Where networks run: "Frame" is the CPU."""
        return "Frame"

    @default_model.setter
    def default_model(self, model: str) -> None:
        if model not in MODELS:
            raise errors.ValueError(f'default_model: expected "Frame" (CPU) or "Frame_CUDA", got {model!r}')
        if model == "Frame_CUDA":
            raise errors.BackendError(
                'default_model: this build of n2d2 has no CUDA backend, so "Frame_CUDA" is not available; use "Frame" (CPU)'
            )

    @property
    def cuda_device(self) -> int:
        """Number of the GPU that "Frame_CUDA" uses."""
        return self._cuda_device

    @cuda_device.setter
    def cuda_device(self, device: int) -> None:
        if isinstance(device, bool) or not isinstance(device, int) or device < 0:
            raise errors.ValueError(f"cuda_device: expected the number of a GPU, 0 or more, got {device!r}")
        self._cuda_device = device

    @property
    def cuda_available(self) -> bool:
        """Whether "Frame_CUDA" can be chosen."""
        return False

    @property
    def default_datatype(self) -> str:
        """Element type of weights and activations."""
        return "float32"

    @default_datatype.setter
    def default_datatype(self, datatype: str) -> None:
        if datatype not in (*DATATYPES, "float"):
            raise errors.UnsupportedError(f'default_datatype: expected "float32", got {datatype!r}; other types are not supported')

    @property
    def seed(self) -> int:
        """Seed of dropout's masks; setting it starts the sequence anew. 0: masks follow the host's own generator."""
        return self._seed

    @seed.setter
    def seed(self, seed: int) -> None:
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise errors.ValueError(f"seed: expected an integer of at least 0, got {seed!r}")
        self._seed = seed
        self._counter = 0

    @property
    def verbosity(self) -> int:
        """0: warnings only, 3: everything."""
        return self._verbosity

    @verbosity.setter
    def verbosity(self, verbosity: int) -> None:
        if verbosity not in (0, 1, 2, 3):
            raise errors.ValueError(f"verbosity: expected 0 to 3, got {verbosity!r}")
        self._verbosity = verbosity

    def next_key(self) -> int:
        """Key of the random numbers of one forward pass: follows from the seed and the number of keys drawn before.

        With seed 0 it comes from Python's generator, which ``keras.utils.set_random_seed`` seeds.
        """
        if self._seed == 0:
            return random.getrandbits(63)
        self._counter += 1
        return random.Random(f"{self._seed}:{self._counter}").getrandbits(63)


global_variables = GlobalVariables()

__all__ = ["GlobalVariables", "global_variables"]
