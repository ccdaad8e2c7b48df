from __future__ import annotations

import pytest

from mixcomp_edge.bench import NETWORKS
from mixcomp_edge.bench.bounds import exceeded, instruction_bound, load_bounds
from mixcomp_edge.bench.peers import peers
from mixcomp_edge.errors import BenchError
from mixcomp_edge.targets import targets
from sdk.bench.results import board, layer, result


def test_a_result_within_all_bounds_is_silent():
    bounds = load_bounds()
    assert exceeded(bounds, [result(), result(target="cortex-m7"), result(target="cortex-m3", act_bits=8)]) == []


@pytest.mark.parametrize(
    ("worse", "told"),
    [
        (result(instructions=2_500_001), "dscnn on cortex-m4 at A4: 2,500,001 instructions, the bound is 2,500,000."),
        (result(instructions=4_050_001, act_bits=8), "dscnn on cortex-m4 at A8: 4,050,001 instructions"),
        (result(instructions=11_200_001, target="cortex-m0plus"), "dscnn on cortex-m0plus at A4: 11,200,001"),
        (result(flash_bytes={"weights": 1, "code": 14_001, "total": 2}), "14,001 bytes of code and constants"),
        (result(ram_bytes={"arena": 9_501, "stack": 0, "total": 2}), "9,501 bytes of arena, the bound is 9,500."),
        (result(packing=1.031), "1.031 times 4 bits for a weight, the bound is 1.03."),
        (result(layer(ours=61)), "pw takes 0.61 of CMSIS-NN int8, the bound is 0.6."),
        (result(layer("stem", 76, input_bits=8)), "stem takes 0.76 of CMSIS-NN int8, the bound is 0.75."),
        (
            result(boards=(board(1.5),), model="dscnn"),
            "dscnn on cortex-m4 at A4: 1.5 times the 43.19 ms published for stm32l4r5, the bound is",
        ),
        (
            result(instructions=2_500_001, granularity="channel"),
            "dscnn on cortex-m4 at A4, a scale a channel: 2,500,001",
        ),
        (result(layer(ours=101), act_bits=8), "1x1 layers take 1.01 of CMSIS-NN int8, the bound is 1.0."),
    ],
)
def test_each_bound_is_told_when_it_is_exceeded(worse, told):
    (sentence,) = exceeded(load_bounds(), [worse])
    assert told in sentence


@pytest.mark.parametrize(
    "fine",
    [
        result(instructions=2_500_000),
        result(ram_bytes={"arena": 9_501, "stack": 0, "total": 2}, act_bits=8),  # the arena's bounds are for A4
        result(layer("stem", 75, input_bits=8)),
        result(layer("a", 130), layer("b", 60), act_bits=8),  # kinds are summed at A8
        result(layer(ours=61), target="cortex-m3"),
        result(layer(ours=61, theirs=None), layer()),
    ],
)
def test_what_only_reaches_a_bound_or_has_none_is_silent(fine):
    assert exceeded(load_bounds(), [fine]) == []


def test_m7_is_held_to_m4():
    results = [result(instructions=1000), result(instructions=1051, target="cortex-m7")]
    (sentence,) = exceeded(load_bounds(), results)
    assert "dscnn on cortex-m7 at A4: 1,051 instructions, more than 1.05 of Cortex-M4's 1,000" in sentence
    assert exceeded(load_bounds(), results[1:]) == []


def test_a_scale_a_channel_is_held_to_one_a_tensor():
    results = [result(instructions=1000), result(instructions=1101, granularity="channel")]
    (sentence,) = exceeded(load_bounds(), results)
    assert "dscnn on cortex-m4 at A4, a scale a channel: 1,101 instructions, more than 1.1 of the 1,000" in sentence
    assert exceeded(load_bounds(), results[1:]) == []


def test_the_file_names_networks_and_targets_that_exist():
    bounds = load_bounds()
    for table in (bounds["instructions"], bounds["code_bytes"]):
        for networks in table.values():
            assert set(networks) <= set(NETWORKS)
    assert set(bounds["arena_bytes"]) == set(NETWORKS)
    assert {*bounds["code_bytes"], *bounds["ratios"]["targets"]} <= set(targets())
    assert set(bounds["published_a4"]) == set(peers()["boards"])
    assert all(set(networks) == set(NETWORKS) for networks in bounds["published_a4"].values())
    assert instruction_bound(bounds, "cortex-m4", "resnet8", "aim_a4") == 6_800_000
    assert instruction_bound(bounds, "cortex-m7", "resnet8", "a4") is None


def test_a_damaged_file_is_an_error(tmp_path):
    path = tmp_path / "bounds.toml"
    path.write_text("[instruction]\n")
    with pytest.raises(BenchError, match=r"unknown table 'instruction'\. Known: arena_bytes, code_bytes"):
        load_bounds(path)
    path.write_text("[")
    with pytest.raises(BenchError, match=r"bounds .*bounds\.toml: "):
        load_bounds(path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("instructions = 3", "instructions: must be a table"),
        ("instructions.cortex-m4 = 3", "instructions.cortex-m4: must be a table"),
        ("instructions.cortex-m4.dscnn = 3", "instructions.cortex-m4.dscnn: must be a table"),
        ('instructions.cortex-m4.dscnn.a4 = "3"', "instructions.cortex-m4.dscnn.a4: must be a number"),
        ("code_bytes = [1]", "code_bytes: must be a table"),
        ("code_bytes.cortex-m4.dscnn = {}", "code_bytes.cortex-m4.dscnn: must be a number"),
        ("arena_bytes.dscnn = true", "arena_bytes.dscnn: must be a number"),
        ("ratios.kind_a8 = []", "ratios.kind_a8: must be a number"),
        ("ratios.targets = 4", "ratios.targets: must be a list of targets"),
        ("ratios.like_cortex-m4 = [1]", "ratios.like_cortex-m4: must be a list of targets"),
        ("speed.dscnn = 3", "unknown table 'speed'"),
    ],
)
def test_bounds_of_another_shape_are_refused_by_name(text, told, tmp_path):
    (tmp_path / "b.toml").write_text(text)
    with pytest.raises(BenchError) as refused:
        load_bounds(tmp_path / "b.toml")
    assert told in str(refused.value)


def test_a_ratio_that_is_not_in_the_file_binds_nothing(tmp_path):
    (tmp_path / "b.toml").write_text('ratios.targets = ["cortex-m4"]')
    bounds = load_bounds(tmp_path / "b.toml")
    assert exceeded(bounds, [result(layer(ours=999)), result(layer(ours=999), act_bits=8)]) == []
