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
from mixcomp_edge.ir.graph import Node
from mixcomp_edge.operators.concat import Concat
from mixcomp_edge.operators.gru import Gru
from mixcomp_edge.operators.lstm import Lstm
from mixcomp_edge.operators.recurrent import Recurrent
from mixcomp_edge.operators.rnn import Rnn
from mixcomp_edge.operators.slice import Slice

ROWS = (0, 1)  # the order (T, F) of a value (N, T, F)
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
        states = last[0] if len(last) == 1 else self._joined(last, 0, "last")
        final = Stored(states.name, placed((BATCH, *states.shape), ROWS), node.name)
        importer.items[node] = [self._as_torch(read), replace(final, placement=final.placement.permuted((1, 0, 2)))]

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
        return self._added(
            self._kind(
                name=self._name(hh, "hh", index),
                inputs=tuple(source.name for source in sources),
                shape=(sources[0].shape[0], w_hh.shape[1]),
                weight=w_hh,
                bias=b_hh,
                backward=backward,
            )
        )

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
