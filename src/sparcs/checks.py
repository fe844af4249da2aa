"""Checks of arguments that several modules share; each error names the argument, its value and what is allowed."""

import sys
from collections.abc import Iterable, Mapping, Sequence, Set
from numbers import Integral, Real

import numpy as np
import torch
from torch import Tensor, nn
from torch._guards import detect_fake_mode

DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)  # PyTorch calculates in no other real ones


def checked_input(x: Tensor, features: int) -> Tensor:
    """x itself, (…, N_1). Raises TypeError or ValueError for an x of the wrong kind or width."""
    if not isinstance(x, Tensor) or not x.is_floating_point():
        kind = f"a tensor of {x.dtype}" if isinstance(x, Tensor) else f"of type {type(x).__name__}"
        raise TypeError(f"x is {kind}: a tensor of floating-point numbers is needed")
    if x.shape[-1:] != (features,):
        raise ValueError(f"x of shape {tuple(x.shape)}: the last dimension must be {features}")
    return x


def checked_widths(widths: Sequence[int]) -> tuple[int, ...]:
    """The widths as plain integers. Raises TypeError or ValueError if no network can have them."""
    if not isinstance(widths, Iterable) or isinstance(widths, str | Set | Mapping):
        raise TypeError(f"widths {widths!r}: a sequence of at least two positive integers is needed")
    widths = tuple(widths)
    if len(widths) < 2:
        raise ValueError(f"widths {widths}: at least two layers are needed")
    for width in widths:
        if not isinstance(width, Integral) or isinstance(width, bool):
            raise TypeError(f"widths {widths}: every entry must be an integer, {width!r} is not")
        if width < 1:
            raise ValueError(f"widths {widths}: every entry must be positive, {width} is not")
    return tuple(int(width) for width in widths)


def checked_flag(name: str, value: bool) -> bool:
    """The value as Python's own. Raises TypeError unless it is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} {value!r}: True or False is needed")
    return bool(value)


def is_number(value: object) -> bool:
    """Whether a value is a real number, which True and False are not meant as."""
    return isinstance(value, Real) and not isinstance(value, bool)


def is_finite(value: object) -> bool:
    """Whether a value is a real number that float64 can hold, as 10**400 is not."""
    return is_number(value) and abs(value) <= sys.float_info.max


def has_values(tensor: Tensor) -> bool:
    """Whether a tensor's values can be read: it is not on the device "meta", not fake, and FakeTensorMode is off."""
    return not tensor.is_meta and detect_fake_mode(tensor) is None


def check_values(module: nn.Module) -> None:
    """Raise ValueError unless every parameter of the module has values, all finite; other than DTYPES always are."""
    for name, parameter in module.named_parameters():
        if parameter.is_meta:
            raise ValueError(f'parameter {name} is on the device "meta": it has no values')
        if not has_values(parameter):
            raise ValueError(f"parameter {name} is fake, or FakeTensorMode is on: there are no values to read")
        if parameter.dtype in DTYPES and not parameter.isfinite().all():
            raise ValueError(f"parameter {name} is not finite: it holds NaN or infinite numbers")


def check_dtypes(module: nn.Module) -> None:
    """Raise ValueError unless every parameter of the module is of one of DTYPES."""
    for name, parameter in module.named_parameters():
        if parameter.dtype not in DTYPES:
            raise ValueError(f"parameter {name} is of {parameter.dtype}: allowed are {', '.join(map(str, DTYPES))}")


def check_overflow(what: str, values: Tensor) -> None:
    """Raise ValueError, with the advice to take a wider dtype, if values computed of finite ones are not finite."""
    if not values.isfinite().all():
        wider = "float32 may hold it, float64 more"
        advice = {torch.float32: "float64 may hold it", torch.float64: "what it is made of is too large"}
        raise ValueError(f"{what} is not finite in {values.dtype}: {advice.get(values.dtype, wider)}")
