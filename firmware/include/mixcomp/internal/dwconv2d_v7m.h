/* The body of mce_dwconv2d_<u4|s4>_w4_3x3s<sh>__v7m; type and sh are constants in each of them.
 *
 * Two rows of outputs, p and q below it, run at once: x_p + 65536 * x_q is a word, so MLA by a level makes a
 * multiply-accumulate for either row. It is exact: |S_p| < 2^15 for all x 0..15 (plan/packing proves it), the rest is S_q.
 * The three joined rows of a column serve up to three outputs: they lie in a plane [width][4 channels][3]. */
#ifndef MIXCOMP_INTERNAL_DWCONV2D_V7M_H
#define MIXCOMP_INTERNAL_DWCONV2D_V7M_H

#include "mixcomp/internal/dsp_output.h"
#include "mixcomp/internal/window.h"
#include "mixcomp/dwconv2d.h"

enum {
    MCE_ROWS_TAPS = 9,
    MCE_ROWS_CHANNELS = 4,
    MCE_ROWS_WORDS = MCE_ROWS_TAPS + 2, /* a channel's levels, then its bias and multiplier */
    MCE_ROWS_COLUMN = 3 * MCE_ROWS_CHANNELS
};
#define MCE_ROWS_START 0x80008000u /* makes S_p + 65536 * S_q a pair of unsigned fields: 2^15 more in each */

/* One pair of rows of outputs, four channels. Read by the assembly at the offsets in brackets. */
typedef struct mce_rows {
    const mce_word *x;   /* [0] the first output's columns in the plane */
    const mce_word *w;   /* [4] [MCE_ROWS_CHANNELS][MCE_ROWS_WORDS], biases less 2^15 and times scale */
    int32_t scale;       /* [8] 2^shift of q32 */
    int32_t zero;        /* [12] of y, in offset binary */
    uint8_t *p, *q;      /* [16, 20] the next outputs, advanced; q is written first */
    int32_t pixel_bytes; /* [24] of y */
    uint32_t flip;       /* [28] sign bits of four outputs */
    int32_t x_skipped;   /* [32] bytes of the columns that no output begins at */
    const uint8_t *end;  /* [36] of row p */
} mce_rows;

/* The columns of x that they need. Read by the assembly at the offsets in brackets. */
typedef struct mce_rows_columns {
    const uint8_t *from; /* [0] the first row of x's first column, even where that row is outside of x */
    int32_t line;        /* [4] bytes of a row of x */
    mce_word *to;        /* [8] in the plane */
    const mce_word *end; /* [12] of the last column */
    int32_t pixel_bytes; /* [16] of x */
    uint32_t present;    /* [20] bit i: row i is inside of x */
    uint32_t outside;    /* [24] what the others hold */
    uint32_t flip;       /* [28] to make s4 u4: sign bits */
} mce_rows_columns;

#if MCE_THUMB == 2

/* A field more or less, and the offsets above are wrong. */
typedef char
    mce_rows_jobs_are_as_the_assembly_reads_them[sizeof(mce_rows) == 40 && sizeof(mce_rows_columns) == 32 ? 1 : -1];

#define MCE_ROWS_TAPS3(first) /* a column; first is what its first tap adds to */                                      \
    "ldm r1!, {r6-r8}\n\t"                                                                                             \
    "mla r2, r3, r6, " first "\n\t"                                                                                    \
    "mla r2, r4, r7, r2\n\t"                                                                                           \
    "mla r2, r5, r8, r2\n\t"
#define MCE_ROWS_OUTPUT(v) /* clamp(zero + q32(v)): r3 bias, r4 multiplier */                                          \
    "mla " v ", " v ", r9, r3\n\t"                                                                                     \
    "smull r6, " v ", " v ", r4\n\t"                                                                                   \
    "adds r6, r6, #0x80000000\n\t"                                                                                     \
    "adc " v ", " v ", lr\n\t"                                                                                         \
    "usat " v ", #4, " v "\n\t"
#define MCE_ROWS_CHANNEL(place)                                                                                        \
    "ldm r0!, {r3-r5}\n\t" MCE_ROWS_TAPS3(                                                                             \
        "r12") "ldrd r3, r4, [r0, #36]\n\t"                                                                            \
               "ldr r5, [r0, #44]\n\t" MCE_ROWS_TAPS3(                                                                 \
                   "r2") "ldrd r3, r4, [r0, #84]\n\t"                                                                  \
                         "ldr r5, [r0, #92]\n\t" MCE_ROWS_TAPS3(                                                       \
                             "r2") "ldm r1!, {r3, r4}\n\t"                                                             \
                                   "uxth r5, r2\n\t"                                                                   \
                                   "lsr r2, r2, #16\n\t" MCE_ROWS_OUTPUT("r5")                                         \
                                       MCE_ROWS_OUTPUT("r2") "orr r10, r10, r5, lsl #" place "\n\t"                    \
                                                             "orr r11, r11, r2, lsl #" place "\n\t"

/* r0 plane, r1 w, r2 sums, r3 to r8 taps and ends, r9 scale, r10 and r11 outputs, r12 start, lr zero; [sp] the job's p. */
MCE_NAKED void mce_rows_of(MCE_IN_ASM mce_rows *job)
{
    __asm__("push {r4-r11, lr}\n\t"
            "sub sp, sp, #4\n\t"
            "ldr r9, [r0, #8]\n\t"
            "ldr lr, [r0, #12]\n\t"
            "add r6, r0, #16\n\t"
            "str r6, [sp]\n\t"
            "ldrd r0, r1, [r0]\n\t"
            "mov r12, #0x80008000\n\t"
            "1:\n\t"
            "mov r10, #0\n\t"
            "mov r11, #0\n\t" MCE_ROWS_CHANNEL("0") MCE_ROWS_CHANNEL("4") MCE_ROWS_CHANNEL("8")
                MCE_ROWS_CHANNEL("12") "ldr r2, [sp]\n\t"
                                       "ldm r2, {r3-r8}\n\t"
                                       "eor r10, r10, r6\n\t"
                                       "eor r11, r11, r6\n\t"
                                       "strh r11, [r4]\n\t"
                                       "strh r10, [r3]\n\t"
                                       "add r3, r3, r5\n\t"
                                       "add r4, r4, r5\n\t"
                                       "strd r3, r4, [r2]\n\t"
                                       "sub r1, r1, #176\n\t"
                                       "add r0, r0, r7\n\t"
                                       "cmp r3, r8\n\t"
                                       "bne 1b\n\t"
                                       "add sp, sp, #4\n\t"
                                       "pop {r4-r11, pc}\n\t");
}

/* The rows of a column to r4 and the registers after it. */
#define MCE_ROWS_LOAD4                                                                                                 \
    "ldrh r4, [r0]\n\t"                                                                                                \
    "ldrh r5, [r0, r1]\n\t"                                                                                            \
    "ldrh r6, [r0, r1, lsl #1]\n\t"                                                                                    \
    "ldrh r7, [r0, r3]\n\t"
#define MCE_ROWS_LOAD5 MCE_ROWS_LOAD4 "ldrh r8, [r0, r1, lsl #2]\n\t"
#define MCE_ROWS_IF(bit, row, at) /* the same where some may be outside of x */                                        \
    "tst r9, #" bit "\n\t"                                                                                             \
    "ite ne\n\t"                                                                                                       \
    "ldrhne " row ", [r0" at "]\n\t"                                                                                   \
    "ldreq " row ", [sp, #12]\n\t"
#define MCE_ROWS_PRESENT4                                                                                              \
    "ldr r9, [sp, #8]\n\t" MCE_ROWS_IF("1", "r4", "") MCE_ROWS_IF("2", "r5", ", r1")                                   \
        MCE_ROWS_IF("4", "r6", ", r1, lsl #1") MCE_ROWS_IF("8", "r7", ", r3")
#define MCE_ROWS_PRESENT5 MCE_ROWS_PRESENT4 MCE_ROWS_IF("16", "r8", ", r1, lsl #2")
#define MCE_ROWS_FLIP4                                                                                                 \
    "ldr r9, [sp, #16]\n\t"                                                                                            \
    "eor r4, r4, r9\n\t"                                                                                               \
    "eor r5, r5, r9\n\t"                                                                                               \
    "eor r6, r6, r9\n\t"                                                                                               \
    "eor r7, r7, r9\n\t"
#define MCE_ROWS_FLIP5 MCE_ROWS_FLIP4 "eor r8, r8, r9\n\t"
#define MCE_ROWS_FLIP0
#define MCE_ROWS_PART(bit)                                                                                             \
    "ubfx r9, r4, #" bit ", #4\n\t"                                                                                    \
    "ubfx r10, r5, #" bit ", #4\n\t"                                                                                   \
    "ubfx r11, r6, #" bit ", #4\n\t"                                                                                   \
    "ubfx r12, r7, #" bit ", #4\n\t"
#define MCE_ROWS_JOIN4(bit)                                                                                            \
    MCE_ROWS_PART(bit)                                                                                                 \
    "orr r9, r9, r10, lsl #16\n\t"                                                                                     \
    "orr r10, r10, r11, lsl #16\n\t"                                                                                   \
    "orr r11, r11, r12, lsl #16\n\t"                                                                                   \
    "stm r2!, {r9-r11}\n\t"
#define MCE_ROWS_JOIN5(bit)                                                                                            \
    MCE_ROWS_PART(bit)                                                                                                 \
    "ubfx lr, r8, #" bit ", #4\n\t"                                                                                    \
    "orr r9, r9, r11, lsl #16\n\t"                                                                                     \
    "orr r10, r10, r12, lsl #16\n\t"                                                                                   \
    "orr r11, r11, lr, lsl #16\n\t"                                                                                    \
    "stm r2!, {r9-r11}\n\t"
#define MCE_ROWS_ONE(rows, flip, join)                                                                                 \
    "1:\n\t" rows flip join("0") join("4") join("8") join("12") "ldm sp, {r9, r10}\n\t"                                \
                                                                "add r0, r0, r10\n\t"                                  \
                                                                "cmp r2, r9\n\t"                                       \
                                                                "bne 1b\n\t"

/* r0 from, r1 and r3 one and three lines, r2 to, r4 to r8 rows, r9 to r12 and lr parts; [sp] end, pixel_bytes, present,
 * outside, flip. */
#define MCE_ROWS_COLUMNS(all, rows, present, flip, join)                                                               \
    __asm__(                                                                                                           \
        "push {r4-r11, lr}\n\t"                                                                                        \
        "sub sp, sp, #20\n\t"                                                                                          \
        "add r1, r0, #12\n\t"                                                                                          \
        "ldm r1, {r4-r8}\n\t"                                                                                          \
        "stm sp, {r4-r8}\n\t"                                                                                          \
        "ldm r0, {r0-r2}\n\t"                                                                                          \
        "add r3, r1, r1, lsl #1\n\t"                                                                                   \
        "cmp r6, #" all "\n\t"                                                                                         \
        "bne 2f\n\t" MCE_ROWS_ONE(rows, flip, join) "b 3f\n\t"                                                         \
                                                    "2:\n\t" MCE_ROWS_ONE(present, flip, join) "3:\n\t"                \
                                                                                               "add sp, sp, #20\n\t"   \
                                                                                               "pop {r4-r11, pc}\n\t")

/* Joins the rows of each column, at least one: to [columns][MCE_ROWS_COLUMN]. */
MCE_NAKED void mce_rows_join_u4_1(MCE_IN_ASM const mce_rows_columns *job)
{ MCE_ROWS_COLUMNS("15", MCE_ROWS_LOAD4, MCE_ROWS_PRESENT4, MCE_ROWS_FLIP0, MCE_ROWS_JOIN4); }
MCE_NAKED void mce_rows_join_u4_2(MCE_IN_ASM const mce_rows_columns *job)
{ MCE_ROWS_COLUMNS("31", MCE_ROWS_LOAD5, MCE_ROWS_PRESENT5, MCE_ROWS_FLIP0, MCE_ROWS_JOIN5); }
MCE_NAKED void mce_rows_join_s4_1(MCE_IN_ASM const mce_rows_columns *job)
{ MCE_ROWS_COLUMNS("15", MCE_ROWS_LOAD4, MCE_ROWS_PRESENT4, MCE_ROWS_FLIP4, MCE_ROWS_JOIN4); }
MCE_NAKED void mce_rows_join_s4_2(MCE_IN_ASM const mce_rows_columns *job)
{ MCE_ROWS_COLUMNS("31", MCE_ROWS_LOAD5, MCE_ROWS_PRESENT5, MCE_ROWS_FLIP5, MCE_ROWS_JOIN5); }

MCE_INLINE void mce_rows_join(mce_type type, int32_t sh, const mce_rows_columns *job)
{
    if (type == MCE_U4 && sh == 1) {
        mce_rows_join_u4_1(job);
    } else if (type == MCE_U4) {
        mce_rows_join_u4_2(job);
    } else if (sh == 1) {
        mce_rows_join_s4_1(job);
    } else {
        mce_rows_join_s4_2(job);
    }
}

#else

/* The same in C, for PCs. */
static inline void mce_rows_of(mce_rows *job)
{
    const mce_word *x = job->x;
    for (; job->p != job->end; job->p += job->pixel_bytes, job->q += job->pixel_bytes, x += job->x_skipped / 4) {
        const mce_word *w = job->w;
        uint32_t p = 0, q = 0;
        for (int32_t c = 0; c < MCE_ROWS_CHANNELS; c++, x += 3, w += MCE_ROWS_WORDS) {
            uint32_t sums = MCE_ROWS_START;
            for (int32_t t = 0; t < MCE_ROWS_TAPS; t++) {
                sums += x[t / 3 * MCE_ROWS_COLUMN + t % 3] * w[t];
            }
            const uint32_t bias = w[MCE_ROWS_TAPS], scale = (uint32_t)job->scale;
            const int32_t m = (int32_t)w[MCE_ROWS_TAPS + 1];
            p |= mce_usat4(mce_smmlar((int32_t)((sums & 0xFFFFu) * scale + bias), m, job->zero)) << 4 * c;
            q |= mce_usat4(mce_smmlar((int32_t)((sums >> 16) * scale + bias), m, job->zero)) << 4 * c;
        }
        *(mce_half_any *)job->q = (uint16_t)(q ^ job->flip);
        *(mce_half_any *)job->p = (uint16_t)(p ^ job->flip);
    }
}

static inline void mce_rows_join(mce_type type, int32_t sh, const mce_rows_columns *job)
{
    const uint8_t *from = job->from;
    (void)type;
    for (mce_word *to = job->to; to != job->end; from += job->pixel_bytes) {
        uint32_t v[5];
        for (int32_t i = 0; i < 3 + sh; i++) {
            v[i] = (job->present >> i & 1u ? *(const mce_half_any *)(from + i * job->line) : job->outside) ^ job->flip;
        }
        for (int32_t c = 0; c < MCE_ROWS_CHANNELS; c++) {
            for (int32_t i = 0; i < 3; i++) {
                *to++ = (v[i] >> 4 * c & 0x0Fu) | (v[i + sh] >> 4 * c & 0x0Fu) << 16;
            }
        }
    }
}
#endif

/* acc[o] = bias[o] + sum_{i,j} level(code[i,j,o]) * X[h*sh - top + i, w*sw - left + j, o]
 * y[h,w,o] = clamp(y.zero + q32(acc[o], m[o], s)), 3x3, no dilation, sh 1 or 2, y.c = x.c, y as wide as x  SPEC.md 4.2
 * codes: packing rows_joined, [words][9] of 16 bits, taps column by column, one nibble a channel. scratch: levels, biases
 * and multipliers of four channels, then the plane, (y.w - 1)*sw + 3 columns wide.
 * (|bias| + sum |level| * max|x|) * 2^s < 2^31. */
MCE_INLINE void mce_dwconv2d_v7m(mce_type type, int32_t sh, const mce_conv2d *p, const uint8_t *x, uint8_t *y,
                                 mce_scratch *scratch)
{
    const int32_t width = (p->y.w - 1) * p->window.sw + 3, left = p->window.left, pixel_bytes = p->x.c >> 1;
    const int32_t columns = p->x.w < width - left ? p->x.w : width - left, line = p->x.w * pixel_bytes;
    const int32_t shift = p->requant.shift, m_step = p->requant.per_channel != 0 ? 1 : 0;
    const uint32_t flip = type == MCE_S4 ? 0x8888u : 0, outside = ((uint32_t)p->x.zero & 0x0Fu) * 0x1111u;
    const uint32_t all = sh == 1 ? 15 : 31; /* rows */
    const int16_t *const level = (const int16_t *)p->levels;
    const uint16_t *codes = (const uint16_t *)p->codes;
    const int32_t *bias = p->bias, *m = p->requant.multiplier;
    mce_word *const w = (mce_word *)(void *)scratch, *const plane = w + MCE_ROWS_CHANNELS * MCE_ROWS_WORDS;
    for (int32_t i = 0; i < width * MCE_ROWS_COLUMN; i++) {
        plane[i] = ((outside ^ flip) & 0x0Fu) * 0x00010001u; /* what is left and right of x stays so */
    }
    mce_rows job = {plane,
                    w,
                    (int32_t)1 << shift,
                    p->y.zero + mce_offset_binary(p->y.type),
                    y,
                    y,
                    pixel_bytes,
                    p->y.type == MCE_S4 ? 0x8888u : 0,
                    (p->window.sw - 1) * MCE_ROWS_COLUMN * (int32_t)sizeof(mce_word),
                    y};
    mce_word *const first = plane + left * MCE_ROWS_COLUMN;
    mce_rows_columns in = {x, line, first, first + columns * MCE_ROWS_COLUMN, pixel_bytes, 0, outside, flip};
    for (int32_t c = 0; c < p->x.c; c += MCE_ROWS_CHANNELS, codes += MCE_ROWS_TAPS, x += 2, y += 2) {
        for (int32_t i = 0; i < MCE_ROWS_CHANNELS; i++, bias++, m += m_step) {
            mce_word *const at = w + i * MCE_ROWS_WORDS;
            for (int32_t t = 0; t < MCE_ROWS_TAPS; t++) {
                const int32_t code = codes[t] >> 4 * i & 0x0F;
                const int32_t value = level != 0 ? level[code] : code - 8;
                at[t] = (uint32_t)value;
            }
            at[MCE_ROWS_TAPS] = ((uint32_t)*bias - 0x8000u) << shift;
            at[MCE_ROWS_TAPS + 1] = (uint32_t)*m;
        }
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
            mce_rows_join(type, sh, &in);
            job.p = job.q;
            job.end = job.p + p->y.w * pixel_bytes;
            if (h + 1 < p->y.h) {
                job.q += p->y.w * pixel_bytes;
            } /* else row p overwrites a row q that is not there */
            mce_rows_of(&job);
        }
    }
}

#endif
