/* The body of mce_dwconv2d_<u4|s4>_w4_3x3s<sh>__dsp; type and sh are constants in each of them.
 *
 * A word of x holds eight channels of a pixel, lane pair j the channels j and j + 4. Two rows of outputs, p and q below it,
 * run at once: x_p + 2048 * x_q is one halfword, so a product with w does a multiply-accumulate for either row. It is
 * exact: the low sum fits in 11 bits, -1024 <= S_p <= 1023 for all x 0..15 (plan/packing proves it), the rest is S_q.
 *
 * The three joined rows of a column serve up to three outputs, so they are made once: a plane [width][4 lane pairs][3]. */
#ifndef MIXCOMP_INTERNAL_DWCONV2D_PACKED_DSP_H
#define MIXCOMP_INTERNAL_DWCONV2D_PACKED_DSP_H

#include "mixcomp/internal/dwconv2d_taps_dsp.h"

enum {
    MCE_DW_PAIRS = 4,
    MCE_DW_PAIR_WORDS = MCE_DW_TAPS + 4, /* a lane pair's levels, then bias and multiplier of its two channels */
    MCE_DW_START = 0x200400              /* what makes S_p + 2048 * S_q a pair of unsigned fields: 1024 more in each */
};

/* One pair of rows of outputs, eight channels. Read by the assembly at the offsets in brackets. */
typedef struct mce_dw_row {
    const mce_word *x;   /* [0] the first output's columns in the plane */
    const mce_word *w;   /* [4] [MCE_DW_PAIRS][MCE_DW_PAIR_WORDS], biases less 1024 and times scale */
    int32_t scale;       /* [8] 2^shift of q32 */
    int32_t zero;        /* [12] of y, in offset binary */
    uint8_t *p, *q;      /* [16, 20] the next outputs, advanced; q is written first */
    int32_t pixel_bytes; /* [24] of y */
    uint32_t flip;       /* [28] sign bits of eight outputs */
    int32_t x_skipped;   /* [32] bytes of the columns that no output begins at */
    const uint8_t *end;  /* [36] of row p */
} mce_dw_row;

/* The columns of x that they need. Read by the assembly at the offsets in brackets. */
typedef struct mce_dw_columns {
    const uint8_t *from; /* [0] the first row of x's first column, even where that row is outside of x */
    int32_t line;        /* [4] bytes of a row of x */
    mce_word *to;        /* [8] in the plane */
    const mce_word *end; /* [12] of the last column */
    int32_t pixel_bytes; /* [16] of x */
    uint32_t present;    /* [20] bit i: row i is inside of x */
    uint32_t outside;    /* [24] what the others hold */
    uint32_t flip;       /* [28] to make s4 u4: sign bits */
} mce_dw_columns;

#if MCE_DSP

/* A field more or less, and the offsets above are wrong. */
typedef char
    mce_dw_jobs_are_as_the_assembly_reads_them[sizeof(mce_dw_row) == 40 && sizeof(mce_dw_columns) == 32 ? 1 : -1];

#define MCE_DW_TAPS3(low, high) /* of a column in r4 to r6; low and high are what the first tap adds to */             \
    "ldm r1!, {r7-r9}\n\t"                                                                                             \
    "smlabb r2, r4, r7, " low "\n\t"                                                                                   \
    "smlatt r3, r4, r7, " high "\n\t"                                                                                  \
    "smlabb r2, r5, r8, r2\n\t"                                                                                        \
    "smlatt r3, r5, r8, r3\n\t"                                                                                        \
    "smlabb r2, r6, r9, r2\n\t"                                                                                        \
    "smlatt r3, r6, r9, r3\n\t"
#define MCE_DW_NINE                                                                                                    \
    "ldm r0!, {r4-r6}\n\t" MCE_DW_TAPS3("r12", "r12") "ldrd r4, r5, [r0, #36]\n\t"                                     \
                                                      "ldr r6, [r0, #44]\n\t" MCE_DW_TAPS3(                            \
                                                          "r2", "r3") "ldrd r4, r5, [r0, #84]\n\t"                     \
                                                                      "ldr r6, [r0, #92]\n\t" MCE_DW_TAPS3(            \
                                                                          "r2", "r3") "ldm r1!, {r4-r7}\n\t"           \
                                                                                      "ldrd r8, r9, [sp]\n\t"
#define MCE_DW_END(acc, bias, m) /* both rows of a channel: lr and acc */                                              \
    "ubfx lr, " acc ", #0, #11\n\t"                                                                                    \
    "lsr " acc ", " acc ", #11\n\t"                                                                                    \
    "mla lr, lr, r8, " bias "\n\t"                                                                                     \
    "mla " acc ", " acc ", r8, " bias "\n\t"                                                                           \
    "smmlar lr, lr, " m ", r9\n\t"                                                                                     \
    "smmlar " acc ", " acc ", " m ", r9\n\t"
#define MCE_DW_PLACE(acc, place)                                                                                       \
    "usat lr, #4, lr\n\t"                                                                                              \
    "usat " acc ", #4, " acc "\n\t"                                                                                    \
    "orr r10, r10, lr, lsl #" place "\n\t"                                                                             \
    "orr r11, r11, " acc ", lsl #" place "\n\t"
#define MCE_DW_PAIR(low, high)                                                                                         \
    MCE_DW_NINE MCE_DW_END("r2", "r4", "r5") MCE_DW_PLACE("r2", low) MCE_DW_END("r3", "r6", "r7")                      \
        MCE_DW_PLACE("r3", high)

/* r0 plane, r1 w, r2 and r3 sums of the low and the high lane, r4 to r9 taps and ends, r10 and r11 outputs, r12 start;
 * [sp] scale, zero, where the job's p is. */
MCE_NAKED void mce_dw_row_of(MCE_IN_ASM mce_dw_row *job)
{
    __asm__("push {r4-r11, lr}\n\t"
            "sub sp, sp, #12\n\t"
            "ldrd r4, r5, [r0, #8]\n\t"
            "add r6, r0, #16\n\t"
            "stm sp, {r4-r6}\n\t"
            "ldrd r0, r1, [r0]\n\t"
            "movw r12, #0x0400\n\t"
            "movt r12, #0x0020\n\t"
            "1:\n\t" MCE_DW_NINE MCE_DW_END("r2", "r4", "r5") "usat r10, #4, lr\n\t"
                                                              "usat r11, #4, r2\n\t" MCE_DW_END("r3", "r6", "r7")
                                                                  MCE_DW_PLACE("r3", "16") MCE_DW_PAIR("4", "20")
                                                                      MCE_DW_PAIR("8", "24") MCE_DW_PAIR(
                                                                          "12", "28") "ldr r2, [sp, #8]\n\t"
                                                                                      "ldm r2, {r3-r8}\n\t"
                                                                                      "eor r10, r10, r6\n\t"
                                                                                      "eor r11, r11, r6\n\t"
                                                                                      "str r11, [r4]\n\t"
                                                                                      "str r10, [r3]\n\t"
                                                                                      "add r3, r3, r5\n\t"
                                                                                      "add r4, r4, r5\n\t"
                                                                                      "strd r3, r4, [r2]\n\t"
                                                                                      "sub r1, r1, #208\n\t"
                                                                                      "add r0, r0, r7\n\t"
                                                                                      "cmp r3, r8\n\t"
                                                                                      "bne 1b\n\t"
                                                                                      "add sp, sp, #12\n\t"
                                                                                      "pop {r4-r11, pc}\n\t");
}

/* The rows of a column to r4 and the registers after it. */
#define MCE_DW_ROWS4                                                                                                   \
    "ldr r4, [r0]\n\t"                                                                                                 \
    "ldr r5, [r0, r1]\n\t"                                                                                             \
    "ldr r6, [r0, r1, lsl #1]\n\t"                                                                                     \
    "ldr r7, [r0, r3]\n\t"
#define MCE_DW_ROWS5 MCE_DW_ROWS4 "ldr r8, [r0, r1, lsl #2]\n\t"
#define MCE_DW_IF(bit, row, at) /* the same where some may be outside of x */                                          \
    "tst r9, #" bit "\n\t"                                                                                             \
    "ite ne\n\t"                                                                                                       \
    "ldrne " row ", [r0" at "]\n\t"                                                                                    \
    "ldreq " row ", [sp, #12]\n\t"
#define MCE_DW_PRESENT4                                                                                                \
    "ldr r9, [sp, #8]\n\t" MCE_DW_IF("1", "r4", "") MCE_DW_IF("2", "r5", ", r1") MCE_DW_IF("4", "r6", ", r1, lsl #1")  \
        MCE_DW_IF("8", "r7", ", r3")
#define MCE_DW_PRESENT5 MCE_DW_PRESENT4 MCE_DW_IF("16", "r8", ", r1, lsl #2")
#define MCE_DW_FLIP4                                                                                                   \
    "ldr r9, [sp, #16]\n\t"                                                                                            \
    "eor r4, r4, r9\n\t"                                                                                               \
    "eor r5, r5, r9\n\t"                                                                                               \
    "eor r6, r6, r9\n\t"                                                                                               \
    "eor r7, r7, r9\n\t"
#define MCE_DW_FLIP5 MCE_DW_FLIP4 "eor r8, r8, r9\n\t"
#define MCE_DW_FLIP0
#define MCE_DW_LANES(shift)                                                                                            \
    "and r9, r12, r4" shift "\n\t"                                                                                     \
    "and r10, r12, r5" shift "\n\t"                                                                                    \
    "and r11, r12, r6" shift "\n\t"                                                                                    \
    "and lr, r12, r7" shift "\n\t"
#define MCE_DW_JOIN4(shift)                                                                                            \
    MCE_DW_LANES(shift)                                                                                                \
    "add r9, r9, r10, lsl #11\n\t"                                                                                     \
    "add r10, r10, r11, lsl #11\n\t"                                                                                   \
    "add r11, r11, lr, lsl #11\n\t"                                                                                    \
    "stm r2!, {r9-r11}\n\t"
#define MCE_DW_JOIN5(shift)                                                                                            \
    MCE_DW_LANES(shift)                                                                                                \
    "add r9, r9, r11, lsl #11\n\t"                                                                                     \
    "add r10, r10, lr, lsl #11\n\t"                                                                                    \
    "and lr, r12, r8" shift "\n\t"                                                                                     \
    "add r11, r11, lr, lsl #11\n\t"                                                                                    \
    "stm r2!, {r9-r11}\n\t"
#define MCE_DW_COLUMN(rows, flip, join)                                                                                \
    "1:\n\t" rows flip join("") join(", lsr #4") join(", lsr #8") join(", lsr #12") "ldm sp, {r9, r10}\n\t"            \
                                                                                    "add r0, r0, r10\n\t"              \
                                                                                    "cmp r2, r9\n\t"                   \
                                                                                    "bne 1b\n\t"

/* r0 from, r1 and r3 one and three lines, r2 to, r4 to r8 rows, r9 to r11 and lr lanes, r12 mask; [sp] end, pixel_bytes,
 * present, outside, flip. */
#define MCE_DW_COLUMNS(all, rows, present, flip, join)                                                                 \
    __asm__("push {r4-r11, lr}\n\t"                                                                                    \
            "sub sp, sp, #20\n\t"                                                                                      \
            "add r1, r0, #12\n\t"                                                                                      \
            "ldm r1, {r4-r8}\n\t"                                                                                      \
            "stm sp, {r4-r8}\n\t"                                                                                      \
            "ldm r0, {r0-r2}\n\t"                                                                                      \
            "add r3, r1, r1, lsl #1\n\t"                                                                               \
            "mov r12, #0x000F000F\n\t"                                                                                 \
            "cmp r6, #" all "\n\t"                                                                                     \
            "bne 2f\n\t" MCE_DW_COLUMN(rows, flip, join) "b 3f\n\t"                                                    \
                                                         "2:\n\t" MCE_DW_COLUMN(present, flip, join) "3:\n\t"          \
                                                                                                     "add sp, sp, "    \
                                                                                                     "#20\n\t"         \
                                                                                                     "pop {r4-r11, "   \
                                                                                                     "pc}\n\t")

/* Joins the rows of each column, at least one: to [columns][MCE_DW_PAIRS][3]. */
MCE_NAKED void mce_dw_join_u4_1(MCE_IN_ASM const mce_dw_columns *job)
{ MCE_DW_COLUMNS("15", MCE_DW_ROWS4, MCE_DW_PRESENT4, MCE_DW_FLIP0, MCE_DW_JOIN4); }
MCE_NAKED void mce_dw_join_u4_2(MCE_IN_ASM const mce_dw_columns *job)
{ MCE_DW_COLUMNS("31", MCE_DW_ROWS5, MCE_DW_PRESENT5, MCE_DW_FLIP0, MCE_DW_JOIN5); }
MCE_NAKED void mce_dw_join_s4_1(MCE_IN_ASM const mce_dw_columns *job)
{ MCE_DW_COLUMNS("15", MCE_DW_ROWS4, MCE_DW_PRESENT4, MCE_DW_FLIP4, MCE_DW_JOIN4); }
MCE_NAKED void mce_dw_join_s4_2(MCE_IN_ASM const mce_dw_columns *job)
{ MCE_DW_COLUMNS("31", MCE_DW_ROWS5, MCE_DW_PRESENT5, MCE_DW_FLIP5, MCE_DW_JOIN5); }

MCE_INLINE void mce_dw_join(mce_type type, int32_t sh, const mce_dw_columns *job)
{
    if (type == MCE_U4 && sh == 1) {
        mce_dw_join_u4_1(job);
    } else if (type == MCE_U4) {
        mce_dw_join_u4_2(job);
    } else if (sh == 1) {
        mce_dw_join_s4_1(job);
    } else {
        mce_dw_join_s4_2(job);
    }
}

#else

/* The same in C, for PCs. */
static inline void mce_dw_row_of(mce_dw_row *job)
{
    const mce_word *x = job->x;
    for (; job->p != job->end; job->p += job->pixel_bytes, job->q += job->pixel_bytes, x += job->x_skipped / 4) {
        const mce_word *w = job->w;
        uint32_t p = 0, q = 0;
        for (int32_t j = 0; j < MCE_DW_PAIRS; j++, x += 3, w += MCE_DW_PAIR_WORDS) {
            int32_t acc[2] = {MCE_DW_START, MCE_DW_START};
            for (int32_t t = 0; t < MCE_DW_TAPS; t++) {
                const uint32_t v = x[t / 3 * 3 * MCE_DW_PAIRS + t % 3];
                acc[0] = mce_smlabb(v, w[t], acc[0]);
                acc[1] = mce_smlatt(v, w[t], acc[1]);
            }
            for (int32_t i = 0; i < 2; i++) {
                const uint32_t sums = (uint32_t)acc[i], bias = w[MCE_DW_TAPS + 2 * i], scale = (uint32_t)job->scale;
                const int32_t m = (int32_t)w[MCE_DW_TAPS + 2 * i + 1], place = 4 * j + 16 * i;
                p |= mce_usat4(mce_smmlar((int32_t)((sums & 2047u) * scale + bias), m, job->zero)) << place;
                q |= mce_usat4(mce_smmlar((int32_t)((sums >> 11) * scale + bias), m, job->zero)) << place;
            }
        }
        *(mce_word_any *)job->q = q ^ job->flip;
        *(mce_word_any *)job->p = p ^ job->flip;
    }
}

static inline void mce_dw_join(mce_type type, int32_t sh, const mce_dw_columns *job)
{
    const uint8_t *from = job->from;
    (void)type;
    for (mce_word *to = job->to; to != job->end; from += job->pixel_bytes) {
        uint32_t v[5];
        for (int32_t i = 0; i < 3 + sh; i++) {
            v[i] = (job->present >> i & 1u ? *(const mce_word_any *)(from + i * job->line) : job->outside) ^ job->flip;
        }
        for (int32_t j = 0; j < MCE_DW_PAIRS; j++) {
            for (int32_t i = 0; i < 3; i++) {
                *to++ = (v[i] >> 4 * j & 0x000F000Fu) + ((v[i + sh] >> 4 * j & 0x000F000Fu) << 11);
            }
        }
    }
}
#endif

/* acc[o] = bias[o] + sum_{i,j} level(code[i,j,o]) * X[h*sh - top + i, w*sw - left + j, o]
 * y[h,w,o] = clamp(y.zero + q32(acc[o], m[o], s)), 3x3, no dilation, sh 1 or 2, y.c = x.c, y as wide as x  SPEC.md 4.2
 * codes: packing dw3x3, [words][9], with taps column by column, one nibble a channel. scratch: levels, biases and
 * multipliers of eight channels, then the plane, (y.w - 1)*sw + 3 columns wide.
 * (|bias| + sum |level| * max|x|) * 2^s < 2^31. */
MCE_INLINE void mce_dwconv2d_packed_dsp(mce_type type, int32_t sh, const mce_conv2d *p, const uint8_t *x, uint8_t *y,
                                        mce_scratch *scratch)
{
    enum { COLUMN = 3 * MCE_DW_PAIRS };
    const int32_t width = (p->y.w - 1) * p->window.sw + 3, left = p->window.left, pixel_bytes = p->x.c >> 1;
    const int32_t columns = p->x.w < width - left ? p->x.w : width - left, line = p->x.w * pixel_bytes;
    const int32_t shift = p->requant.shift, m_step = p->requant.per_channel != 0 ? 1 : 0;
    const uint32_t flip = type == MCE_S4 ? 0x88888888u : 0, outside = ((uint32_t)p->x.zero & 0x0Fu) * 0x11111111u;
    const uint32_t all = sh == 1 ? 15 : 31; /* rows */
    const int16_t *const level = (const int16_t *)p->levels;
    const mce_word *codes = (const mce_word *)p->codes;
    const int32_t *bias = p->bias, *m = p->requant.multiplier;
    mce_word *const w = (mce_word *)(void *)scratch, *const plane = w + MCE_DW_PAIRS * MCE_DW_PAIR_WORDS;
    for (int32_t i = 0; i < width * COLUMN; i++) {
        plane[i] = ((outside ^ flip) & 0x000F000Fu) * 2049u; /* what is left and right of x stays so */
    }
    mce_dw_row job = {plane,
                      w,
                      (int32_t)1 << shift,
                      p->y.zero + mce_offset_binary(p->y.type),
                      y,
                      y,
                      pixel_bytes,
                      p->y.type == MCE_S4 ? 0x88888888u : 0,
                      (p->window.sw - 1) * COLUMN * (int32_t)sizeof(mce_word),
                      y};
    mce_word *const first = plane + left * COLUMN;
    mce_dw_columns in = {x, line, first, first + columns * COLUMN, pixel_bytes, 0, outside, flip};
    for (int32_t c = 0; c < p->x.c; c += 2 * MCE_DW_PAIRS, codes += MCE_DW_TAPS, x += MCE_DW_PAIRS, y += MCE_DW_PAIRS) {
        for (int32_t t = 0; t < MCE_DW_TAPS; t++) {
            mce_dw_lanes_of(codes[t], MCE_DW_PAIRS, level, MCE_DW_PAIR_WORDS, w + t);
        }
        mce_word *end = w + MCE_DW_TAPS;
        for (int32_t j = 0; j < MCE_DW_PAIRS; j++, end += MCE_DW_PAIR_WORDS, bias++, m += m_step) {
            end[0] = ((uint32_t)bias[0] - 1024u) << shift;
            end[1] = (uint32_t)m[0];
            end[2] = ((uint32_t)bias[MCE_DW_PAIRS] - 1024u) << shift;
            end[3] = (uint32_t)m[MCE_DW_PAIRS * m_step];
        }
        bias += MCE_DW_PAIRS, m += MCE_DW_PAIRS * m_step;
        job.q = y;
        for (int32_t h = 0; h < p->y.h; h += 2) {
            const int32_t row = h * sh - p->window.top;
            in.from = x + row * line;
            in.present = all;
            if (row < 0 || row + 3 + sh > p->x.h) {
                in.present = 0;
                for (int32_t i = 0; i < 3 + sh; i++) {
                    in.present |= (uint32_t)mce_inside(row + i, p->x.h) << i;
                }
            }
            mce_dw_join(type, sh, &in);
            job.p = job.q;
            job.end = job.p + p->y.w * pixel_bytes;
            if (h + 1 < p->y.h) {
                job.q += p->y.w * pixel_bytes;
            } /* else row p overwrites a row q that is not there */
            mce_dw_row_of(&job);
        }
    }
}

#endif
