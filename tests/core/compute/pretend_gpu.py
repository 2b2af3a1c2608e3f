"""A GPU that is not there: tensors that keep apart from those of the processor, as tensors of a GPU do.

Inside :class:`PretendGpu`, whatever torch makes on the device "cuda" lies in the processor's memory, as a
:class:`OnGpu`. Such a tensor refuses to meet a tensor of the processor in one operation, and to become a numpy array,
with the errors that a GPU gives. So code for GPUs can be tested where there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._device import _device_constructors
from torch.utils._pytree import tree_flatten, tree_map

GPU = torch.device("cuda")
_BETWEEN_DEVICES = {Tensor.to, Tensor.cpu, Tensor.cuda, Tensor.copy_, Tensor.type, Tensor.item, Tensor.tolist}
_INDEXING = {Tensor.__getitem__, Tensor.__setitem__}
_TO_NUMPY = {Tensor.numpy, Tensor.__array__}


class OnGpu(Tensor):
    """A tensor that counts as one of the GPU's."""

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        with torch._C.DisableTorchFunctionSubclass():
            return func(*args, **(kwargs or {}))


class PretendGpu(TorchFunctionMode):
    """Inside this context the device "cuda" exists, as far as tensors go."""

    def __init__(self) -> None:
        super().__init__()
        self.default = torch.device("cpu")

    @contextmanager
    def made_on(self, device: torch.device) -> Iterator[None]:
        """Inside this context new tensors are made on ``device``, as inside ``with device``."""
        previous, self.default = self.default, device
        try:
            yield
        finally:
            self.default = previous

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func is torch.device:
            return func(*args, **kwargs)
        if func in _device_constructors() and kwargs.get("device") is None:
            kwargs["device"] = self.default
        tensors = [value for value in tree_flatten((args, kwargs))[0] if isinstance(value, Tensor)]
        there = [value for value in tensors if isinstance(value, OnGpu)]
        if there and func == Tensor.device.__get__:
            return GPU
        if there and func in _TO_NUMPY:
            raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first.")
        if there and func not in _BETWEEN_DEVICES:
            # An index and a single number may lie elsewhere.
            judged = [args[0], *args[2:]] if func in _INDEXING else tensors
            if any(isinstance(v, Tensor) and v.ndim and not isinstance(v, OnGpu) for v in judged):
                raise RuntimeError(f"Expected all tensors to be on the same device ({func.__name__})")
        made = self._place(func, args, kwargs, bool(there))
        args, kwargs = tree_map(_without_gpu, (list(args), kwargs))
        with torch._C.DisableTorchFunctionSubclass():
            result = func(*args, **kwargs)
        if made is None:
            return result
        return tree_map(lambda v: v.as_subclass(OnGpu if made else Tensor) if isinstance(v, Tensor) else v, result)

    @staticmethod
    def _place(func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], there: bool) -> bool | None:
        """Whether the result lies on the GPU; None where the result is no new tensor of either."""
        if func in (Tensor.cpu, Tensor.item, Tensor.tolist):
            return False
        if func is Tensor.cuda or _is_gpu(kwargs.get("device")):
            return True
        if func is Tensor.to:
            places = [value for value in args[1:] if isinstance(value, (str, torch.device, Tensor))]
            places += [kwargs["device"]] if kwargs.get("device") is not None else []
            return there and args[0].__class__ is OnGpu if not places else any(map(_is_gpu, places))
        if kwargs.get("device") is not None:
            return False
        return True if there else None


def _is_gpu(value: object) -> bool:
    if isinstance(value, Tensor):
        return isinstance(value, OnGpu)
    return isinstance(value, (str, torch.device)) and str(value) == "cuda"


def _without_gpu(value: object) -> object:
    return value if isinstance(value, Tensor) or not _is_gpu(value) else torch.device("cpu")


class OpenedForGpu:
    """A file of weights opened for a device, in the place of ``safetensors.safe_open``."""

    def __init__(self, path: str, framework: str, device: str) -> None:
        self._file, self._device = safe_open(path, framework=framework, device="cpu"), device

    def __enter__(self) -> OpenedForGpu:
        self._file.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._file.__exit__(*error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def get_tensor(self, name: str) -> Tensor:
        """A tensor of the file, on the device."""
        return self._file.get_tensor(name).to(self._device)


def moved_to_gpu(module: nn.Module) -> nn.Module:
    """The module, its parameters and buffers moved to the GPU. (``Module.to`` only knows devices that exist.)"""
    for part in module.modules():
        for tensors in (part._parameters, part._buffers):
            for name, value in tensors.items():
                if value is not None:
                    tensors[name] = value.data.as_subclass(OnGpu)  # type: ignore[assignment]
    return module
