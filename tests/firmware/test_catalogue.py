import re
import subprocess
import tomllib

import pytest

from firmware import build

CATALOGUE = tomllib.loads((build.FIRMWARE / "kernels" / "catalogue.toml").read_text())["kernel"]
NAMES = [k["name"] for k in CATALOGUE]


def test_the_catalogue_lists_the_functions_that_the_header_declares():
    header = (build.FIRMWARE / "include" / "mixcomp" / "kernels.h").read_text()
    assert sorted(NAMES) == sorted(re.findall(r"^void (mce_\w+)\(", header, re.M))


def test_the_catalogue_lists_the_files_of_the_kernel_folders():
    folder = build.FIRMWARE / "kernels"
    files = sorted(
        str(f.relative_to(build.FIRMWARE)) for f in folder.rglob("*") if f.name != "catalogue.toml" and f.is_file()
    )
    assert sorted(k["source"] for k in CATALOGUE) == files


@pytest.mark.parametrize("kernel", CATALOGUE, ids=NAMES)
def test_a_catalogue_entry_says_what_its_name_says(kernel):
    name = re.fullmatch(r"mce_([a-z0-9]+(?:_add)?)(?:_([us][48])_(w4))?__(\w+)", kernel["name"])
    op, act, weights, isa = name.groups()
    assert (kernel["op"], kernel.get("weights"), kernel["isa"]) == (op, weights, isa)
    assert kernel["act"] == ([act] if act else ["u4", "s4", "u8", "s8"])
    assert kernel["source"] == f"kernels/{isa}/{kernel['name']}.c"
    assert kernel["scratch"] == ("2*kh*kw*group_channels" if op in ("conv2d", "conv2d_add") else "0")
    assert kernel["in_place"] == (op in ("add", "rescale", "conv2d_add"))


def test_headers_are_exactly_what_the_compiler_reads():
    sources = [str(build.FIRMWARE / k["source"]) for k in CATALOGUE]
    command = [*build.host_compiler(), "-MM", f"-I{build.FIRMWARE / 'include'}", *sources]
    rules = subprocess.run(command, capture_output=True, text=True, check=True).stdout.replace("\\\n", " ")
    for kernel in CATALOGUE:
        (rule,) = (line for line in rules.splitlines() if line.startswith(kernel["name"] + ".o:"))
        read = [part for part in rule.split() if part.endswith(".h")]
        assert sorted(read) == sorted(str(build.FIRMWARE / h) for h in kernel["headers"])
