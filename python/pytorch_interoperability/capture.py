"""Captures a module with torch.export, refusing by name what the capture would get wrong."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from typing import Any

import torch

from n2d2 import errors
from pytorch_interoperability.imported import Imported
from pytorch_interoperability.importer import Importer
from pytorch_interoperability.older_torch import lstm_states_in_shape
from pytorch_interoperability.places import TORCH_FOLDER, listed
from pytorch_interoperability.signature import Examples, dynamic_shapes
from pytorch_interoperability.watch import Attributes

_LOCK = threading.Lock()


def problems_of(module: torch.nn.Module) -> list[str]:
    """What about the module itself stops it from being wrapped."""
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
    return problems


def check_module(module: torch.nn.Module) -> None:
    """Raises one error that lists everything about the module that stops it from being wrapped."""
    problems = problems_of(module)
    if problems:
        raise errors.UnsupportedError("the network cannot be wrapped as it is:\n" + "\n".join(f"  {p}" for p in problems))


@contextlib.contextmanager
def _backward_rules(seen: list[str]) -> Iterator[None]:
    """Notes user-written autograd functions and hooks on tensors that run on this thread: export would drop them."""
    apply, hook = torch.autograd.Function.__dict__["apply"], torch.Tensor.register_hook
    thread = threading.get_ident()

    def noted_apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() == thread and cls.__name__ != "_NoopSaveInputs":  # of a checkpoint that is captured as it should be
            is_checkpoint = cls.__module__ == "torch.utils.checkpoint"
            lost = f"autograd.Function '{cls.__name__}', whose backward would not be used"
            seen.append("checkpoint with use_reentrant=True; use False" if is_checkpoint else lost)
        return apply.__get__(None, cls)(*args, **kwargs)

    def noted_hook(tensor: Any, function: Any) -> Any:
        if threading.get_ident() == thread:
            seen.append("register_hook on a tensor in forward, which would not run")
        return hook(tensor, function)

    torch.autograd.Function.apply = classmethod(noted_apply)  # type: ignore[method-assign, assignment]
    torch.Tensor.register_hook = noted_hook  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        torch.autograd.Function.apply = apply  # type: ignore[method-assign]
        torch.Tensor.register_hook = hook  # type: ignore[method-assign]


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
def _plain_paths() -> Iterator[None]:
    """Gradients on, and transformer layers without their shortcut for inference: what is captured must serve training passes too."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.enable_grad():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without torch's log, and without the program it writes to stderr when it fails."""
    written = io.StringIO()
    logger = logging.getLogger("torch")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(written):
            warnings.simplefilter("ignore")
            yield
        sys.stderr.write(written.getvalue())
    finally:
        logger.setLevel(level)


def capture(module: torch.nn.Module, examples: Examples) -> Imported:
    """The graph of the module in its present mode (each sub-module's `training` is honoured).

    Raises:
        n2d2.errors.UnsupportedError: lists everything that has no counterpart.
    """
    imported, problems = import_module(module, examples)
    if problems:
        raise errors.UnsupportedError(listed(problems))
    return imported


def import_module(module: torch.nn.Module, examples: Examples) -> tuple[Imported, list[str]]:
    """The graph as far as it is supported, and what is not."""
    seen: list[str] = []
    hooked: list[str] = []
    left: list[str] = []
    shapes = dynamic_shapes(module, examples)
    try:
        with (
            _LOCK,
            _side_effects_undone(module, left),
            _quiet(),
            _plain_paths(),
            lstm_states_in_shape(),
            _backward_rules(seen),
            _hooks_that_only_look(module, hooked),
        ):
            program = torch.export.export(module, examples.args, examples.kwargs, dynamic_shapes=shapes, strict=False)
    except errors.N2D2Error:
        raise
    except Exception as cause:
        first = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
        raise errors.UnsupportedError(
            f"the network cannot be captured: {_module_of(cause, module)}{type(cause).__name__}: {first}{_place_of(cause)}\n"
            + "".join(f"{problem}\n" for problem in left)
            + f"Its forward must take inputs of the given size, {_sizes(examples)} with the batch first, and be the same sequence of tensor "
            "operations for every input: move Python decisions on values out of it."
        ) from cause
    importer = Importer(program, module)
    imported = importer.run()
    return imported, [
        *dict.fromkeys(seen),
        *[f"forward hook on '{path}' that returns nothing and so would not run; remove it" for path in dict.fromkeys(hooked)],
        *left,
        *importer.problems,
    ]


@contextlib.contextmanager
def _side_effects_undone(module: torch.nn.Module, left: list[str]) -> Iterator[None]:
    """Takes back what forward, which runs once, writes to the module; notes the tensors it leaves there, which would never change."""
    buffers = {name for name, _ in module.named_buffers()}
    attributes = Attributes(module)
    try:
        yield
    finally:
        left += [f"buffer '{name}' registered in forward; register it in __init__" for name in _remove_late_buffers(module, buffers)]
        names = ", ".join(f"'{name}'" for name in attributes.put_back())
        if names:
            left.append(f"forward keeps tensors in attributes, which n2d2 would not fill: {names}; return them instead")


def _module_of(cause: Exception, module: torch.nn.Module) -> str:
    """The innermost sub-module whose forward raised."""
    paths = {id(sub): path for path, sub in module.named_modules() if path}
    running = (frame.f_locals.get("self") for frame, _ in traceback.walk_tb(cause.__traceback__))
    inside = [f"'{paths[id(sub)]}' ({type(sub).__name__}): " for sub in running if id(sub) in paths]
    return inside[-1] if inside else ""


def _place_of(cause: Exception) -> str:
    """The user's line that raised, or led to it."""
    others = (TORCH_FOLDER, os.path.dirname(__file__), "<")
    frames = [f for f in traceback.extract_tb(cause.__traceback__) if not f.filename.startswith(others)]
    return f" ({os.path.basename(frames[-1].filename)}:{frames[-1].lineno})" if frames else ""


def _sizes(examples: Examples) -> str:
    return " and ".join(str(tuple(tensor.shape)) for tensor in examples.tensors)


def _remove_late_buffers(module: torch.nn.Module, before: set[str]) -> list[str]:
    late = [name for name, _ in module.named_buffers() if name not in before]
    for name in late:
        owner, _, last = name.rpartition(".")
        delattr(module.get_submodule(owner), last)
    return late


__all__ = ["capture", "check_module", "import_module", "problems_of"]
