"""Every number of the cycle models is reached by a micro-program of known length that a wrong number would lengthen."""

import copy
import tomllib
from pathlib import Path

import pytest

import mixcomp_sim.pipeline
from host_sim.micro_programs import FEWER, MICROS, REPEATED, source
from mixcomp_sim import Emulator, QemuBoard, image_memory
from mixcomp_sim.chips import Flash
from mixcomp_sim.counts import counts_of
from mixcomp_sim.pipeline import core_cycles, make_core, spent_by_address

TIMING = Path(mixcomp_sim.pipeline.__file__).parent / "timing"
ELSEWHERE = {  # entries that no straight line of instructions reaches, and the test that does
    "rules.exception_entry": "test_a_hundred_exceptions_cost_their_entries_and_returns",
    "rules.exception_return": "test_a_hundred_exceptions_cost_their_entries_and_returns",
    "rules.exception_tail_chain": "test_an_exception_that_waits_for_the_end_of_another_costs_no_frame_of_its_own",
    "rules.exception_floats": "test_registers_of_the_fpu_cost_their_frame_only_where_they_are_saved",
    "rules.unaligned_two": "test_an_unaligned_load_takes_a_cycle_for_each_further_part",
    "rules.unaligned_three": "test_an_unaligned_load_takes_a_cycle_for_each_further_part",
    "rules.mispredict": "test_a_branch_that_alternates_is_predicted_wrong_each_other_time",
}


@pytest.fixture(scope="module", params=MICROS)
def executed(request, gcc):
    """(core, of each micro-program the counts of its body a few times and a hundred times more)."""
    core = request.param
    if core == "cortex-m55":
        request.getfixturevalue("needs_qemu")
        machine = QemuBoard(gcc.build(core, source(core), ".s", image_memory(core)), core)
    else:
        machine = Emulator(gcc.build(core, source(core)), core)
    counts = machine.call("run", count=True).counts

    def body(name, runs):
        begin, end = (machine.symbol(f"{name}_{label}").address for label in ("body", "end"))
        if not runs:
            return counts_of([dict.fromkeys(range(begin, end, 2), 1)], [{}], counts.code)
        executions = {a: n for a, n in counts.by_address[0].items() if begin <= a < end}
        taken = {a: n for a, n in counts.taken[0].items() if begin < a <= end}
        return counts_of([executions], [taken], counts.code)

    found = [tuple(body(f"f{i}_{n}", m.runs) for n in (FEWER, FEWER + REPEATED)) for i, m in enumerate(MICROS[core])]
    machine.close()
    return core, found


def cycles(counts, core):
    [found] = core_cycles(counts, core)
    return found.low, found.nominal, found.high


def test_a_hundred_repetitions_take_what_the_document_says_within_a_cycle(executed):
    core, programs = executed
    wrong = []
    for micro, (few, many) in zip(MICROS[core], programs, strict=True):
        taken = [b - a for a, b in zip(cycles(few, core), cycles(many, core), strict=True)]
        if any(abs(got - REPEATED * due) > 1 for got, due in zip(taken, micro.bounds, strict=True)):
            wrong.append(f"{micro.body} takes {[t / REPEATED for t in taken]}, by {micro.source} {micro.bounds}")
    assert not wrong, f"{core}:\n" + "\n".join(wrong)


def entries(table):
    """Of a core's table: section.key, and for the lists of kinds issue.list.kind."""
    for section in ("cycles", "per_register", "latency", "late", "taken", "busy", "rules"):
        yield from (f"{section}.{key}" for key in table.get(section, {}))
    for key, kinds in table.get("issue", {}).items():
        yield from (f"issue.{key}.{kind if isinstance(kind, str) else '+'.join(kind)}" for kind in kinds)


def wrong_tables(table, entry):
    """The table with that entry a cycle more or less, or without that kind."""
    section, key, *kind = entry.split(".")
    if kind:
        changed = copy.deepcopy(table)
        changed["issue"][key].remove(kind[0].split("+") if "+" in kind[0] else kind[0])
        yield changed
        return
    value = table[section][key]
    for by in (1, -1):
        changed = copy.deepcopy(table)
        changed[section][key] = [v + by for v in value] if isinstance(value, list) else value + by
        yield changed


def test_each_number_of_a_table_is_judged_by_a_program_that_would_tell_if_it_were_wrong(executed, monkeypatch):
    core, programs = executed
    table = tomllib.loads((TIMING / f"{core}.toml").read_text())
    judged = {entry for micro in MICROS[core] for entry in micro.judges}
    found = set(entries(table))
    missing = sorted(judged - found)
    assert not missing, f"{core} has no entries {missing}"
    unjudged = sorted(found - judged - set(ELSEWHERE))
    assert not unjudged, f"{core}: no micro-program judges {unjudged}"
    unseen = []
    for entry in sorted(judged):
        few = [counts for micro, (counts, _) in zip(MICROS[core], programs, strict=True) if entry in micro.judges]
        right, told = [cycles(counts, core) for counts in few], False
        for wrong in wrong_tables(table, entry):
            with monkeypatch.context() as patch:
                patch.setattr(mixcomp_sim.pipeline, "core_timing", lambda name, wrong=wrong: make_core(name, wrong))
                told = told or [cycles(counts, core) for counts in few] != right
        if not told:
            unseen.append(entry)
    assert not unseen, f"{core}: a wrong number here changes no program that claims to judge it: {unseen}"


UNALIGNED = [  # cycles more, by Arm DDI 0337I and 100166, 3.3.3
    ("ldr r1,[r0]", 0), ("ldr r1,[r0,#2]", 1), ("ldr r1,[r0,#1]", 2), ("ldr r1,[r0,#3]", 2), ("ldrh r1,[r0,#1]", 1),
    ("ldrsh r1,[r0,#2]", 0), ("ldrb r1,[r0,#3]", 0), ("str r1,[r0,#3]", 0),
]  # fmt: skip


@pytest.mark.parametrize("core", ["cortex-m3", "cortex-m4"])
@pytest.mark.parametrize(("access", "more"), UNALIGNED)
def test_an_unaligned_load_takes_a_cycle_for_each_further_part(gcc, core, access, more):
    accesses = f"{access}\n" * REPEATED
    body = f".global f\n.type f,%function\nf: ldr r0,=place\n{accesses} bx lr\n.ltorg\n.size f,.-f\n"
    emulator = Emulator(gcc.build(core, f".text\n{body}.bss\n.balign 4\nplace: .space 8\n"), core)
    [stalls] = emulator.call("f", count=True, flash=Flash(0, 16, False)).stalls
    assert (stalls.unaligned_cycles, stalls.cycles) == (REPEATED * more, REPEATED * more)
    assert stalls.unaligned_loads == REPEATED * (more > 0)


ALTERNATES = """.text
.global f
.type f,%function
f: movs r0,#100
 movs r1,#0
1: eors r1,r1,#1
 {}
 beq 2f
 nop
2: subs r0,#1
 bne 1b
 bx lr
.size f,.-f
"""


def test_a_branch_that_alternates_is_predicted_wrong_each_other_time(gcc):
    """Eight cycles each, by github.com/jnk0le/random, cortex_m7.md; the loop's last branch goes wrong, too."""
    spent = []
    for compare in ("cmp r1,#0", "cmp r0,#0"):  # alternates; is never taken
        counts = Emulator(gcc.build("cortex-m7", ALTERNATES.format(compare)), "cortex-m7").call("f", count=True).counts
        spent.append(sum(s.mispredictions for s in spent_by_address(counts, "cortex-m7").values()))
    assert spent == [(50 + 1) * 8, 8]
