"""RISC-V (RV32IMAC): the machine, its faults and counts, which instructions it has, what Hazard3 takes for them."""

from __future__ import annotations

import random
import re
import shutil
import subprocess

import capstone
import pytest

from host_sim.conftest import RISCV
from host_sim.test_counting import C_PROGRAM
from host_sim.test_qemu import PROGRAM
from mixcomp_sim import Emulator, EmulatorError, QemuBoard, find_chip, foreign_instructions, image_memory
from mixcomp_sim.instructions_riscv import decode_riscv
from mixcomp_sim.isa import ARCHITECTURES, decode
from mixcomp_sim.pipeline import core_cycles

ARCHITECTURE = "rv32imac_zicsr"
FUNCTIONS = """.text
.macro function name
.global \\name
.type \\name,%function
\\name:
.endm
 function sum
 add a0,a0,a1
 add a0,a0,a2
 add a0,a0,a3
 ret
 function loop
 li a1,0
1: add a1,a1,a0
 addi a0,a0,-1
 bnez a0,1b
 mv a0,a1
 ret
 function deep
 addi sp,sp,-128
 sw a0,0(sp)
mce_layer_0_end:
mce_layer_1_end:
 addi sp,sp,128
 lui a1,%hi(cell)
 sw a0,%lo(cell)(a1)
mce_layer_2_end:
 ret
 function store
 sw a1,0(a0)
 ret
 function load
 nop
 lw a0,0(a0)
 ret
 function forever
1: j 1b
 function undefined
 nop
 .4byte 0xffffffff
 function trap
 ecall
 function sleep
 wfi
 ret
 function jump
 addi sp,sp,-16
 sw ra,12(sp)
 jalr a0
 lw ra,12(sp)
 addi sp,sp,16
 ret
 function recurse
 addi sp,sp,-16
 sw ra,12(sp)
 call recurse
.data
.global cell
cell: .word 42
"""


@pytest.fixture
def emulator(toolchain):
    return Emulator(toolchain.build(RISCV, FUNCTIONS), RISCV, ram_bytes=4096, stack_bytes=4096)


def test_calls_take_arguments_and_memory_lives_on(emulator):
    cell = emulator.symbol("cell").address
    assert emulator.call("sum", 1, 2, 3, 0xFFFFFFFF).value == 5
    assert emulator.call("sum", -5 & 0xFFFFFFFF, 1, 1, 1).value == -2
    seen = []
    result = emulator.call("deep", 7, on_layer=lambda i: seen.append((i, emulator.read(cell, 1)[0])))
    assert (seen, result.value, result.stack_bytes) == ([(0, 42), (1, 42), (2, 7)], 7, 128)
    assert emulator.call("deep", 9, count=True).counts.layers == (2, 0, 3, 1)


@pytest.mark.parametrize("n", [1, 2, 1000])
def test_a_loop_of_three_instructions_runs_n_times(emulator, n):
    result = emulator.call("loop", n, count=True)
    assert result.value == n * (n + 1) // 2
    assert result.counts.total == 1 + 3 * n + 2
    assert sum(result.counts.taken[0].values()) == n  # n - 1 times back, and the return
    assert result.counts.mnemonics()["c.bnez"] == n


@pytest.mark.parametrize(
    ("call", "kind", "told"),
    [
        (("store", 0x20001000, 1), "write", r"store: write at address 0x20001000 in store\+0x0 \(.*pc 0x08"),
        (("load", 0x70000000), "read", r"load: read at address 0x70000000 in load\+0x2 "),
        (("store", 0x08000000, 1), "write to flash", "write to flash"),
        (("undefined",), "illegal instruction", r"illegal instruction in undefined\+0x2 "),
        (("trap",), "ecall", r"ecall in trap\+0x0 "),
        (("jump", 0x70000000), "fetch", r"at pc 0x70000000, last call in jump\+0x4 "),
        (("sleep",), "halted", "it sleeps"),
        (("recurse",), "stack overflow", r"stack overflow at address .* in recurse\+0x2 .*stack_bytes="),
    ],
)
def test_a_fault_says_what_and_where_and_the_emulator_stays_usable(emulator, call, kind, told):
    with pytest.raises(EmulatorError, match=told) as caught:
        emulator.call(*call)
    assert caught.value.kind == kind
    assert emulator.call("load", emulator.symbol("cell").address).value == 42


def test_an_endless_loop_is_stopped(emulator):
    with pytest.raises(EmulatorError, match=r"timeout: .* stopped in forever\+0x0"):
        emulator.call("forever", timeout_s=0.1)


def test_c_programs_compute_what_python_computes(toolchain):
    emulator = Emulator(toolchain.build(RISCV, C_PROGRAM, ".c"), RISCV)
    x, w = [(7 * i) % 256 - 128 for i in range(64)], [(5 * i + 3) % 256 - 128 for i in range(64)]
    at = [emulator.symbol(name).address for name in "xw"]
    for address, values in zip(at, (x, w), strict=True):
        emulator.write(address, bytes(v & 255 for v in values))
    assert emulator.call("dot", *at, 64).value == sum(a * b for a, b in zip(x, w, strict=True))
    assert emulator.call("modulo", -17 & 0xFFFFFFFF, 5).value == -2
    assert emulator.call("high", -123456789, 987654321).value == (-123456789 * 987654321 + 2**31) >> 32
    assert emulator.call("wide", 3_000_000, 12345).value == (3_000_000 << 20) // 12345
    emulator.call("copy", count=True)
    assert emulator.read(emulator.symbol("target").address, 4) == bytes([1, 2, 3, 0])


def test_a_program_for_another_machine_is_refused(toolchain):
    riscv, arm = toolchain.build(RISCV, FUNCTIONS), toolchain.build("cortex-m4", "nop")
    with pytest.raises(EmulatorError, match="EM_RISCV, which cortex-m4 does not run"):
        Emulator(riscv, "cortex-m4")
    with pytest.raises(EmulatorError, match="EM_ARM, which rv32imac does not run"):
        Emulator(arm, RISCV)
    with pytest.raises(EmulatorError, match="EM_RISCV, not for armv7e-m"):
        foreign_instructions(riscv, "armv7e-m")


def test_qemu_counts_every_instruction_as_unicorn_does(toolchain):
    if shutil.which("qemu-system-riscv32") is None:
        pytest.skip("qemu-system-riscv32 is not installed")
    elf = toolchain.build(RISCV, PROGRAM, ".c", image_memory(RISCV, "qemu"))
    board = QemuBoard(elf, RISCV)
    try:
        theirs, ours = board.call("run", count=True), Emulator(elf, RISCV).call("run", count=True)
    finally:
        board.close()
    assert theirs == ours
    assert ours.counts.total > 20_000


def test_qemu_tells_faults_and_stays_usable(toolchain):
    if shutil.which("qemu-system-riscv32") is None:
        pytest.skip("qemu-system-riscv32 is not installed")
    board = QemuBoard(toolchain.build(RISCV, FUNCTIONS, ".s", image_memory(RISCV, "qemu")), RISCV)
    try:
        for call, told in (
            (("undefined",), r"illegal instruction in undefined\+0x2 "),
            (("load", 0xF0000000), r"access at address 0xf0000000 in load\+0x2 "),
            (("jump", 0xF0000000), r"fetch at address 0xf0000000 at pc 0xf0000000, last call in jump\+0x4 "),
        ):
            with pytest.raises(EmulatorError, match=told):
                board.call(*call)
            assert board.call("sum", 1, 1, 1, 1).value == 4
    finally:
        board.close()


# Which instructions there are

LINES = """
add a0,a1,a2; sub a0,a1,a2; sll t3,a1,a2; slt a0,a1,a2; sltu a0,a1,a2; xor t3,a1,a2; srl a0,a1,a2; sra a0,a1,a2
or t3,a1,a2; and t3,a1,a2; addi a0,a1,1000; slti a0,a1,1; sltiu a0,a1,1; xori a0,a1,1; ori a0,a1,1; andi t3,a1,1
slli t3,a1,3; srli t3,a1,3; srai t3,a1,3; lui t3,0x12345; auipc t3,1; jal t3,.+8; jalr t3,4(a0); beq a0,a1,.+8
bne a0,a1,.+8; blt a0,a1,.+8; bge a0,a1,.+8; bltu a0,a1,.+8; bgeu a0,a1,.+8; lb a0,1(a1); lh a0,2(a1); lw t3,4(t4)
lbu a0,1(a1); lhu a0,2(a1); sb a0,1(a1); sh a0,2(a1); sw t3,4(t4); fence; fence.i; ecall; ebreak; mret; wfi
csrrw a0,mscratch,a1; csrrs a0,mscratch,a1; csrrc a0,mscratch,a1; csrrwi a0,mscratch,1; csrrsi a0,mscratch,1
mul a0,a1,a2; mulh a0,a1,a2; mulhsu a0,a1,a2; mulhu a0,a1,a2; div a0,a1,a2; divu a0,a1,a2; rem a0,a1,a2; remu a0,a1,a2
lr.w a0,(a1); sc.w a0,a2,(a1); amoswap.w a0,a2,(a1); amoadd.w a0,a2,(a1); amoxor.w a0,a2,(a1); amoand.w a0,a2,(a1)
amoor.w a0,a2,(a1); amomin.w a0,a2,(a1); amomax.w a0,a2,(a1); amominu.w a0,a2,(a1); amomaxu.w.aqrl a0,a2,(a1)
c.addi4spn a0,sp,8; c.lw a0,4(a1); c.sw a0,4(a1); c.nop; c.addi a0,1; c.jal .+8; c.li a0,1; c.addi16sp sp,16; c.lui a0,1
c.srli a0,1; c.srai a0,1; c.andi a0,1; c.sub a0,a1; c.xor a0,a1; c.or a0,a1; c.and a0,a1; c.j .+8; c.beqz a0,.+8
c.bnez a0,.+8; c.slli a0,1; c.lwsp a0,4(sp); c.jr a0; c.mv a0,a1; c.ebreak; c.jalr a0; c.add a0,a1; c.swsp a0,4(sp)
flw fa0,4(a0); fsd fa0,8(a0); fadd.s fa0,fa1,fa2; fmadd.d fa0,fa1,fa2,fa3; c.flw fa0,4(a0); c.fsdsp fa0,8(sp)
vsetvli a0,a1,e8,m1; vle8.v v1,(a0); vadd.vv v1,v2,v3; sh1add a0,a1,a2; andn a0,a1,a2; clz a0,a1; rori a0,a1,3
"""


def test_the_table_allows_what_the_gnu_assembler_allows(tmp_path):
    if shutil.which("riscv64-unknown-elf-as") is None:
        pytest.skip("riscv64-unknown-elf-as is not installed")
    lines = [line.strip() for line in LINES.replace("\n", ";").split(";") if line.strip()]

    def assemble(march: str) -> tuple[set[str], dict[str, bytes]]:
        source, obj, raw = (tmp_path / name for name in ("lines.s", "lines.o", "lines.bin"))
        source.write_text("\n".join([".option norelax", *lines]) + "\n")
        words = ["riscv64-unknown-elf-as", f"-march={march}", "-mabi=ilp32", str(source), "-o", str(obj)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        refused = {lines[int(n) - 2] for n in re.findall(r"\.s:(\d+): Error", done.stderr)}
        assert done.returncode == 0 or refused, done.stderr
        if refused:
            return refused, {}
        subprocess.run(["riscv64-unknown-elf-objcopy", "-O", "binary", "-j", ".text", obj, raw], check=True)
        code, found = raw.read_bytes(), {}
        for line in lines:
            size = 4 if code[0] & 3 == 3 else 2
            found[line], code = code[:size], code[size:]
        assert code == b""
        return refused, found

    refused, encoded = assemble("rv32imafdcv_zicsr_zifencei_zba_zbb")
    assert refused == set()
    ours = {line for line, code in encoded.items() if decode(code, "EM_RISCV")[1] not in ARCHITECTURES[ARCHITECTURE]}
    assert ours == assemble(ARCHITECTURE)[0]


def test_every_compressed_instruction_is_one_to_capstone_too():
    """Both ways, but for what capstone 5 takes another way: hints (it knows none), shifts by 32 or more and loads of
    nothing (it takes them)."""
    decoder = capstone.Cs(capstone.CS_ARCH_RISCV, capstone.CS_MODE_RISCV32 | capstone.CS_MODE_RISCVC)
    differ = {True: set(), False: set()}
    for half in range(1 << 16):
        if half & 3 == 3:
            continue
        code = half.to_bytes(2, "little")
        found = next(decoder.disasm(code, 0, 1), None)
        ours = decode(code, "EM_RISCV")[1] == "c"
        if ours != (found is not None and not found.insn_name().startswith("c.f")):
            differ[ours].add((found.insn_name() if found else "", half >> 7 & 31, half >> 2 & 31, half >> 12 & 1))
    names = {name for name, *_ in differ[False]}
    assert names == {"c.slli", "c.srli", "c.srai", "c.lui"}
    assert all(high for name, _, _, high in differ[False] if name != "c.lui")
    assert all(shift == 0 and not high for name, _, shift, high in differ[False] if name == "c.lui")
    assert all(rd == 0 or (rs2, high) == (0, 0) for _, rd, rs2, high in differ[True])


@pytest.mark.parametrize(
    ("planted", "told"),
    [
        (".4byte 0x00c5f553", "f+0x2: f553 00c5 (floating point, needs F or D)"),
        (".4byte 0x20c5a533", "f+0x2: a533 20c5 (20c5a533, no instruction of any such core)"),
        (".2byte 0x6108", "f+0x2: 6108 (c.flw, c.fsw, needs F or D)"),
        (".4byte 0x0000100f", "(fence.i, needs Zifencei)"),
    ],
)
def test_an_instruction_that_no_run_reaches_is_found(planted, told, toolchain):
    program = ".text\n.global f\n.type f,%function\nf: ret\n {}\n"
    assert foreign_instructions(toolchain.build(RISCV, program.format("nop")), ARCHITECTURE) == []
    (found,) = foreign_instructions(toolchain.build(RISCV, program.format(planted)), ARCHITECTURE)
    assert told.replace("20c5a533, ", "") in str(found).replace("(, ", "(")


# What Hazard3 takes


def test_registers_and_targets_are_those_of_capstone():
    decoder = capstone.Cs(capstone.CS_ARCH_RISCV, capstone.CS_MODE_RISCV32 | capstone.CS_MODE_RISCVC)
    decoder.detail = True
    rng, checked = random.Random(1), 0
    opcodes = (0x03, 0x13, 0x17, 0x23, 0x33, 0x37, 0x63, 0x67, 0x6F)
    words = [rng.getrandbits(25) << 7 | rng.choice(opcodes) for _ in range(6000)]
    codes = [word.to_bytes(4, "little") for word in words] + [
        half.to_bytes(2, "little") for half in range(0, 1 << 16, 7) if half & 3 != 3
    ]
    for code in codes:
        found = next(decoder.disasm(code, 0x1000, 1), None)
        if found is None or found.size != len(code) or decode(code, "EM_RISCV")[1] not in ("rv32i", "m", "c"):
            continue
        name, ours = found.insn_name().removeprefix("c."), decode_riscv(code)
        texts = found.op_str.replace("(", ",").replace(")", "").split(",")
        used = {decoder.reg_name(o.reg) for o in found.operands if o.type == capstone.riscv.RISCV_OP_REG}
        used |= {decoder.reg_name(o.mem.base) for o in found.operands if o.type == capstone.riscv.RISCV_OP_MEM}
        mine = {decoder.reg_name(register - 99) for register in ours.reads | ours.writes}
        implied = {"sp", "ra"} if len(code) == 2 or name in ("jal", "jalr") else set()
        assert mine - implied == used - implied - {"zero"}, (found.mnemonic, found.op_str)
        if name.startswith(("beq", "bne", "blt", "bge")):
            assert ours.offset == int(texts[-1], 0)
            checked += 1
        assert (ours.kind == "load") == (name in ("lb", "lh", "lw", "lbu", "lhu", "lwsp"))
        assert (ours.kind == "store") == (name in ("sb", "sh", "sw", "swsp"))
        assert (ours.kind in ("mul", "mull", "div")) == name.startswith(("mul", "div", "rem"))
    assert checked > 500


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (" add a2,a3,a4", 1),
        (" mul a2,a3,a4\n add a2,a2,a3", 2),
        (" mulh a2,a3,a4", 1),
        (" lw a2,0(sp)\n add a3,a3,a4", 2),
        (" lw a2,0(sp)\n add a2,a2,a4", 3),
        (" lw a2,0(sp)\n lw a3,0(sp)\n add a2,a2,a4", 3),
        (" lw a2,0(sp)\n sw a2,4(sp)", 2),  # a stored value may come late
        (" divu a2,a3,a4", 18),
        (" j 2f\n nop\n2:", 2),
        (" beq sp,zero,2f\n2:", 1),  # not taken, as predicted
        (" beq sp,sp,2f\n nop\n2:", 2),  # taken, forward
        (" li a5,10\n2: addi a5,a5,-1\n bnez a5,2b", 1 + 20 + 2),  # the first jump and the exit are not foreseen
        (
            " li a5,4\n2: li a4,3\n3: addi a4,a4,-1\n bnez a4,3b\n addi a5,a5,-1\n bnez a5,2b",
            1 + 4 * (1 + 6 + 2 + 2) + 3,
        ),
    ],
)
def test_hazard3_takes_what_its_documentation_says(toolchain, body, expected):
    def total(times: int) -> float:
        text = ".text\n.global f\n.type f,%function\nf: addi sp,sp,-16\n" + f"{body}\n" * times + " addi sp,sp,16\n ret"
        return core_cycles(Emulator(toolchain.build(RISCV, text), RISCV).call("f", count=True).counts, RISCV)[0].nominal

    assert (total(12) - total(2)) / 10 == expected


def test_the_chip_says_that_nobody_has_published_its_power():
    chip = find_chip("rp2350-riscv")
    assert chip.default
    assert chip.power is None
    assert chip.flash.miss_cycles == 0
