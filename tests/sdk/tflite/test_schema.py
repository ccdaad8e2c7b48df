"""Our numbers of TensorFlow Lite's schema, held against those that LiteRT's generated reader and writer use."""

from __future__ import annotations

import re

import pytest

from mixcomp_edge.tflite import schema

litert = pytest.importorskip("ai_edge_litert.schema_py_generated")
TABLES = {
    "Model": schema.MODEL, "SubGraph": schema.SUBGRAPH, "Tensor": schema.TENSOR,
    "QuantizationParameters": schema.QUANTIZATION, "Operator": schema.OPERATOR, "OperatorCode": schema.CODE,
    "Buffer": schema.BUFFER, "Metadata": schema.METADATA,
}  # fmt: skip


class Recorder:
    """Stands for a flatbuffers builder: notes where a field goes, and as what kind of number."""

    def __getattr__(self, name: str):
        kind = re.fullmatch(r"Prepend(\w+)Slot", name)[1]
        return lambda slot, value, default: setattr(self, "found", (slot, kind.lower()))


def placed(table: str, field: str) -> tuple[int, str]:
    recorder = Recorder()
    getattr(litert, f"{table}Add{field[0].upper()}{field[1:]}")(recorder, 0)
    return recorder.found


@pytest.mark.parametrize("table", TABLES)
def test_the_fields_of_a_table_lie_where_the_schema_has_them(table):
    assert {field: placed(table, field)[0] for field in TABLES[table]} == TABLES[table]


@pytest.mark.parametrize("kind", schema.KINDS)
def test_an_operator_has_the_schemas_number_and_settings(kind):
    ours = schema.KINDS[kind]
    assert ours.code == getattr(litert.BuiltinOperator, "CUSTOM" if kind == "TFLM_DECODE" else kind)
    if ours.options:
        [table] = [name for name, number in vars(litert.BuiltinOptions).items() if number == ours.options]
        assert {name: placed(table, name) for name in ours.settings} == ours.settings


def test_types_have_the_schemas_numbers():
    assert {name: getattr(litert.TensorType, name) for name in schema.TYPES} == schema.TYPES
