"""The bounds of bounds.toml and which of them a set of results exceeds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import inf
from pathlib import Path
from typing import Any

from mixcomp_edge.bench.measure import NetworkResult
from mixcomp_edge.bench.peers import CMSIS_NN
from mixcomp_edge.documents import read_toml
from mixcomp_edge.errors import BenchError

BOUNDS = Path(__file__).parent / "bounds.toml"
SHAPES = {
    "instructions": 3,
    "code_bytes": 2,
    "arena_bytes": 1,
    "published_a4": 2,
    "ratios": 1,
}  # tables in tables, down to the numbers
LISTS = ("ratios.targets", "ratios.like_cortex-m4")  # of names, where all else is numbers


def load_bounds(path: Path = BOUNDS) -> dict[str, Any]:
    """The tables of a bounds file."""
    table = read_toml(path, BenchError, "bounds")
    if unknown := set(table) - set(SHAPES):
        raise BenchError(f"bounds {path}: unknown table '{min(unknown)}'. Known: {', '.join(sorted(SHAPES))}.")
    for name, depth in SHAPES.items():
        _check(table.get(name, {}), depth, f"bounds {path}: {name}")
    return table


def _check(value: object, depth: int, where: str) -> None:
    """BenchError where a bound is no number, or lies in other tables than those of bounds.toml."""
    if depth:
        if not isinstance(value, dict):
            raise BenchError(f"{where}: must be a table, as in the project's bounds.toml.")
        for key, inner in value.items():
            _check(inner, depth - 1, f"{where}.{key}")
    elif where.endswith(LISTS):
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise BenchError(f"{where}: must be a list of targets.")
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise BenchError(f"{where}: must be a number.")


def instruction_bound(bounds: dict[str, Any], target: str, model: str, key: str) -> int | None:
    """key: a4, a8 or aim_a4; None where there is no such bound."""
    return bounds.get("instructions", {}).get(target, {}).get(model, {}).get(key)


def exceeded(bounds: dict[str, Any], results: Sequence[NetworkResult]) -> list[str]:
    """One sentence for each bound that a result exceeds; empty when all hold."""
    found = [sentence for result in results for sentence in _of_network(bounds, result)]
    ratios = bounds.get("ratios", {})
    return [*found, *_between_targets(ratios, results), *_between_granularities(ratios, results)]


def _of_network(bounds: dict[str, Any], result: NetworkResult) -> Iterable[str]:
    where = _where(result)
    ratios = bounds.get("ratios", {})
    limits: list[tuple[str, float, float | None]] = [
        (
            "instructions",
            result.instructions,
            instruction_bound(bounds, result.target, result.model, f"a{result.act_bits}"),
        ),
        (
            "bytes of code and constants",
            result.flash_bytes["code"],
            bounds.get("code_bytes", {}).get(result.target, {}).get(result.model),
        ),
        ("times 4 bits for a weight", result.packing, ratios.get("packing")),
    ]
    if result.act_bits == 4:
        limits.append(
            ("bytes of arena", result.ram_bytes["arena"], bounds.get("arena_bytes", {}).get(result.model)),
        )
        for board in result.boards:
            most_there = bounds.get("published_a4", {}).get(board.chip, {}).get(result.model)
            limits.append((f"times the {board.published_ms:g} ms published for {board.chip}", board.ratio, most_there))
    for what, value, most in limits:
        if most is not None and value > most:
            said = f"{value:.4g}" if isinstance(value, float) else f"{value:,}"
            yield f"{where}: {said} {what}, the bound is {most:,}."
    if result.target in ratios.get("targets", ()) and result.peer == CMSIS_NN:
        yield from _of_layers(ratios, result, where)


def _where(result: NetworkResult) -> str:
    scales = ", a scale a channel" if result.granularity == "channel" else ""
    return f"{result.model} on {result.target} at A{result.act_bits}{scales}"


def _of_layers(ratios: dict[str, Any], result: NetworkResult, where: str) -> Iterable[str]:
    if result.act_bits == 4:
        for layer in result.layers:
            most = ratios.get("layer_a4" if layer.input_bits == 4 else "stem_a4", inf)
            if layer.ratio is not None and layer.ratio > most:
                yield f"{where}: {layer.name} takes {layer.ratio:.2f} of CMSIS-NN int8, the bound is {most}."
        return
    ours: dict[str, int] = defaultdict(int)
    theirs: dict[str, int] = defaultdict(int)
    for layer in result.layers:
        if layer.peer_instructions is not None:
            ours[layer.kind] += layer.instructions
            theirs[layer.kind] += layer.peer_instructions
    for kind, instructions in ours.items():
        if (ratio := instructions / theirs[kind]) > ratios.get("kind_a8", inf):
            yield f"{where}: {kind} layers take {ratio:.2f} of CMSIS-NN int8, the bound is {ratios['kind_a8']}."


def _between_targets(ratios: dict[str, Any], results: Sequence[NetworkResult]) -> Iterable[str]:
    m4 = {(r.model, r.act_bits, r.granularity): r.instructions for r in results if r.target == "cortex-m4"}
    for result in results:
        base = m4.get((result.model, result.act_bits, result.granularity))
        most = ratios.get("cortex-m4_factor")
        if base and most and result.target in ratios.get("like_cortex-m4", ()) and result.instructions > most * base:
            yield (f"{_where(result)}: {result.instructions:,} instructions, more than {most} of Cortex-M4's {base:,}.")


def _between_granularities(ratios: dict[str, Any], results: Sequence[NetworkResult]) -> Iterable[str]:
    tensor = {(r.target, r.model, r.act_bits): r.instructions for r in results if r.granularity == "tensor"}
    for result in results:
        base, most = tensor.get((result.target, result.model, result.act_bits)), ratios.get("channel_factor")
        if base and most and result.granularity == "channel" and result.instructions > most * base:
            yield (
                f"{_where(result)}: {result.instructions:,} instructions, more than {most} of the {base:,} with one "
                "a tensor."
            )
