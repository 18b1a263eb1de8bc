"""Captures a module with torch.export, refusing by name what the capture would get wrong."""

from __future__ import annotations

import contextlib
import logging
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch.export import Dim

from n2d2 import errors
from pytorch_interoperability.imported import Imported
from pytorch_interoperability.importer import Importer

_LOCK = threading.Lock()


def check_module(module: torch.nn.Module) -> None:
    """Raises one error that lists everything about the module that stops it from being wrapped."""
    problems = []
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if torch.nn.parameter.is_lazy(tensor):
            problems.append(f"'{name}' has no shape yet (lazy module); run the network once before wrapping")
        elif tensor.device.type != "cpu":
            problems.append(f"'{name}' is on {tensor.device}; call .cpu() first")
        elif tensor.is_floating_point() and tensor.dtype != torch.float32:
            problems.append(f"'{name}' is {tensor.dtype}; call .float() first")
    for name, child in module.named_modules():
        if isinstance(child, torch.nn.modules.batchnorm._BatchNorm) and child.momentum is None:
            problems.append(f"'{name}': BatchNorm with momentum=None; give it a number")
        if isinstance(child, torch.jit.ScriptModule):
            problems.append(f"'{name}' is scripted; give the Python module")
        if child._backward_hooks or child._backward_pre_hooks:
            problems.append(f"'{name}' has a backward hook, which would not run; remove it")
    if problems:
        raise errors.UnsupportedError("the network cannot be wrapped as it is:\n" + "\n".join(f"  {p}" for p in problems))


@contextlib.contextmanager
def _custom_functions(seen: list[str]) -> Iterator[None]:
    """Notes the names of user-written autograd functions that run on this thread: export would drop their backward."""
    original = torch.autograd.Function.__dict__["apply"]
    thread = threading.get_ident()

    def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() == thread:
            seen.append(cls.__name__)
        return original.__get__(None, cls)(*args, **kwargs)

    torch.autograd.Function.apply = classmethod(apply)  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        torch.autograd.Function.apply = original  # type: ignore[method-assign]


@contextlib.contextmanager
def _hooks_that_only_look(module: torch.nn.Module, seen: list[str]) -> Iterator[None]:
    """Notes the sub-modules with a forward hook that returns nothing: what it does to the side would happen once, at capture."""

    def noting(path: str, hook: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            result = hook(*args, **kwargs)
            if result is None:
                seen.append(path)
            return result

        return call

    places = [(path, child._forward_hooks, dict(child._forward_hooks)) for path, child in module.named_modules() if child._forward_hooks]
    for path, hooks, originals in places:
        hooks.update({key: noting(path, hook) for key, hook in originals.items()})
    try:
        yield
    finally:
        for _, hooks, originals in places:
            hooks.update(originals)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("torch")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def capture(module: torch.nn.Module, examples: tuple[torch.Tensor, ...]) -> Imported:
    """The graph of the module in its present mode (each sub-module's `training` is honoured)."""
    buffers = {name for name, _ in module.named_buffers()}
    seen: list[str] = []
    hooked: list[str] = []
    shapes = _dynamic_rows(module, examples)
    try:
        with _LOCK, _quiet(), _custom_functions(seen), _hooks_that_only_look(module, hooked):
            program = torch.export.export(module, examples, dynamic_shapes=shapes, strict=False)
    except errors.N2D2Error:
        raise
    except Exception as cause:
        late = _remove_late_buffers(module, buffers)
        hint = f" (buffers registered in forward: {', '.join(late)})" if late else ""
        first = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
        raise errors.UnsupportedError(
            f"the network cannot be captured{hint}: {type(cause).__name__}: {first}\n"
            "Its forward must be the same sequence of tensor operations for every input; move Python decisions on values out of it."
        ) from cause
    late = _remove_late_buffers(module, buffers)
    problems = [f"autograd.Function '{name}', whose backward would not be used" for name in dict.fromkeys(seen)]
    problems += [f"forward hook on '{path}' that returns nothing and so would not run; remove it" for path in dict.fromkeys(hooked)]
    problems += [f"buffer '{name}' registered in forward; register it in __init__" for name in late]
    if problems:
        raise errors.UnsupportedError("the network cannot run in n2d2 as it is; not supported:\n" + "\n".join(f"  {p}" for p in problems))
    return Importer(program, module).run()


def _dynamic_rows(module: torch.nn.Module, examples: tuple[torch.Tensor, ...]) -> Any:
    import inspect

    rows = tuple({0: Dim.AUTO} if x.dim() > 0 else None for x in examples)
    kinds = [p.kind for p in inspect.signature(module.forward).parameters.values()]
    return (rows,) if kinds and kinds[0] is inspect.Parameter.VAR_POSITIONAL else rows


def _remove_late_buffers(module: torch.nn.Module, before: set[str]) -> list[str]:
    late = [name for name, _ in module.named_buffers() if name not in before]
    for name in late:
        owner, _, last = name.rpartition(".")
        delattr(module.get_submodule(owner), last)
    return late


__all__ = ["capture", "check_module"]
