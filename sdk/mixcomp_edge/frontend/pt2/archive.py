"""Reading a .pt2 archive without running what is in it.

torch.export.load unpickles what lies there pickled, hands symbolic sizes to a parser that evaluates them, and finds
operators by attribute, wherever in torch. So before it sees the file every member is looked at: pickles must pass
torch's reader of plain tensors, sizes must be names and numbers, and calls those of ATen or of Python's arithmetic."""

from __future__ import annotations

import io
import logging
import re
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

import torch

from mixcomp_edge.documents import parse_json, read_bytes
from mixcomp_edge.errors import ModelFileError
from mixcomp_edge.frontend.bounds import first_line

MAX_BYTES = 256 << 20  # of the archive, and of what it unpacks to
TRUST = "Pass --trust if it is yours"
PICKLES = (".pt", ".pkl")
CALL = re.compile(r"torch\.ops\.aten\.\w+\.\w+|_operator\.\w+|math\.\w+")
SIZE = re.compile(r"[\w\s+*/-]*")  # without dots and parentheses nothing can be called


def read_program(path: Path, *, trust: bool) -> Any:
    """The ExportedProgram of the archive. ModelFileError says what is wrong with it."""
    content = read_bytes(path, MAX_BYTES, ModelFileError)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            total = sum(entry.file_size for entry in archive.infolist())
            if total > MAX_BYTES:
                raise ModelFileError(f"{path}: unpacks to {total} bytes; at most {MAX_BYTES} are read.")
            members = {entry.filename: archive.read(entry) for entry in archive.infolist() if not entry.is_dir()}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError) as error:
        raise ModelFileError(f"{path}: is no whole .pt2 archive ({first_line(error)}).") from error
    if not trust:
        _check_members(path, members)
    log = logging.getLogger("torch.export")
    level = log.level
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            log.setLevel(logging.CRITICAL)  # it tells its traceback before it raises
            return torch.export.load(io.BytesIO(content))
    except Exception as error:  # torch raises many kinds
        raise ModelFileError(
            f"{path}: torch {torch.__version__} cannot read it ({first_line(error)}). Export it with this version."
        ) from error
    finally:
        log.setLevel(level)


def _check_members(path: Path, members: dict[str, bytes]) -> None:
    for name, data in members.items():
        if name.endswith(PICKLES):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
            except Exception as error:  # whatever the reader of plain tensors does not take
                raise _pickled(path, name) from error
        elif name.endswith(".json") and data:
            _check_text(path, name, parse_json(data, ModelFileError, f"{path}: {name}", MAX_BYTES))
        elif "/custom_obj" in name:
            raise _pickled(path, name)


def _check_text(path: Path, name: str, value: Any) -> None:
    """The graph of the program, and the lists of its tensors."""
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, list):
            todo += item
        if not isinstance(item, dict):
            continue
        todo += item.values()
        if item.get("use_pickle"):
            raise _pickled(path, name)
        size, call = item.get("expr_str", ""), item.get("target") if "inputs" in item and "metadata" in item else None
        if not isinstance(size, str) or not SIZE.fullmatch(size):
            raise ModelFileError(f"{path}: {name} holds the size {size!a:.80}, which torch would evaluate. {TRUST}.")
        if call is not None and not (isinstance(call, str) and CALL.fullmatch(call)):
            raise ModelFileError(f"{path}: {name} calls {call!a:.80}, which is no operator of ATen. {TRUST}.")


def _pickled(path: Path, name: str) -> ModelFileError:
    return ModelFileError(f"{path}: {name} is a pickle, which may run any program while it is read. {TRUST}.")
