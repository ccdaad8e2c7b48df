"""Which of 150 intents a query has, and whether a sentence likes its film: a small transformer encoder, trained from
scratch."""

from __future__ import annotations

from functools import partial

from mixcomp_edge.train.networks import TextEncoder
from mixcomp_edge.train.recipe import Recipe
from mixcomp_edge.train.task import Split, Task
from mixcomp_edge.train.tasks import text
from mixcomp_edge.train.tasks.holdout import hold_out
from mixcomp_edge.train.tasks.images import sample
from mixcomp_edge.train.tasks.tokens import Vocabulary, to_tokens, vocabulary
from mixcomp_edge.train.tasks.weights import seeded

CLINC_LENGTH = 20  # tokens; 99 % of the training queries are no longer
SST2_LENGTH = 32
SST2_VALIDATION = 0.03  # of each class: 2,020 phrases. Many are parts of sentences that are trained on


def clinc150() -> Task:
    train, validation, test = text.clinc150()
    words = vocabulary(train[0])
    splits = [Split(words.encode(texts, CLINC_LENGTH), y) for texts, y in (train, validation, test)]
    return _task("clinc150", words, CLINC_LENGTH, text.CLINC_CLASSES, splits, (8, 3))


def sst2() -> Task:
    train, test = text.sst2()
    words = vocabulary(train[0])
    splits = [Split(words.encode(texts, SST2_LENGTH), y) for texts, y in (train, test)]
    return _task("sst2", words, SST2_LENGTH, 2, [*hold_out(splits[0], SST2_VALIDATION), splits[1]], (3, 1))


def _task(
    name: str, words: Vocabulary, length: int, classes: int, splits: list[Split], epochs: tuple[int, int]
) -> Task:
    """epochs: of the float and of the quantized training."""
    train, validation, test = splits
    return Task(
        name=name,
        model=seeded(partial(TextEncoder, len(words), length, classes)),
        input_shape=(length,),
        calibration=to_tokens(sample(train)),
        recipe=Recipe(epochs=epochs[1], batch_size=64, distill=0.5, temperature=4.0),
        train=train,
        validation=validation,
        test=test,
        to_input=to_tokens,
        float_recipe=Recipe(epochs=epochs[0], batch_size=64, lr=0.02),
    )
