"""nn.GRU, nn.LSTM and nn.RNN of torch, of any number of layers and directions: for each of these the products with what
goes in, a 1x1 convolution over all steps, and a recurrent layer. Their names are those of torch's weights: `gru.ih_l0`,
`gru.hh_l0`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from torch import fx

from mixcomp_edge.frontend.torch_export.calls import BATCH, operator_of, refused
from mixcomp_edge.frontend.torch_export.importer import Importer, handles
from mixcomp_edge.frontend.torch_export.layers import positionwise
from mixcomp_edge.frontend.torch_export.orders import placed
from mixcomp_edge.frontend.torch_export.values import Stored
from mixcomp_edge.ir.graph import Node, Shape
from mixcomp_edge.operators.concat import Concat
from mixcomp_edge.operators.first_states import FirstStates
from mixcomp_edge.operators.gru import Gru
from mixcomp_edge.operators.lstm import CELL, Lstm, LstmStates
from mixcomp_edge.operators.narrow import Narrow
from mixcomp_edge.operators.recurrent import Recurrent
from mixcomp_edge.operators.rnn import Rnn
from mixcomp_edge.operators.slice import Slice

ROWS = (0, 1)  # the order (T, F) of a value (N, T, F)
CELLS = 2  # of an LSTM's results, the last cells
BATCH_FIRST = "give it batch_first=True, or what it reads with the samples in the second dimension"


@handles("gru.input", "lstm.input", "rnn_tanh.input", "rnn_relu.input")
def _recurrent(importer: Importer, node: fx.Node) -> None:
    _Call(importer, node).run()


class _Call:
    """A call of torch's, which has the samples first or behind the steps."""

    def __init__(self, importer: Importer, node: fx.Node) -> None:
        self.importer, self.node = importer, node
        self.x, given, parameters, biases, self.layers, _, _, both, batch_first = node.args
        self.given: Any = given if isinstance(given, list | tuple) else (given,)
        self.directions, self.batch_first = 2 if both else 1, bool(batch_first)
        self.reads_cells = any(user.args[1] == CELLS and user.users for user in node.users)
        self.cells: list[Node] = []  # the last of each layer and direction, where they are read
        each, weights = 4 if biases else 2, list(parameters)  # type: ignore[arg-type]
        self.parameters = [weights[i : i + each] for i in range(0, len(weights), each)]

    def run(self) -> None:
        importer, node, layers = self.importer, self.node, int(self.layers)  # type: ignore[arg-type]
        if len(self.parameters) != layers * self.directions:
            raise refused(node, "a recurrent layer with projections", "leave out proj_size")
        read = self._samples_first(importer.stored(node, self.x))  # type: ignore[arg-type]
        steps, last = read.placement.shape[1], list[Node]()
        for layer in range(layers):
            made = [self._layer(read, layer * self.directions + i, backward=i) for i in range(self.directions)]
            last += [self._row(values, 0 if i else steps - 1) for i, values in enumerate(made)]
            values = made[0] if len(made) == 1 else self._joined(made, 1, "both")
            read = Stored(values.name, placed((BATCH, *values.shape), ROWS), node.name)
        finals = [self._final(states) for states in (last, self.cells) if states]
        importer.items[node] = [self._as_torch(read), *finals]

    def _final(self, states: list[Node]) -> Stored:
        """The states of all layers and directions, (layers and directions, N, H) in torch."""
        joined = states[0] if len(states) == 1 else self._joined(states, 0, "last")
        placement = placed((BATCH, *joined.shape), ROWS).permuted((1, 0, 2))
        return Stored(joined.name, placement, self.node.name)

    def _kind(self, **fields: Any) -> Recurrent:
        """The layer of the call's name."""
        name = operator_of(self.node)
        if name.startswith("rnn"):
            return Rnn(**fields, relu=int(name == "rnn_relu"))
        return (Gru if name == "gru" else Lstm)(**fields)

    def _samples_first(self, stored: Stored) -> Stored:
        placement = stored.placement
        if len(placement.dims) != 3:
            raise refused(self.node, "a recurrent layer of one sample without a dimension for samples", BATCH_FIRST)
        placement = placement if self.batch_first else placement.permuted((1, 0, 2))
        if placement.dims[0] != (0,):
            raise refused(self.node, "a recurrent layer whose steps are the samples", BATCH_FIRST)
        return replace(stored, placement=placement)

    def _as_torch(self, stored: Stored) -> Stored:
        return stored if self.batch_first else replace(stored, placement=stored.placement.permuted((1, 0, 2)))

    def _layer(self, read: Stored, index: int, backward: int) -> Node:
        """One layer in one direction."""
        importer, node = self.importer, self.node
        ih, hh, *biases = self.parameters[index]
        arrays = [importer.tensor(parameter) for parameter in (ih, hh, *biases)]
        if any(array is None for array in arrays):
            raise refused(node, "a recurrent layer whose weight is computed")
        w_ih, w_hh, *b = (np.asarray(array) for array in arrays)
        b_ih, b_hh = b or [np.zeros(len(w_ih), np.float32)] * 2
        name = self._name(ih, "ih", index)
        positionwise(importer, node, name, w_ih, b_ih, read)
        made = importer.alias.pop(node)
        sources = [importer.brought(made, placed(made.placement.shape, ROWS), made.placement.shape[1:])]
        sources += self._initial(index)
        name, steps, size = self._name(hh, "hh", index), sources[0].shape[0], w_hh.shape[1]
        fields = {"name": name, "weight": w_hh, "bias": b_hh, "backward": backward}
        if self.reads_cells:
            return self._with_cell(sources, fields, 0 if backward else steps - 1, (steps, size))
        inputs = tuple(source.name for source in sources)
        return self._added(self._kind(inputs=inputs, shape=(steps, size), **fields))

    def _with_cell(self, sources: list[Node], fields: dict[str, Any], last: int, shape: Shape) -> Node:
        """A layer of an LSTM with all of its states as its value, of which its outputs are made, and its last cell."""
        importer, (x, *given), (steps, size) = self.importer, sources, shape
        if not given:
            zeros = importer.flash(self.node, None, np.zeros((1, size)))
            given = [importer.nodes[zeros.node]] * 2
        name, unique = fields["name"], importer.unique
        names = tuple(source.name for source in given)
        first = self._added(
            FirstStates(name=unique(f"{name}_first"), inputs=names, shape=(1, 2 * size), cell=CELL)
        )  # fmt: skip
        states = self._added(LstmStates(inputs=(x.name, first.name), shape=(steps, 2 * size), **fields))
        cell = Slice(
            name=unique(f"{name}_cell"), inputs=(states.name,), shape=(1, size), start=(last, size), step=(1, 1)
        )  # fmt: skip
        self.cells.append(self._narrowed(self._added(cell), cell.shape, CELL))
        return self._narrowed(states, shape, 1.0)

    def _narrowed(self, states: Node, shape: Shape, gain: float) -> Node:
        name = self.importer.unique(f"{states.name}_c" if gain == CELL else f"{states.name}_h")
        return self._added(Narrow(name=name, inputs=(states.name,), shape=shape, gain=gain, most=gain))

    def _initial(self, index: int) -> list[Node]:
        """The states (1, H) before the first step; none where all are 0."""
        importer, found = self.importer, []
        constants = [importer.tensor(given) for given in self.given]
        if all(values is not None and not values.any() for values in constants):
            return []
        for given, values in zip(self.given, constants, strict=True):
            if values is None:
                found.append(self._row(self._states(given), index))
            elif np.array_equal(values, np.repeat(values[:, :1], values.shape[1], 1)):
                row = importer.flash(self.node, given, values[index, :1].astype(np.float64))
                found.append(importer.nodes[row.node])
            else:
                raise refused(self.node, "an initial state that differs among samples")
        return found

    def _states(self, given: Any) -> Node:
        """States (layers and directions, N, H) that are computed, as rows."""
        stored = self.importer.stored(self.node, given)
        placement = stored.placement.permuted((1, 0, 2))
        if placement.dims[0] != (0,):
            raise refused(self.node, "an initial state whose second dimension is not that of the samples")
        return self.importer.brought(
            replace(stored, placement=placement), placed(placement.shape, ROWS), placement.shape[1:]
        )

    def _name(self, weight: Any, what: str, index: int) -> str:
        path = self.importer.paths.get(weight.name, "")
        module, _, own = path.rpartition(".")
        known = own.removeprefix("weight_") if own.startswith("weight_") else f"{what}_{index}"
        return self.importer.unique(f"{module or self.importer.place(self.node)}.{known}")

    def _row(self, values: Node, index: int) -> Node:
        """(1, H) of (T, H)."""
        name = self.importer.unique(f"{values.name}_row")
        shape = (1, values.shape[1])
        return self._added(Slice(name=name, inputs=(values.name,), shape=shape, start=(index, 0), step=(1, 1)))

    def _joined(self, parts: list[Node], axis: int, word: str) -> Node:
        shape = list(parts[0].shape)
        shape[axis] = sum(part.shape[axis] for part in parts)
        name = self.importer.unique(f"{parts[0].name}_{word}")
        inputs = tuple(part.name for part in parts)
        return self._added(Concat(name=name, inputs=inputs, shape=tuple(shape), axis=axis))

    def _added(self, node: Node) -> Node:
        self.importer.nodes[node.name] = node
        return node
