"""A dense tensor in host memory that shares its bytes with NumPy and with everything that speaks DLPack."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from n2d2 import errors

DATATYPES = ("float32", "float64", "int32", "int64", "uint8")
CPU = 1  # kDLCPU of dlpack.h


class Tensor:
    """A contiguous row-major tensor.

    Args:
        data: an array, anything with ``__dlpack__`` in host memory, or nested sequences of numbers.
            A contiguous array of a supported type is shared, not copied; others are copied once.
        dtype: element type; by default that of the data (Python floats become float32, integers int64).

    Raises:
        n2d2.errors.TypeError: when the element type is none of float32, float64, int32, int64, uint8.
        n2d2.errors.ValueError: when the data lie on a device, belong to a gradient tape, or are no rectangular array.

    Example:
        >>> import numpy as np, n2d2
        >>> t = n2d2.Tensor(np.zeros((2, 3), np.float32))
        >>> t.shape
        (2, 3)
    """

    __slots__ = ("_array",)
    __array_priority__ = 10

    def __init__(self, data: Any, dtype: str | None = None) -> None:
        array = _array_of(data, dtype)
        self._array = array if array.flags.c_contiguous else np.ascontiguousarray(array)

    @classmethod
    def zeros(cls, shape: tuple[int, ...], dtype: str = "float32") -> Tensor:
        """A new tensor of zeros."""
        if any(extent < 0 for extent in shape):
            raise errors.ShapeError(f"zeros: extents are at least 0, got {tuple(shape)}")
        return cls(np.zeros(shape, _checked(dtype)))

    @property
    def shape(self) -> tuple[int, ...]:
        """Extents, the slowest axis first."""
        return tuple(self._array.shape)

    def dims(self) -> list[int]:
        """Extents as a list."""
        return list(self._array.shape)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._array.ndim

    @property
    def dtype(self) -> str:
        """Name of the element type."""
        return self._array.dtype.name

    @property
    def data_ptr(self) -> int:
        """Address of the first element."""
        return self._array.ctypes.data

    def numpy(self) -> npt.NDArray[Any]:
        """The same bytes as a NumPy array."""
        return self._array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if dtype is None or np.dtype(dtype) == self._array.dtype:
            return self._array.copy() if copy else self._array
        return self._array.astype(dtype)

    def __dlpack__(self, **options: Any) -> Any:
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (CPU, 0)

    def reshape(self, *shape: int) -> Tensor:
        """The same bytes under other extents."""
        try:
            return Tensor(self._array.reshape(*shape))
        except ValueError as cause:
            raise errors.ShapeError(f"reshape: {self.shape} does not fit {shape}") from cause

    def __len__(self) -> int:
        return len(self._array)

    def __getitem__(self, index: Any) -> Any:
        return self._array[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        self._array[index] = value

    def __eq__(self, other: object) -> Any:
        return self._array == (other._array if isinstance(other, Tensor) else other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"n2d2.Tensor(shape={self.shape}, dtype={self.dtype})\n{self._array}"


def _checked(dtype: Any) -> np.dtype[Any]:
    name = np.dtype(dtype).name
    if name not in DATATYPES:
        raise errors.TypeError(f"tensor of {name}: expected one of {', '.join(DATATYPES)}")
    return np.dtype(name)


def _array_of(data: Any, dtype: str | None) -> npt.NDArray[Any]:
    if isinstance(data, Tensor):
        array = data.numpy()
    elif isinstance(data, np.ndarray):
        array = data
    elif hasattr(data, "__dlpack__"):
        array = _from_dlpack(data)
    else:
        try:
            array = np.asarray(data)
        except ValueError as cause:
            raise errors.ValueError(f"tensor: {cause}") from cause
        if array.dtype == np.float64 and dtype is None:
            array = array.astype(np.float32)
    return array.astype(_checked(dtype), copy=False) if dtype is not None else array.astype(_checked(array.dtype), copy=False)


def _from_dlpack(data: Any) -> npt.NDArray[Any]:
    try:
        device = data.__dlpack_device__()[0]
    except (BufferError, RuntimeError, ValueError) as cause:
        raise errors.ValueError(f"tensor: {cause}") from cause
    if device != CPU:
        raise errors.ValueError("tensor: the data lie on a device; move them to the CPU first")
    try:
        return np.from_dlpack(data)
    except (BufferError, RuntimeError) as cause:
        dtype = str(getattr(data, "dtype", "this type"))
        if dtype.rpartition(".")[2] in DATATYPES:
            raise errors.ValueError(f"tensor: {cause}") from cause
        raise errors.TypeError(f"tensor of {dtype}: expected one of {', '.join(DATATYPES)}") from cause


__all__ = ["Tensor"]
