"""All networks on all targets: each is quantized once and measured wherever it was asked for."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from mixcomp_edge.bench import MORE, NETWORKS
from mixcomp_edge.bench.measure import NetworkResult, measure
from mixcomp_edge.bench.networks import plan_for, quantized
from mixcomp_edge.bundle import save_bundle
from mixcomp_edge.errors import BenchError
from mixcomp_edge.targets import ARM, emulated

Progress = Callable[[str, int, int, str], None]  # (what, done, of, note)


def compilers(choice: str, triple: str = ARM) -> tuple[str, ...]:
    """The toolchains to build with for a target's triple: gcc, zig, or, for best, all that are installed."""
    from mixcomp_edge.build.cross import toolchain, toolchains

    if choice == "best":
        toolchain(None, triple)  # says what to install when there is none
        return tuple(toolchains(triple))
    if choice not in ("gcc", "zig"):
        raise BenchError(f"unknown compiler '{choice}'. Known: gcc, zig, best.")
    return (toolchain(choice, triple).name,)


def run_bench(
    targets: Sequence[str],
    *,
    networks: Sequence[str] = NETWORKS,
    act_bits: Sequence[int] = (4, 8),
    compiler: str = "best",
    granularities: Sequence[str] = ("tensor", "channel"),
    plan: Path | None = None,
    epochs: int = 0,
    warn: Callable[[str], None] = lambda text: None,
    progress: Progress = lambda what, done, of, note: None,
) -> list[NetworkResult]:
    """Results by target, then network, then width of activations, then granularity of the scales; a plan has its own
    ("plan"). plan: see networks.plan_for."""
    chains = {target: compilers(compiler, emulated(target).triple) for target in targets}
    for network in networks:
        if network not in NETWORKS + MORE:
            raise BenchError(f"unknown network '{network}'. Known: {', '.join(NETWORKS + MORE)}.")
    scales = granularities if plan is None else ("plan",)
    cases = [(network, bits, granularity) for network in networks for bits in act_bits for granularity in scales]
    plans = {case: plan_for(case[0], plan, *case[1:]) for case in cases}
    found: dict[tuple[str, str, int, str], NetworkResult] = {}
    told: set[str] = set()
    of, done = len(cases) * len(targets), 0
    with tempfile.TemporaryDirectory(prefix="mixcomp-bench-") as folder:
        for network, bits, granularity in cases:
            progress("bench", done, of, f"  quantize {network}, A{bits}, {granularity}")
            bundle, warnings = quantized(network, plans[network, bits, granularity], epochs)
            for text in set(warnings) - told:
                warn(f"{network}: {text}")
            told |= set(warnings)
            file = Path(folder) / f"{network}_a{bits}_{granularity}.mce"
            save_bundle(bundle, file)
            for target in targets:
                progress("bench", done, of, f"  {network}, A{bits}, {granularity}, {target}")
                found[target, network, bits, granularity] = measure(file, target, bits, granularity, chains[target])
                done += 1
    progress("bench", done, of, "")
    return [found[(target, *case)] for target in targets for case in cases]
