"""RISC-V encodings as data, as encodings.py has Thumb's: (bits, name, feature), bits from the highest on; the first row
that matches counts.

Read from the RISC-V Instruction Set Manual, volume I (20191213), chapters 16 (C) and 24 (opcode maps), and volume II
for mret and wfi. What matches no row is no instruction of a 32-bit core with the features below, and neither is a row
without a feature: a reserved encoding. Hints count as what they look like."""

from __future__ import annotations

RV32I, M, A, C, ZICSR, ZIFENCEI, F, V = "rv32i", "m", "a", "c", "zicsr", "zifencei", "f", "v"

NARROW = (
    ("00000000 00000000", "unimp", C),  # defined as illegal; linkers fill gaps with it
    ("00000000 000xxx00", "reserved", ""),
    ("000xxxxx xxxxxx00", "c.addi4spn", C),
    ("x01xxxxx xxxxxxx0", "c.fld, c.fsd", F),
    ("010xxxxx xxxxxx00", "c.lw", C),
    ("110xxxxx xxxxxx00", "c.sw", C),
    ("x11xxxxx xxxxxxx0", "c.flw, c.fsw", F),
    ("000xxxxx xxxxxx01", "c.addi", C),
    ("x01xxxxx xxxxxx01", "c.jal, c.j", C),
    ("010xxxxx xxxxxx01", "c.li", C),
    ("0110xxxx x0000001", "reserved", ""),
    ("011xxxxx xxxxxx01", "c.lui, c.addi16sp", C),
    ("10010xxx xxxxxx01", "reserved", ""),  # a shift by 32 or more
    ("100111xx xxxxxx01", "reserved", ""),
    ("100xxxxx xxxxxx01", "c.srli, c.srai, c.andi, c.sub, c.xor, c.or, c.and", C),
    ("11xxxxxx xxxxxx01", "c.beqz, c.bnez", C),
    ("0000xxxx xxxxxx10", "c.slli", C),
    ("010x0000 0xxxxx10", "reserved", ""),
    ("010xxxxx xxxxxx10", "c.lwsp", C),
    ("10000000 00000010", "reserved", ""),
    ("1000xxxx xxxxxx10", "c.jr, c.mv", C),
    ("1001xxxx xxxxxx10", "c.ebreak, c.jalr, c.add", C),
    ("110xxxxx xxxxxx10", "c.swsp", C),
)

WIDE = (
    ("xxxxxxx xxxxx xxxxx xxx xxxxx 0x10111", "lui, auipc", RV32I),
    ("xxxxxxx xxxxx xxxxx xxx xxxxx 1101111", "jal", RV32I),
    ("xxxxxxx xxxxx xxxxx 000 xxxxx 1100111", "jalr", RV32I),
    ("xxxxxxx xxxxx xxxxx 00x xxxxx 1100011", "beq, bne", RV32I),
    ("xxxxxxx xxxxx xxxxx 1xx xxxxx 1100011", "blt, bge, bltu, bgeu", RV32I),
    ("xxxxxxx xxxxx xxxxx x00 xxxxx 0000011", "lb, lbu", RV32I),
    ("xxxxxxx xxxxx xxxxx x01 xxxxx 0000011", "lh, lhu", RV32I),
    ("xxxxxxx xxxxx xxxxx 010 xxxxx 0000011", "lw", RV32I),
    ("xxxxxxx xxxxx xxxxx 00x xxxxx 0100011", "sb, sh", RV32I),
    ("xxxxxxx xxxxx xxxxx 010 xxxxx 0100011", "sw", RV32I),
    ("xxxxxxx xxxxx xxxxx 000 xxxxx 0010011", "addi", RV32I),
    ("xxxxxxx xxxxx xxxxx 01x xxxxx 0010011", "slti, sltiu", RV32I),
    ("xxxxxxx xxxxx xxxxx 1x0 xxxxx 0010011", "xori, ori", RV32I),
    ("xxxxxxx xxxxx xxxxx 111 xxxxx 0010011", "andi", RV32I),
    ("0000000 xxxxx xxxxx 001 xxxxx 0010011", "slli", RV32I),
    ("0x00000 xxxxx xxxxx 101 xxxxx 0010011", "srli, srai", RV32I),
    ("0000000 xxxxx xxxxx xxx xxxxx 0110011", "add, sll, slt, sltu, xor, srl, or, and", RV32I),
    ("0100000 xxxxx xxxxx x0x xxxxx 0110011", "sub, sra", RV32I),
    ("0000001 xxxxx xxxxx 0xx xxxxx 0110011", "mul, mulh, mulhsu, mulhu", M),
    ("0000001 xxxxx xxxxx 1xx xxxxx 0110011", "div, divu, rem, remu", M),
    ("xxxxxxx xxxxx xxxxx 000 xxxxx 0001111", "fence", RV32I),
    ("xxxxxxx xxxxx xxxxx 001 xxxxx 0001111", "fence.i", ZIFENCEI),
    ("0000000 0000x 00000 000 00000 1110011", "ecall, ebreak", RV32I),
    ("0011000 00010 00000 000 00000 1110011", "mret", ZICSR),
    ("0001000 00101 00000 000 00000 1110011", "wfi", ZICSR),
    ("xxxxxxx xxxxx xxxxx x01 xxxxx 1110011", "csrrw, csrrwi", ZICSR),
    ("xxxxxxx xxxxx xxxxx x1x xxxxx 1110011", "csrrs, csrrc, csrrsi, csrrci", ZICSR),
    ("00010xx 00000 xxxxx 010 xxxxx 0101111", "lr.w", A),
    ("0000xxx xxxxx xxxxx 010 xxxxx 0101111", "amoadd.w, amoswap.w", A),
    ("00011xx xxxxx xxxxx 010 xxxxx 0101111", "sc.w", A),
    ("xxx00xx xxxxx xxxxx 010 xxxxx 0101111", "amoxor.w, amoor.w, amoand.w, amomin.w, amomax.w", A),
    ("xxxxxxx xxxxx xxxxx 01x xxxxx 0x00111", "load or store of floating point", F),
    ("xxxxxxx xxxxx xxxxx xxx xxxxx 0x00111", "load or store of vectors", V),
    ("xxxxxxx xxxxx xxxxx xxx xxxxx 100xx11", "fused multiply-add", F),
    ("xxxxxxx xxxxx xxxxx xxx xxxxx 1010011", "floating point", F),
    ("xxxxxxx xxxxx xxxxx xxx xxxxx 1010111", "vector", V),
)
