"""What people bring as data, NumPy or torch, of any real type and memory order, as one kind of array; and where in it a
value is not finite. What is no array of real numbers is refused in a sentence that says what it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mixcomp_edge.errors import TaskError

CHUNK = 1 << 22  # elements looked at in one go


def as_array(value: Any, what: str) -> NDArray[Any]:
    """`value` as a NumPy array of bool, integers or floats in this machine's byte order; a view where it can be one.

    value: an array, a tensor, or a list of numbers, arrays or tensors of one shape. `what` names it in a TaskError."""
    if isinstance(value, str | bytes | dict | set):
        raise TaskError(f"{what} is a {type(value).__name__}, expected an array or a tensor of numbers.")
    if isinstance(value, list | tuple) and value and all(isinstance(part, Tensor) for part in value):
        value = [_tensor_array(part, what) for part in value]
    if isinstance(value, Tensor):
        array = _tensor_array(value, what)
    else:
        if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
            raise TaskError(f"{what} is a masked array; fill the masked values first: x.filled(0).")
        try:
            array = np.asarray(value)
        except (ValueError, TypeError, RuntimeError) as error:  # ragged lists; tensors of other libraries
            raise TaskError(f"{what} is no array of numbers of one shape ({_first_line(error)}).") from error
    return _real(array, what)


def is_several(value: Any) -> bool:
    """Whether it is data for several inputs or outputs, a dict or a tuple of arrays, rather than for one."""
    members = list(value.values()) if isinstance(value, Mapping) else value if isinstance(value, tuple) else ()
    return bool(members) and all(
        is_several(member) or isinstance(member, list) or getattr(member, "ndim", 0) > 0 for member in members
    )


def labelled(value: Any, what: str) -> list[tuple[str, Any]]:
    """The arrays of data for several inputs or outputs, or the only one, each with what names it in an error."""
    if not is_several(value):
        return [(what, value)]
    members = value.items() if isinstance(value, Mapping) else enumerate(value)
    return [leaf for key, member in members for leaf in labelled(member, f"{what}[{key!r}]")]


def as_arrays(value: Any, what: str) -> Any:
    """`as_array` of one array, or of each of several, in the dicts and tuples that they come in."""
    if not is_several(value):
        return as_array(value, what)
    if isinstance(value, Mapping):
        return {key: as_arrays(member, f"{what}[{key!r}]") for key, member in value.items()}
    members = [as_arrays(member, f"{what}[{i}]") for i, member in enumerate(value)]
    return type(value)(*members) if hasattr(value, "_fields") else tuple(members)


def _tensor_array(tensor: Tensor, what: str) -> NDArray[Any]:
    if tensor.is_complex():
        raise TaskError(f"{what} holds complex numbers; give real ones, for instance x.abs() or torch.view_as_real(x).")
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if tensor.is_meta:
        raise TaskError(f"{what} lies on the meta device and has no values.")
    tensor = tensor.detach().cpu().to_dense() if tensor.layout != torch.strided else tensor.detach().cpu()
    try:
        return np.asarray(tensor.resolve_neg().numpy())
    except TypeError:  # bfloat16 and the 8-bit floats, which NumPy does not have
        return np.asarray(tensor.float().numpy())


def _real(array: NDArray[Any], what: str) -> NDArray[Any]:
    kind = array.dtype.kind
    if kind == "c":
        raise TaskError(f"{what} holds complex numbers ({array.dtype}); give real ones, for instance np.abs(x).")
    if kind not in "biuf":
        names = {"U": "text", "S": "text", "T": "text", "M": "dates", "m": "time spans", "V": "records"}
        found = names.get(kind) or f"Python objects of type {_member(array)}"
        raise TaskError(
            f"{what} holds {found} ({array.dtype}), expected numbers of one shape: bool, integers or floats."
        )
    if kind == "f" and array.dtype.itemsize > 8:
        return array.astype(np.float64)
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _member(array: NDArray[Any]) -> str:
    return type(array.reshape(-1)[0]).__name__ if array.size else "object"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def as_float(raw: NDArray[Any]) -> Tensor:
    """The same numbers as float32: what a task's samples become that names no `to_input`."""
    return torch.from_numpy(np.require(raw, np.float32, ["C", "W"]))


def as_input(value: Any, what: str, *, tokens: bool = False) -> Tensor:
    """`value` as what a model takes: contiguous float32; int64 where it holds integers and the model takes tokens."""
    array = as_array(value, what)
    kept = np.int64 if tokens and array.dtype.kind in "iu" else np.float32
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is told as such
        return torch.from_numpy(np.require(array, kept, ["C", "W"]))


def not_finite(array: NDArray[Any]) -> tuple[tuple[int, ...], str] | None:
    """(place, "NaN", "Inf" or "-Inf") of the first value of (N, ...) that float32 cannot hold; None if all is well."""
    if array.dtype.kind != "f" or not array.size:
        return None
    limit = np.finfo(np.float32).max
    rows = max(1, CHUNK // max(1, array[0].size))
    for start in range(0, len(array), rows):
        part = array[start : start + rows]
        good = np.abs(part) <= limit  # False for NaN, too
        if not good.all():
            first, *rest = (int(i) for i in np.unravel_index(int(np.argmin(good)), good.shape))
            return (start + first, *rest), _name(float(part[(first, *rest)]))
    return None


def _name(value: float) -> str:
    if np.isnan(value):
        return "NaN"
    return ("Inf" if value > 0 else "-Inf") if np.isinf(value) else f"{value:.3g}, beyond float32"


def check_finite(array: NDArray[Any], what: str, first: int = 0) -> None:
    """TaskError with sample (the first row is sample `first`) and place of the first value that is not finite."""
    bad = not_finite(array)
    if bad is not None:
        (sample, *place), value = bad
        where = f" at [{', '.join(map(str, place))}]" if place else ""
        raise TaskError(
            f"{what} is not finite: sample {first + sample}{where} is {value}. Remove the sample or replace the value."
        )
