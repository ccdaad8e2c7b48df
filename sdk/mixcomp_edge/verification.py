"""Proof that the C computes what Python computed: every element of every layer, on a transport."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mixcomp_edge.board.wire import WireCost
from mixcomp_edge.bundle import Bundle, load_bundle
from mixcomp_edge.codegen.project import check_unedited, export, has_firmware, read_firmware, read_project
from mixcomp_edge.errors import ExportError, MissingSimulatorError
from mixcomp_edge.ir import ends, interp
from mixcomp_edge.ir.graph import Graph
from mixcomp_edge.ir.interp import Values
from mixcomp_edge.ir.nodes import QNode, Value
from mixcomp_edge.numerics.packing import pack_elements, unpack_elements
from mixcomp_edge.plan.layout import Layout
from mixcomp_edge.streaming import STEP_FRAMES
from mixcomp_edge.targets import DEFAULT, emulated
from mixcomp_edge.targets.boards import Board, board
from mixcomp_edge.transports import Transport
from mixcomp_edge.transports.board import BoardTransport

if TYPE_CHECKING:
    from mixcomp_edge.build.cross import Toolchain
    from mixcomp_edge.transports.emulator import EmulatedCore

MAX_INPUT_VALUES = 1 << 26  # of all inputs together, 512 MiB


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
    wire: dict[str, int] | None = None

    def as_dict(self) -> dict[str, Any]:
        """For --json. `wire` only where bytes went over one."""
        return {key: value for key, value in asdict(self).items() if key != "wire" or value is not None}


def is_program(source: Path) -> bool:
    """Whether a file is an ELF."""
    if not source.is_file():
        return False
    with source.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def form_of(bundle: Bundle, frames: int | None, dim: int | None = None) -> Bundle:
    """The bundle's step form of so many frames; itself for 0. None: as its task said. ExportError for a dimension
    alone."""
    said = bundle.origin.get(STEP_FRAMES)
    if frames is None and type(said) is int and said > 0 and not bundle.graph.kept:
        frames = said
    if not frames and dim is not None:
        raise ExportError("--stream-dim says along which dimension frames lie: give --stream too, how many a step.")
    return bundle.stream(frames, dim) if frames else bundle


@contextmanager
def opened(
    source: Path,
    target_name: str | None,
    the_board: Board | None = None,
    *,
    model: str | None = None,
    edited: bool = False,
    stream: tuple[int | None, int | None] = (None, None),
) -> Iterator[tuple[Bundle, Layout, Path]]:
    """(bundle, layout, project folder) of a bundle or of an exported folder; a bundle is exported to a temporary one,
    for the board where there is one.

    A folder's target is the one that it was exported for. Its C is what export wrote; where `edited` says so, what lies
    there. model: which, of a folder with several. stream: of a bundle, its step form of so many frames, along such a
    dimension."""
    if source.is_dir():
        if stream != (None, None):
            raise ExportError(f"{source} is a folder of C; --stream takes a bundle, or give it to export.")
        bundle, layout = read_project(source, model)
        if target_name not in (None, layout.target.name):
            raise ExportError(
                f"{source} was exported for {layout.target.name}, not for {target_name}. Export it again."
            )
        if not edited:
            check_unedited(source)
        yield bundle, layout, source
        return
    if the_board is not None and target_name not in (None, the_board.target.name):
        raise ExportError(f"{the_board.name} is a {the_board.target.name}, not a {target_name}. Drop --target.")
    if is_program(source):
        raise ExportError(
            f"{source} is a program (ELF), not a bundle. What it costs on a chip: "
            f"mixcomp-sim run {source} --core cortex-m4"
        )
    bundle = form_of(load_bundle(source), *stream)
    if model not in (None, bundle.graph.name):
        raise ExportError(f"{source} holds the model {bundle.graph.name!r}, not {model!r}.")
    with tempfile.TemporaryDirectory(prefix="mixcomp-project-") as folder:
        project = Path(folder) / bundle.graph.name
        yield bundle, export(bundle, target_name or DEFAULT, project, board=the_board), project


def open_transport(on: str, project: Path, layout: Layout, chain_name: str | None = None) -> Transport:
    """The transport of that name: host, emulator, qemu:BOARD or serial:PORT."""
    kind, _, place = on.partition(":")
    if on == "host":
        from mixcomp_edge.transports.host import HostProgram

        return HostProgram(project, layout)
    if on == "emulator":
        return emulated_core(project, layout, chain_name)
    if kind == "qemu" and place:
        return _qemu_board(place, project, layout, chain_name)
    if kind == "serial" and place:
        bundle, _ = read_project(project)
        if not has_firmware(project):
            return BoardTransport(on, place, layout, bundle.sha256)
        the_board, build_id = read_firmware(project)
        return BoardTransport(on, place, layout, bundle.sha256, build_id, baud=the_board.baud)
    raise ExportError(
        f"unknown transport '{on}'; known are host, emulator, qemu:BOARD, serial:PORT, tflm, litert and tensorflow."
    )


def _qemu_board(name: str, project: Path, layout: Layout, chain_name: str | None) -> Transport:
    """The project's firmware, built where that is needed, on the board that QEMU plays."""
    from mixcomp_edge.board.qemu import QemuBoard
    from mixcomp_edge.build.cross import toolchain
    from mixcomp_edge.build.firmware import build_firmware

    the_board, build_id = read_firmware(project)
    if the_board.name != name:
        raise ExportError(f"{project} was exported for the board {the_board.name}, not for {name}. Export it again.")
    bundle, _ = read_project(project)
    machine = QemuBoard(the_board, build_firmware(project, the_board, toolchain(chain_name, the_board.target.triple)))
    return BoardTransport(f"qemu:{name}", machine.url, layout, bundle.sha256, build_id, machine)


def check_tools(target_name: str, chain_name: str | None = None) -> None:
    """MissingSimulatorError or ToolchainError where what it takes to run a project, here and emulated, is missing."""
    from mixcomp_edge.build.host import check_host_compiler

    triple = emulated(target_name).triple
    toolchain, _ = _emulation()
    toolchain(chain_name, triple)
    check_host_compiler()


def emulated_core(project: Path, layout: Layout, chain_name: str | None = None) -> EmulatedCore:
    """The emulated core that the layout is for."""
    toolchain, core = _emulation()
    target = emulated(layout.target.name)
    return core(project, layout, target, toolchain(chain_name, target.triple))


def _emulation() -> tuple[Callable[[str | None, str], Toolchain], type[EmulatedCore]]:
    """What finds a cross compiler and what runs its code, if their packages are installed."""
    try:
        from mixcomp_edge.build.cross import toolchain
        from mixcomp_edge.transports.emulator import EmulatedCore
    except ModuleNotFoundError as error:
        raise MissingSimulatorError(error.name) from error
    return toolchain, EmulatedCore


def verify(
    source: str | Path,
    *,
    on: str = "host",
    target_name: str | None = None,
    model: str | None = None,
    count: int = 10,
    chain_name: str | None = None,
    seed: int = 0,
    edited: bool = False,
    stream: int | None = None,
    stream_dim: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    notice: Callable[[str], None] | None = None,
) -> Verdict:
    """Runs `count` inputs through the C of a bundle or exported folder; compares every layer with the interpreter.

    `edited`: also of a folder whose C was changed since the export. `stream`: one step of so many frames (0: the whole
    form, where the task said otherwise), behind any state, along PyTorch's dimension `stream_dim` where more than one
    could be. `notice` is told what it will cost on a wire, before it starts."""
    if on == "tflm":
        return _verify_tflm(Path(source), count, seed, progress)
    kind, _, place = on.partition(":")
    the_board = board(place) if kind == "qemu" and place else None
    project_of = opened(Path(source), target_name, the_board, model=model, edited=edited, stream=(stream, stream_dim))
    with project_of as (bundle, layout, project):
        inputs = make_inputs(bundle.graph, count, seed)
        transport = open_transport(on, project, layout, chain_name)
        try:
            if isinstance(transport, BoardTransport) and notice is not None:
                notice(_forecast(transport.cost(), count, transport.session.port.baud))
            verdict = compare(transport, layout, inputs, progress)
            return replace(verdict, wire=transport.wire()) if isinstance(transport, BoardTransport) else verdict
        finally:
            transport.close()


def _verify_tflm(source: Path, count: int, seed: int, progress: Callable[[int, int], None] | None) -> Verdict:
    """TensorFlow Lite Micro on the bundle's .tflite file, every tensor of it."""
    from mixcomp_edge.tflite.proof import pairs

    if source.is_dir():
        raise ExportError(f"{source} is a folder of C; --on tflm takes a bundle.")
    bundle = load_bundle(source)
    elements, mismatches, first = 0, 0, None
    for index, tensors in enumerate(pairs(bundle, make_inputs(bundle.graph, count, seed))):
        for name, want, got in tensors:
            wrong = np.flatnonzero(want != got)
            elements += len(want)
            mismatches += len(wrong)
            if len(wrong) and first is None:
                at = int(wrong[0])
                first = Mismatch(index, name, at, int(want[at]), int(got[at]))
        if progress is not None:
            progress(index + 1, count)
    return Verdict("tflm", "tflite-micro", count, elements, mismatches, first)


def _forecast(cost: WireCost, inputs: int, baud: int) -> str:
    return (
        f"{inputs} inputs: {inputs * cost.total:,} B on the wire, {100 * cost.share:.0f} % of them input and output; "
        f"{cost.seconds(inputs, baud):.1f} s at {baud} baud, and the inferences."
    )


def make_inputs(graph: Graph, count: int, seed: int = 0) -> Values:
    """(count, *shape) integers for each input, over its whole range: the lowest and the highest value everywhere, then
    in turn white noise and smooth fields."""
    sources, rng = ends.inputs(graph), np.random.default_rng(seed)
    most = most_inputs(graph)
    if not 1 <= count <= most:
        raise ExportError(f"{graph.name}: {count} inputs; between 1 and {most} are possible for its input.")
    return tuple(_made(end.node, count, rng) for end in sources)


def most_inputs(graph: Graph) -> int:
    """How many inputs are made at once at most."""
    return max(1, MAX_INPUT_VALUES // sum(end.node.elements for end in ends.inputs(graph)))


def _made(node: QNode, count: int, rng: np.random.Generator) -> Value:
    low, high = node.ends
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
    inputs: Values,
    progress: Callable[[int, int], None] | None = None,
) -> Verdict:
    """Every layer of every input, the transport against the interpreter."""
    elements, mismatches, first = 0, 0, None
    sources, count = ends.inputs(layout.graph), len(inputs[0])
    for index, x in enumerate(zip(*inputs, strict=True)):
        expected = dict(interp.steps(layout.graph, tuple(value[None] for value in x)))
        wanted = [pack_elements(expected[step.node.name], step.node.type.bits) for step in layout.steps]
        outputs = transport.trace(ends.pack(sources, x), wanted)
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
            progress(index + 1, count)
    return Verdict(transport.name, layout.target.name, count, elements, mismatches, first)
