"""Masks that are computed while the model runs, of tokens, lengths or other inputs: what a softmax leaves out, and
other elements that are replaced. What is left out of a softmax is a minimum, as with masks that are known before."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from torch import Tensor, fx

from mixcomp_edge.frontend.torch_export.importer import Importer
from mixcomp_edge.frontend.torch_export.masks import OUT, reach, toward_reader
from mixcomp_edge.frontend.torch_export.pairs import joined
from mixcomp_edge.frontend.torch_export.tokens import MOVES
from mixcomp_edge.frontend.torch_export.values import Stored
from mixcomp_edge.ir.graph import Node
from mixcomp_edge.ir.nodes import Doubles, FloatNode
from mixcomp_edge.numerics.functions import Formula, Step, evaluate
from mixcomp_edge.numerics.functions import joined as join
from mixcomp_edge.operators.blend import OPEN, Blend, Masked, Minimum
from mixcomp_edge.operators.concat import Concat
from mixcomp_edge.operators.constant import Constant
from mixcomp_edge.operators.input import BYTE, TokenInput
from mixcomp_edge.operators.lookup import Lookup
from mixcomp_edge.operators.mul import Mul
from mixcomp_edge.operators.tokens import LengthMask, TokenOffset

BOOLEAN = ("above", "from", "below", "up_to", "equal", "unequal")
TRUE, FALSE, HALF = "above", "up_to", 0.5  # of 0 and 1, which integers hold to their rounding


def _choice(function: str, number: float, there: float, elsewhere: float) -> Formula:
    """One number where the comparison with `number` holds, else the other."""
    constants = tuple(Step("constant", (), (value,)) for value in (number, there, elsewhere))
    return (*constants, Step(function, (0, 1)), Step("choice", (4, 2, 3)))


def _limit(function: str, number: float) -> Formula:
    return _choice(function, number, -OPEN, OPEN)


def left_out(
    importer: Importer, node: fx.Node, value: Stored, mask: Stored, out: str, least: float, *, adds: bool
) -> Stored:
    """The value without the elements that a softmax is to leave out: where a mask of 0 and 1 is TRUE, or FALSE."""
    limits = _table(importer, node, mask.node, _limit(out, HALF), "mask")
    return _below(importer, node, value, replace(mask, node=limits), least, adds=adds)


def _table(importer: Importer, node: fx.Node, name: str, function: Formula, what: str) -> str:
    """A function of a value, or rather of what that itself is a function of: it need not be there."""
    root = name
    inner: Formula = ()
    while (read := _pointwise(importer, root)) is not None:
        root, inner = read[0], join(inner, [read[1]]) if inner else read[1]
    made = Lookup(
        name=importer.unique(f"{importer.place(node)}_{what}"), inputs=(root,), shape=importer.nodes[name].shape,
        function=join(function, [inner]),
    )  # fmt: skip
    return importer.once(made, (what, made.function)).name


def _pointwise(importer: Importer, name: str) -> tuple[str, Formula] | None:
    """The only value of which a node is a function, and the function."""
    node = importer.nodes[name]
    if isinstance(node, FloatNode) and len(node.inputs) == 1 and node.formula is not None:
        return node.inputs[0], node.formula
    return None


def _below(importer: Importer, node: fx.Node, value: Stored, limits: Stored, least: float, *, adds: bool) -> Stored:
    make = partial(Masked, least=float(least), adds=adds, reach=reach(node))
    value = toward_reader(importer, node, value)
    return joined(importer, node, make, value, limits, importer.lying(node, value).order)


def added(importer: Importer, node: fx.Node, value: Stored, mask: Stored) -> Stored | None:
    """The value without what a sum with a mask of zeros and very negative numbers leaves out of a softmax; None where
    it is none."""
    values = _values(importer, mask.node)
    if values is None or not _is_mask(values) or len({*values[values != 0].tolist()}) != 1:
        return None
    limits = replace(mask, node=_limits(importer, node, mask.node))
    return _below(importer, node, value, limits, float(values.min()), adds=True)


def with_constant(importer: Importer, node: fx.Node, mask: Stored, constant: fx.Node) -> Stored | None:
    """The sum of a computed mask and one that is known, such as a causal one; None where one of them is none. What a
    softmax makes of it needs neither."""
    values = _values(importer, mask.node)
    addend = importer.constants[constant]
    numbers = addend.double().numpy() if isinstance(addend, Tensor) else np.zeros(1)
    if values is None or not (_is_mask(values) and _is_mask(numbers) and (numbers != 0).any()):
        return None
    held = importer.flash(node, constant, importer.constant(node, constant, finite=False))
    return joined(importer, node, partial(Blend, factors=np.ones(2)), mask, held)


def _is_mask(values: Doubles) -> bool:
    """Whether there are but zeros and very negative numbers."""
    return bool(((values == 0) | (values <= OUT)).all())


def replaced(importer: Importer, node: fx.Node, value: Stored, mask: Stored, out: str, number: float) -> Stored:
    """The value with a number where a mask of 0 and 1 is TRUE, or FALSE."""
    kept = joined(importer, node, Mul, value, _factor(importer, node, mask, out, "kept", 0.0, 1.0))
    if number == 0.0:
        return kept
    numbers = _factor(importer, node, mask, out, "number", number, 0.0)
    return joined(importer, node, partial(Blend, factors=np.ones(2)), kept, numbers)


def chosen(importer: Importer, node: fx.Node, mask: Stored, there: Stored, elsewhere: Stored) -> Stored:
    """One value where a mask of 0 and 1 is TRUE, else the other; each of the three repeats where it has size 1."""
    first = joined(importer, node, Mul, there, _factor(importer, node, mask, TRUE, "there", 1.0, 0.0))
    rest = joined(importer, node, Mul, elsewhere, _factor(importer, node, mask, TRUE, "elsewhere", 0.0, 1.0))
    return joined(importer, node, partial(Blend, factors=np.ones(2)), first, rest)


def _factor(
    importer: Importer, node: fx.Node, mask: Stored, out: str, what: str, there: float, elsewhere: float
) -> Stored:
    """One number where the mask is TRUE, or FALSE, else the other."""
    return replace(mask, node=_table(importer, node, mask.node, _choice(out, HALF, there, elsewhere), what))


def apart(importer: Importer, mask: Stored, value: Stored) -> bool:
    """Whether no value is a function, element by element, of what the other is one of."""
    return _root(importer, mask.node) != _root(importer, value.node)


def _root(importer: Importer, name: str) -> str:
    node = importer.nodes[name]
    while isinstance(node, FloatNode) and len(node.inputs) == 1 and (node.formula is not None or _moves(node)):
        node = importer.nodes[node.inputs[0]]
    return node.name


def _moves(node: FloatNode) -> bool:
    return isinstance(node, (*MOVES, TokenOffset))


def _values(importer: Importer, name: str) -> Doubles | None:
    """All that an element may be, where these are few: what is made of tokens, lengths and comparisons."""
    node = importer.nodes[name]
    if isinstance(node, LengthMask) or (isinstance(node, Lookup) and node.function[-1].function in BOOLEAN):
        return np.array([0.0, 1.0])
    if isinstance(node, TokenOffset):
        return np.arange(BYTE, dtype=np.float64)
    if isinstance(node, TokenInput):  # a mask of 0 and 1, if it is one
        return np.array([0.0, 1.0])
    if _is_sum(importer, node):
        mask, held = _parts(importer, node)
        read = _values(importer, mask)
        return None if read is None else np.unique(read[:, None] + held.values.ravel())
    if isinstance(node, Constant):
        return np.unique(node.values) if np.isin(node.values, (0.0, 1.0)).all() else None
    if isinstance(node, Concat):
        parts = [_values(importer, source) for source in node.inputs]
        return None if any(part is None for part in parts) else np.unique(np.concatenate(parts))  # type: ignore[arg-type]
    if not isinstance(node, FloatNode) or len(node.inputs) != 1:
        return None
    read = _values(importer, node.inputs[0])
    if read is None or isinstance(node, MOVES) or node.formula is None:
        return read if isinstance(node, MOVES) else None
    values: Doubles = np.unique(np.broadcast_to(evaluate(node.formula, [read]), read.shape))
    return values


def _limits(importer: Importer, node: fx.Node, name: str) -> str:
    """The node of what a mask of zeros and very negative numbers says, made before it is moved."""
    made = importer.nodes[name]
    if _is_sum(importer, made):
        mask, held = _parts(importer, made)
        limits = np.where(held.values <= OUT, -OPEN, OPEN)
        known = importer.once(replace(held, name=importer.unique(f"{held.name}_mask"), values=limits), (held.name,))
        inputs = (_limits(importer, node, mask), known.name)
        lower = Minimum(name=importer.unique(f"{importer.place(node)}_masks"), inputs=inputs, shape=made.shape)
        return importer.once(lower, (name,)).name
    if isinstance(made, MOVES):
        source = _limits(importer, node, made.inputs[0])
        moved = replace(made, name=importer.unique(f"{source}_moved"), inputs=(source,))
        return importer.once(moved, (name,)).name
    _says_no_more(importer, name)
    return _table(importer, node, name, _limit("up_to", OUT), "mask")


def _is_sum(importer: Importer, node: Node) -> bool:
    """Whether it is what `with_constant` makes."""
    return isinstance(node, Blend) and any(
        isinstance(held := importer.nodes[name], Constant) and np.isinf(held.values).any() for name in node.inputs
    )


def _parts(importer: Importer, node: Node) -> tuple[str, Constant]:
    """The computed mask and the known one of a sum."""
    constants = [held for name in node.inputs if isinstance(held := importer.nodes[name], Constant)]
    (mask,) = (name for name in node.inputs if name != constants[0].name)
    return mask, constants[0]


def _says_no_more(importer: Importer, name: str) -> None:
    """An input that is such a mask holds 0 and 1 alone."""
    root = importer.nodes[_root(importer, name)]
    if isinstance(root, TokenInput) and not any(
        isinstance(n, TokenOffset) and root.name in n.inputs for n in importer.nodes.values()
    ):
        importer.nodes[root.name] = replace(root, words=2)
