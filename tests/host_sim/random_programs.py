"""Random Thumb programs that always end: arithmetic, memory, nested counted loops, conditional branches, IT blocks and
calls, with the instructions of an architecture. Assembly, so that odd mixes of 16- and 32-bit encodings occur which no
compiler would choose."""

from __future__ import annotations

import random

V6M = [
    "adds {a},{b},{c}", "subs {a},{b},{c}", "movs {a},#{i}", "adds {a},#{i}", "subs {a},#{i}", "ands {a},{b}",
    "orrs {a},{b}", "eors {a},{b}", "bics {a},{b}", "mvns {a},{b}", "negs {a},{b}", "muls {a},{b},{a}",
    "lsls {a},{b},#{s}", "lsrs {a},{b},#{s}", "asrs {a},{b},#{s}", "lsls {a},{b}", "rors {a},{b}", "adcs {a},{b}",
    "sbcs {a},{b}", "cmp {a},{b}", "tst {a},{b}", "sxtb {a},{b}", "uxth {a},{b}", "rev {a},{b}", "rev16 {a},{b}",
    "revsh {a},{b}", "mov r9,{a}", "add {a},r9", "nop", "ldr {a},[r7,#{w}]", "str {a},[r7,#{w}]",
    "ldrb {a},[r7,#{i5}]", "strb {a},[r7,#{i5}]", "ldrh {a},[r7,#{h}]", "strh {a},[r7,#{h}]",
    "push {{{a},{b}}}\n pop {{{a},{b}}}", "mrs {a},apsr", "dmb", "mov r12,r7\n mov {a},r7\n ldmia {a}!,{{{b}}}",
    "adr {a},1f\n .balign 4\n1:",
]  # fmt: skip
V7M = [
    "add.w {a},{b},{c},lsl #{s}", "sub.w {a},{b},#{i12}", "movw {a},#{i12}", "movt {a},#{i12}", "orn {a},{b},{c}",
    "mla {a},{b},{c},{d}", "mls {a},{b},{c},{d}", "umull {a},{d2},{b},{c}", "smlal {a},{d2},{b},{c}",
    "udiv {a},{b},{c}", "sdiv {a},{b},{c}", "ubfx {a},{b},#{s},#1", "bfi {a},{b},#{s},#1", "rbit {a},{b}",
    "clz {a},{b}", "ssat {a},#9,{b}", "usat {a},#4,{b},asr #{s}", "ldr.w {a},[r7,#{w}]", "ldrd {a},{d2},[r7,#{w}]",
    "strd {a},{d2},[r7,#{w}]", "ldrsb.w {a},[r7,#{i5}]", "adr.w r12,1f\n .balign 4\n1:", "mov.w {a},{b},ror #{s}",
    "teq {a},{b}", "nop.w", "cmp {a},{b}\n ite gt\n movgt {a},#{i}\n suble {a},{a},#1",
    "cmp {a},{b}\n itttt ne\n addne {a},#1\n lslne {b},#1\n movne {c},{a}\n eorne {c},{b}",
    "adr.w r12,1f\n cmp {a},{b}\n iteet ne\n ldrne.w {a},[r12]\n ldrbeq.w {b},[r12,#1]\n ldreq.w {c},[r7,#{w}]\n"
    " ldmne r12,{{r2,r3}}\n .balign 4\n1:",
]  # fmt: skip
DSP = [
    "smlad {a},{b},{c},{d}", "smuad {a},{b},{c}", "smlabb {a},{b},{c},{d}", "smmulr {a},{b},{c}",
    "smlald {a},{d2},{b},{c}", "uxtb16 {a},{b},ror #8", "sxtab16 {a},{b},{c}", "pkhbt {a},{b},{c},lsl #{s}",
    "qadd {a},{b},{c}", "sadd8 {a},{b},{c}", "uqsub8 {a},{b},{c}", "sel {a},{b},{c}", "usad8 {a},{b},{c}",
    "umaal {a},{d2},{b},{c}", "ssat16 {a},#5,{b}",
]  # fmt: skip
FLOW = {"cortex-m0plus": V6M, "cortex-m3": V6M + V7M}
CONDITIONS = ["eq", "ne", "cs", "cc", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le"]


def random_program(core: str, seed: int) -> str:
    """The source of a function `run` of no arguments, with three layer marks; `buffer` is its memory."""
    rng = random.Random(f"{core} {seed}")
    writer = _Writer(core, rng)
    lines = [".text", *writer.leaf("leaf0"), *writer.leaf("leaf1")]
    lines += [
        ".global run",
        ".type run,%function",
        "run:",
        " push {r4-r7,lr}",
        " ldr r7,=buffer",
        " b start",
        " .ltorg",
        "start:",
    ]
    lines += [f" movs r{i},#{rng.randrange(256)}" for i in range(6)] + [" movs r6,#1", " mov r9,r0"]
    for layer in range(3):
        lines += [*writer.body(depth=0), f"mce_layer_{layer}_end:"]
    lines += [*writer.body(depth=1), " eors r0,r1", " eors r0,r2", " eors r0,r3", " pop {r4-r7,pc}"]
    lines += [".size run,.-run", ".bss", ".balign 8", ".global buffer", "buffer: .space 256"]
    return "\n".join(lines) + "\n"


class _Writer:
    def __init__(self, core: str, rng: random.Random) -> None:
        self.rng = rng
        self.core = core
        self.pool = FLOW.get(core, V6M + V7M + DSP)
        self.labels = 10

    def leaf(self, name: str) -> list[str]:
        body = [line for line in self.straight(6) if not line.startswith((" push", " mrs"))]
        return [f".type {name},%function", f"{name}:", *body, " bx lr"]

    def straight(self, n: int) -> list[str]:
        """n random instructions (some are two or three). r4, r5: loop counters; r6: not touched; r7: the buffer."""
        rng, lines = self.rng, []
        for _ in range(n):
            a, b, c, d = rng.sample(["r0", "r1", "r2", "r3"], 4)
            fields = {
                "a": a, "b": b, "c": c, "d": d, "d2": d, "i": rng.randrange(256), "i12": rng.randrange(4096),
                "s": rng.randrange(1, 31), "w": 4 * rng.randrange(16), "h": 2 * rng.randrange(16),
                "i5": rng.randrange(32),
            }  # fmt: skip
            text = " " + rng.choice(self.pool).format(**fields)
            if "push" in text:  # a register list is written in ascending order
                first, second = sorted((a, b))
                text = f" push {{{first},{second}}}\n pop {{{first},{second}}}"
            if "1f" in text:
                self.labels += 1
                text = text.replace("1f", f"l{self.labels}").replace("1:", f"l{self.labels}:")
            lines.append(text)
        return lines

    def body(self, depth: int) -> list[str]:
        """Blocks of straight code between loops, branches and calls."""
        rng, lines = self.rng, []
        for _ in range(rng.randrange(2, 5)):
            lines += self.straight(rng.randrange(1, 9))
            self.labels += 1
            label, kind = f"l{self.labels}", rng.choice(["loop", "branch", "call", "long"])
            if kind == "loop" and depth < 2:
                counter = ("r4", "r5")[depth]
                lines += [f" movs {counter},#{rng.randrange(1, 30)}", f"{label}:", *self.body(depth + 1)]
                lines += [f" subs {counter},#1", f" beq {label}e", f" b {label}", f"{label}e:"]
            elif kind == "branch":
                lines += [" cmp r0,r1", f" b{rng.choice(CONDITIONS)} {label}", *self.straight(3), f"{label}:"]
            elif kind == "call":
                lines += [f" bl leaf{rng.randrange(2)}"]
            elif depth == 0:  # longer than a translation block, and too long for the branch around a loop
                lines += self.straight(rng.randrange(20, 60))
        return lines
