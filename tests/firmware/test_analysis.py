"""The runtime passes cppcheck with MISRA C:2012, clang-tidy and the analyzer, but for firmware/deviations.toml: a few
files here, all with poe long."""

import shutil
from pathlib import Path

import pytest

from firmware import analysis, build
from mixcomp_edge.plan.kernels import catalogue

pytestmark = pytest.mark.skipif(
    not (shutil.which("cppcheck") and shutil.which("clang-tidy")), reason="cppcheck or clang-tidy is not installed"
)
PLANTED = """#include <stdint.h>
int32_t planted(const int32_t *p, int32_t n);
int32_t planted(const int32_t *p, int32_t n)
{
    if (p == 0) {
        n = *p;
        goto end;
    }
end:
    return n;
}
"""


def kernel(name: str) -> Path:
    return build.source(next(k for k in catalogue() if k.name == name))


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return analysis.model(tmp_path_factory.mktemp("analysis") / "c")


def test_a_kernel_and_a_model_pass_cppcheck_and_misra(model):
    assert analysis.total(map(analysis.cppcheck, (kernel("mce_conv2d_u4_w4__c"), model))) == {}


def test_kernels_and_a_model_pass_clang_tidy_and_the_analyzer(model):
    assert analysis.total(map(analysis.clang_tidy, (kernel("mce_softmax__c"), model))) == {}


def test_what_is_wrong_is_found(tmp_path):
    (tmp_path / "planted.c").write_text(PLANTED)
    found = analysis.cppcheck(tmp_path / "planted.c")
    assert {"nullPointerRedundantCheck", "misra-c2012-15.1"} <= set(found)
    assert "clang-analyzer-core.NullDereference" in analysis.clang_tidy(tmp_path / "planted.c")


def test_every_deviation_has_its_reason_and_no_rule_has_two():
    entries = [entry for tool in analysis.TOOLS for entry in analysis.DEVIATIONS[tool]]
    rules = [rule for entry in entries for rule in entry["rules"]]
    assert len(rules) == len(set(rules))
    assert all(entry["reason"].endswith(".") for entry in entries)


@pytest.mark.long
def test_the_whole_runtime_passes():
    assert analysis.main() == 0
