"""Proof that the C computes what Python computed: every element of every layer, on a transport."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mixcomp_edge.bundle import Bundle, load_bundle
from mixcomp_edge.codegen.project import export, read_project
from mixcomp_edge.errors import ExportError, ToolchainError
from mixcomp_edge.ir import interp, qops
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.numerics.packing import pack_elements, unpack_elements
from mixcomp_edge.plan.layout import Layout
from mixcomp_edge.targets import DEFAULT, emulated
from mixcomp_edge.transports import Transport

if TYPE_CHECKING:
    from mixcomp_edge.transports.emulator import EmulatedCore

INSTALL_SIM = "pip install 'mixcomp-edge[sim]'"


@dataclass(frozen=True)
class Mismatch:
    """The first element that differs: which input, which layer, which element, what the definition says, what came."""

    input: int
    layer: str
    element: int
    expected: int
    got: int


@dataclass(frozen=True)
class Verdict:
    """Result of `verify`. `elements` counts all that were compared, over all inputs and layers."""

    transport: str
    target: str
    inputs: int
    elements: int
    mismatches: int
    first_mismatch: Mismatch | None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@contextmanager
def opened(source: Path, target_name: str | None) -> Iterator[tuple[Bundle, Layout, Path]]:
    """(bundle, layout, project folder) of a bundle or of an exported folder; a bundle is exported to a temporary one.

    A folder's C is taken as it lies there, edited or not; its target is the one that it was exported for."""
    if source.is_dir():
        bundle, layout = read_project(source)
        if target_name not in (None, layout.target.name):
            raise ExportError(
                f"{source} was exported for {layout.target.name}, not for {target_name}. Export it again."
            )
        yield bundle, layout, source
        return
    bundle = load_bundle(source)
    with tempfile.TemporaryDirectory(prefix="mixcomp-project-") as folder:
        project = Path(folder) / bundle.graph.name
        yield bundle, export(bundle, target_name or DEFAULT, project), project


def open_transport(on: str, project: Path, layout: Layout, chain_name: str | None = None) -> Transport:
    """The transport of that name: host or emulator."""
    if on == "host":
        from mixcomp_edge.transports.host import HostLibrary

        return HostLibrary(project, layout)
    if on == "emulator":
        return emulated_core(project, layout, chain_name)
    raise ExportError(f"unknown transport '{on}'; known are host and emulator.")


def emulated_core(project: Path, layout: Layout, chain_name: str | None = None) -> EmulatedCore:
    """The emulated core that the layout is for."""
    try:
        from mixcomp_edge.build.cross import toolchain
        from mixcomp_edge.transports.emulator import EmulatedCore
    except ModuleNotFoundError as error:
        raise ToolchainError(f"emulator: the package {error.name} is missing. {INSTALL_SIM}") from error
    return EmulatedCore(project, layout, emulated(layout.target.name), toolchain(chain_name))


def verify(
    source: Path,
    *,
    on: str = "host",
    target_name: str | None = None,
    count: int = 10,
    chain_name: str | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Verdict:
    """Runs `count` inputs through the C of a bundle or exported folder; compares every layer with the interpreter."""
    with opened(source, target_name) as (bundle, layout, project):
        transport = open_transport(on, project, layout, chain_name)
        try:
            return compare(transport, layout, make_inputs(bundle.graph, count, seed), progress)
        finally:
            transport.close()


def make_inputs(graph: Graph, count: int, seed: int = 0) -> NDArray[np.int64]:
    """(count, *input shape) integers over the whole input range: the lowest and the highest value everywhere, then in
    turn white noise and smooth fields."""
    node = graph.nodes[0]
    assert isinstance(node, qops.QNode)
    low, high = node.type.low, node.type.high
    rng = np.random.default_rng(seed)
    x = rng.integers(low, high + 1, (count, *node.shape))
    for i in range(3, count, 2):
        phase = rng.uniform(0, 2 * np.pi, len(node.shape))
        grids = np.meshgrid(*(np.arange(size) for size in node.shape), indexing="ij")
        waves = [np.sin(rng.uniform(0.05, 0.7) * grid + p) for grid, p in zip(grids, phase, strict=True)]
        x[i] = np.clip(np.rint(low + (high - low) * (0.5 + np.mean(waves, axis=0) / 2)), low, high)
    if count > 2:
        x[0], x[1] = low, high
    return x


def compare(
    transport: Transport,
    layout: Layout,
    inputs: NDArray[np.int64],
    progress: Callable[[int, int], None] | None = None,
) -> Verdict:
    """Every layer of every input, the transport against the interpreter."""
    elements, mismatches, first = 0, 0, None
    for index, x in enumerate(inputs):
        expected = dict(interp.steps(layout.graph, x[None]))
        source = layout.graph.nodes[0]
        assert isinstance(source, qops.QNode)
        outputs = transport.trace(pack_elements(x, source.type.bits))
        if len(outputs) != len(layout.steps):
            raise ExportError(f"{transport.name}: {len(outputs)} layers ran, the model has {len(layout.steps)}.")
        for step, output in zip(layout.steps, outputs, strict=True):
            node = step.node
            want = expected[node.name].ravel()
            got = unpack_elements(output, node.elements, node.type.bits, signed=node.type.signed)
            wrong = np.flatnonzero(want != got)
            elements += len(want)
            mismatches += len(wrong)
            if len(wrong) and first is None:
                at = int(wrong[0])
                first = Mismatch(index, node.name, at, int(want[at]), int(got[at]))
        if progress is not None:
            progress(index + 1, len(inputs))
    return Verdict(transport.name, layout.target.name, len(inputs), elements, mismatches, first)
