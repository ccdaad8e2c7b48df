import re
import shutil
import subprocess

import pytest

from firmware import build
from mixcomp_edge.codegen.kernels import kernel_headers
from mixcomp_edge.ir.graph import CONTRACTS
from mixcomp_edge.operators import INTEGER
from mixcomp_edge.plan.kernels import catalogue
from mixcomp_edge.plan.packing import PACKINGS

KERNELS = catalogue()
ALL = tuple({kernel.name: kernel for contract in CONTRACTS for kernel in catalogue(contract)}.values())
PLAIN = ("u4", "s4", "u8", "s8")
BYTES = ("u8", "s8")
OF_WORDS = {("softmax", "dsp"), ("normalize", "dsp")}  # kernels for bytes alone, four at a time
READ = {  # what else they read
    **dict.fromkeys(("embedding", "token_offset", "length_mask"), ("u8", "u16")),
    **dict.fromkeys(("slice", "transpose"), (*PLAIN, "u16", "s16")),
    "narrow": ("s16",),
}
NAMES = [kernel.name for kernel in KERNELS]


def test_the_header_of_an_operator_declares_the_functions_that_the_catalogue_lists():
    for op in {kernel.op for kernel in KERNELS}:
        header = (build.FIRMWARE / "include" / "mixcomp" / f"{op}.h").read_text()
        mine = sorted(kernel.name for kernel in KERNELS if kernel.op == op)
        assert mine == sorted(re.findall(r"^void (mce_\w+)\(", header, re.M))


def test_the_catalogue_lists_the_files_of_the_kernel_folders():
    folder = build.FIRMWARE / "kernels"
    files = {str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file()}
    assert files == {
        "catalogue.toml",
        "sizes.toml",
        *(f"{kernel.isa}/{kernel.of}.c" for kernel in ALL if not kernel.body),
    }


@pytest.mark.skipif(not shutil.which("clang-format"), reason="clang-format is not installed")
def test_kernels_are_printed_as_clang_format_would_have_them():
    style = f"--style=file:{build.FIRMWARE.parent / '.clang-format'}"
    done = subprocess.run(
        ["clang-format", style, "--dry-run", "-Werror", *build.SOURCES], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("kernel", KERNELS, ids=NAMES)
def test_a_catalogue_entry_says_what_its_name_says(kernel):
    name = re.fullmatch(
        r"mce_([a-z0-9]+(?:_(?:add|sum|max|norm|softmax|transpose|offset|mask|states))?)(?:_([us](?:4|8|16))_(w4x2|w4|fx4|w8))?(?:_(?:3x3(?:s[12])?|2x3|words|pairs|triples|points|lanes|bytes|halves))?__(\w+)",
        kernel.name,
    )
    op, act, weights, isa = name.groups()
    assert (kernel.op, kernel.isa) == (op, isa)
    of_words = BYTES if (op, isa) in OF_WORDS else PLAIN
    assert kernel.act == ((act,) if act else READ.get(op, PLAIN) if isa == "c" else of_words)
    assert kernel.weight_bits == (8 if weights == "w8" else 4)
    assert kernel.packing in (*PACKINGS, "")
    assert bool(weights) <= bool(kernel.packing)
    assert kernel.in_place == (INTEGER[op].in_place != (0, 0))


def test_every_operator_and_type_has_a_portable_kernel():
    portable = {(kernel.op, act) for kernel in KERNELS if kernel.isa == "c" for act in kernel.act}
    assert portable == {(kernel.op, act) for kernel in KERNELS for act in READ.get(kernel.op, PLAIN)}


def test_headers_are_exactly_what_the_compiler_reads():
    sources = [str(build.source(kernel)) for kernel in ALL]
    command = [*build.host_compiler(), "-MM", f"-I{build.FIRMWARE / 'include'}", *sources]
    rules = subprocess.run(command, capture_output=True, text=True, check=True).stdout.replace("\\\n", " ")
    for kernel in ALL:
        (rule,) = (line for line in rules.splitlines() if line.startswith(kernel.name + ".o:"))
        read = [part for part in rule.split() if part.endswith(".h")]
        assert sorted(read) == sorted(str(build.FIRMWARE / h) for h in kernel_headers(kernel))
