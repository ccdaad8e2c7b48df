/* The body of mce_dwconv2d_<u4|s4>_w4_triples__<isa>; type is a constant in each of them.
 *
 * As in internal/triple_row.h one SMLAL makes nine products: x0 + x1 * 2^12 + x2 * 2^24, three neighbouring pixels of a
 * channel, times three taps of a row in reverse order. Three rows of taps add up to an output, so a sum needs no blocks:
 * its five fields have 12 bits and begin at 2048 (plan/packing proves that they stay within 0 to 4095 for every x). Three
 * are outputs, two go on to the next three pixels, where what is left of the high word says how the low one begins.
 *
 * An output is clamp((field * (m >> (12 - s)) + offset) >> 20), as a channel's sums are few: the generator finds an offset
 * for which this equals clamp(y.zero + q32(bias + sum, m, s)) for each of them. */
#ifndef MIXCOMP_INTERNAL_DWCONV2D_TRIPLES_H
#define MIXCOMP_INTERNAL_DWCONV2D_TRIPLES_H

#include "mixcomp/internal/dsp_output.h"
#include "mixcomp/internal/window.h"
#include "mixcomp/dwconv2d.h"

enum {
    MCE_DW3_CHANNELS = 8,
    MCE_DW3_TRIPLE = 3 * MCE_DW3_CHANNELS, /* words of three pixels of three rows, [channels][3] */
    MCE_DW3_RECORD = 7, /* a channel's taps of the rows that were last in slots 0 to 2, low, high, multiplier, offset */
    MCE_DW3_RECORDS = MCE_DW3_RECORD * MCE_DW3_CHANNELS
};
#define MCE_DW3_LOW 0x00800800u  /* how the low word of a sum begins where nothing is carried over */
#define MCE_DW3_HIGH 0x08008008u /* and always the high one */

/* A row of x and a row of outputs, or, as well, a column. Of eight channels the last one comes first. Read by the assembly at the offsets
 * in brackets. */
typedef struct mce_dw3_job {
    mce_word *to;        /* [0] where its triples go, in its slot of three */
    const uint8_t *from; /* [4] the first pixel of the first triple, even where it lies before x */
    int32_t pitch;       /* [8] bytes from pixel to pixel */
    const uint8_t *rest; /* [12] the first triple that is not whole pixels of x, all of whose are as it says: */
    uint32_t outside;    /* [16] what is before and behind x */
    int32_t before;      /* [20] pixels of the first triple before x, 0 to 2; it has none behind x */
    int32_t triples;     /* [24] at least 1 */
    int32_t left;        /* [28] pixels of x in `rest`, 0 to 2 */
    mce_word *w;         /* [32] records of eight channels; null (0): no outputs */
    const mce_word *x;   /* [36] the first triple of three rows, which has no outputs but is carried over from, and */
    const mce_word *end; /* [40] behind the last */
    uint8_t *y;          /* [44] the next output, advanced */
    int32_t second;      /* [48] bytes to the next pixel, */
    int32_t third;       /* [52] to the one after it */
    int32_t advance;     /* [56] and to the next triple */
    uint32_t flip;       /* [60] sign bits of eight outputs */
} mce_dw3_job;

#if MCE_THUMB == 2

/* A field more or less, and the offsets above are wrong. */
typedef char mce_dw3_job_is_as_the_assembly_reads_it[sizeof(mce_dw3_job) == 64 ? 1 : -1];

/* Polynomials of two channels, from the low bytes of r4 and r5 and the high one of v, which is spent. */
#define MCE_DW3_MAKE(v, even, odd)                                                                                     \
    "bfi " v ", r4, #0, #8\n\t"                                                                                        \
    "bfi " v ", r5, #12, #8\n\t"                                                                                       \
    "and r10, r7, " v "\n\t"                                                                                           \
    "and r9, r7, " v ", lsr #4\n\t"                                                                                    \
    "str r10, [r0, #" even "]\n\t"                                                                                     \
    "str r9, [r0, #" odd "]\n\t"
#define MCE_DW3_NEXT                                                                                                   \
    "lsr r4, r4, #8\n\t"                                                                                               \
    "lsr r5, r5, #8\n\t"

#define MCE_DW3_U4
#define MCE_DW3_S4 /* as u4: sign bits turned */                                                                       \
    "eor r4, r4, #0x88888888\n\t"                                                                                      \
    "eor r5, r5, #0x88888888\n\t"                                                                                      \
    "eor r6, r6, #0x88888888\n\t"

/* r0 to, r1 from, r2 where fewer than three pixels are left, r3 pitch, r4 to r6 three pixels, r7 mask, r8 outside, r9 and
 * r10 polynomials, r11 three pitches, r12 triples left, lr pixels behind whole threes. */
#define MCE_DW3_ROW_OF_X(flip)                                                                                         \
    "add r9, r0, #12\n\t"                                                                                              \
    "ldm r0, {r0, r1, r3}\n\t"                                                                                         \
    "ldm r9, {r2, r8, r9, r12, lr}\n\t"                                                                                \
    "add r11, r3, r3, lsl #1\n\t"                                                                                      \
    "movw r7, #0xF00F\n\t"                                                                                             \
    "movt r7, #0x0F00\n\t"                                                                                             \
    "mov r4, r8\n\t"                                                                                                   \
    "mov r5, r8\n\t"                                                                                                   \
    "cmp r9, #1\n\t"                                                                                                   \
    "bgt 3f\n\t"                                                                                                       \
    "beq 2f\n\t"                                                                                                       \
    "1:\n\t"                                                                                                           \
    "cmp r1, r2\n\t"                                                                                                   \
    "bhs 5f\n\t"                                                                                                       \
    "ldr r4, [r1]\n\t"                                                                                                 \
    "2:\n\t"                                                                                                           \
    "ldr r5, [r1, r3]\n\t"                                                                                             \
    "3:\n\t"                                                                                                           \
    "ldr r6, [r1, r3, lsl #1]\n\t"                                                                                     \
    "4:\n\t" flip "add r1, r1, r11\n\t"                                                                                \
    "lsl r9, r6, #24\n\t" MCE_DW3_MAKE("r9", "84", "72") MCE_DW3_NEXT                                                  \
        "lsl r9, r6, #16\n\t" MCE_DW3_MAKE("r9", "60", "48") MCE_DW3_NEXT                                              \
        "lsl r9, r6, #8\n\t" MCE_DW3_MAKE("r9", "36", "24")                                                            \
            MCE_DW3_NEXT MCE_DW3_MAKE("r6", "12", "0") "add r0, r0, #96\n\t"                                           \
                                                       "subs r12, r12, #1\n\t"                                         \
                                                       "bne 1b\n\t"                                                    \
                                                       "b 6f\n\t"                                                      \
                                                       "5:\n\t" /* fewer than three are left, then none */             \
                                                       "cmp lr, #1\n\t"                                                \
                                                       "mov r6, r8\n\t"                                                \
                                                       "ite ge\n\t"                                                    \
                                                       "ldrge r4, [r1]\n\t"                                            \
                                                       "movlt r4, r8\n\t"                                              \
                                                       "ite gt\n\t"                                                    \
                                                       "ldrgt r5, [r1, r3]\n\t"                                        \
                                                       "movle r5, r8\n\t"                                              \
                                                       "mov lr, #0\n\t"                                                \
                                                       "b 4b\n\t"                                                      \
                                                       "6:\n\t"

/* How the sums of a row begin: what its first triple carries over; and taps go on to the next slot. r0 x, r1 w, lr its
 * end. */
#define MCE_DW3_BEGIN                                                                                                  \
    "movw r2, #0x0800\n\t"                                                                                             \
    "movt r2, #0x0080\n\t"                                                                                             \
    "7:\n\t"                                                                                                           \
    "ldm r0!, {r4-r6}\n\t"                                                                                             \
    "ldm r1!, {r7-r9}\n\t"                                                                                             \
    "mov r10, r2\n\t"                                                                                                  \
    "ldr r11, [r1, #4]\n\t"                                                                                            \
    "strd r7, r8, [r1, #-8]\n\t"                                                                                       \
    "str r9, [r1, #-12]\n\t"                                                                                           \
    "smlal r10, r11, r4, r9\n\t"                                                                                       \
    "smlal r10, r11, r5, r7\n\t"                                                                                       \
    "smlal r10, r11, r6, r8\n\t"                                                                                       \
    "lsr r11, r11, #4\n\t"                                                                                             \
    "str r11, [r1], #16\n\t"                                                                                           \
    "cmp r1, lr\n\t"                                                                                                   \
    "bne 7b\n\t"                                                                                                       \
    "sub r1, r1, #224\n\t"

/* The next channel at three pixels. r0 x, r1 w, r2 to r4 outputs, lr the end of the records. */
#define MCE_DW3_CHANNEL                                                                                                \
    "ldm r0!, {r5-r7}\n\t"                                                                                             \
    "ldm r1!, {r8-r12}\n\t"                                                                                            \
    "smlal r11, r12, r5, r8\n\t"                                                                                       \
    "smlal r11, r12, r6, r9\n\t"                                                                                       \
    "smlal r11, r12, r7, r10\n\t"                                                                                      \
    "ldrd r5, r6, [r1], #8\n\t"                                                                                        \
    "ubfx r7, r11, #0, #12\n\t"                                                                                        \
    "ubfx r8, r11, #12, #12\n\t"                                                                                       \
    "lsr r9, r11, #24\n\t"                                                                                             \
    "bfi r9, r12, #8, #4\n\t"                                                                                          \
    "lsr r12, r12, #4\n\t"                                                                                             \
    "mla r7, r7, r5, r6\n\t"                                                                                           \
    "mla r8, r8, r5, r6\n\t"                                                                                           \
    "mla r9, r9, r5, r6\n\t"                                                                                           \
    "str r12, [r1, #-16]\n\t"                                                                                          \
    "usat r7, #4, r7, asr #20\n\t"                                                                                     \
    "usat r8, #4, r8, asr #20\n\t"                                                                                     \
    "usat r9, #4, r9, asr #20\n\t"                                                                                     \
    "eor r2, r7, r2, ror #28\n\t"                                                                                      \
    "eor r3, r8, r3, ror #28\n\t"                                                                                      \
    "eor r4, r9, r4, ror #28\n\t"
#define MCE_DW3_ROW_OF_Y                                                                                               \
    "ldr r5, [sp]\n\t"                                                                                                 \
    "ldr r11, [r5, #60]\n\t"                                                                                           \
    "1:\n\t"                                                                                                           \
    "mov r2, r11\n\t" /* turns as far as it is long, so that each nibble meets its sign bit */                         \
    "mov r3, r11\n\t"                                                                                                  \
    "mov r4, r11\n\t"                                                                                                  \
    "2:\n\t" MCE_DW3_CHANNEL MCE_DW3_CHANNEL MCE_DW3_CHANNEL MCE_DW3_CHANNEL "cmp r1, lr\n\t"                          \
    "bne 2b\n\t"                                                                                                       \
    "ldr r5, [sp]\n\t"                                                                                                 \
    "sub r1, r1, #224\n\t"                                                                                             \
    "add r5, r5, #40\n\t"                                                                                              \
    "ldm r5, {r6-r11}\n\t"                                                                                             \
    "str r4, [r7, r9]\n\t"                                                                                             \
    "str r3, [r7, r8]\n\t"                                                                                             \
    "str r2, [r7]\n\t"                                                                                                 \
    "add r7, r7, r10\n\t"                                                                                              \
    "cmp r0, r6\n\t"                                                                                                   \
    "str r7, [r5, #4]\n\t"                                                                                             \
    "bne 1b\n\t"

#define MCE_DW3_STEP(flip)                                                                                             \
    __asm__("push {r0, r4-r11, lr}\n\t" MCE_DW3_ROW_OF_X(flip) "ldr r0, [sp]\n\t"                                      \
                                                               "ldrd r1, r0, [r0, #32]\n\t"                            \
                                                               "cmp r1, #0\n\t"                                        \
                                                               "beq 9f\n\t"                                            \
                                                               "add lr, r1, #224\n\t" MCE_DW3_BEGIN MCE_DW3_ROW_OF_Y   \
                                                               "9:\n\t"                                                \
                                                               "pop {r0, r4-r11, pc}\n\t")

MCE_NAKED void mce_dw3_step_u4(MCE_IN_ASM mce_dw3_job *job)
{ MCE_DW3_STEP(MCE_DW3_U4); }
MCE_NAKED void mce_dw3_step_s4(MCE_IN_ASM mce_dw3_job *job)
{ MCE_DW3_STEP(MCE_DW3_S4); }

MCE_INLINE void mce_dw3_step(mce_type type, mce_dw3_job *job)
{
    if (type == MCE_U4) {
        mce_dw3_step_u4(job);
    } else {
        mce_dw3_step_s4(job);
    }
}

#else

/* The same in C, for PCs. */

MCE_INLINE void mce_dw3_row_of_x(uint32_t flip, const mce_dw3_job *job)
{
    mce_word *to = job->to;
    const uint8_t *from = job->from;
    int32_t before = job->before, left = job->left;
    for (int32_t t = 0; t < job->triples; t++, to += MCE_DW3_TRIPLE, from += 3 * job->pitch, before = 0) {
        const int32_t rest = (t > 0 || before == 0) && (uintptr_t)from >= (uintptr_t)job->rest;
        const int32_t end = rest ? left : 3;
        uint32_t v[3];
        for (int32_t i = 0; i < 3; i++) {
            const int32_t inside = i >= before && i < end;
            v[i] = (inside ? *(const mce_word_any *)(from + i * job->pitch) : job->outside) ^ flip;
        }
        left = rest ? 0 : left;
        for (int32_t c = 0; c < MCE_DW3_CHANNELS; c++) {
            const int32_t bit = 28 - 4 * c;
            to[3 * c] = (v[0] >> bit & 15u) | (v[1] >> bit & 15u) << 12 | (v[2] >> bit & 15u) << 24;
        }
    }
}

/* A channel's sum over three rows. */
MCE_INLINE uint64_t mce_dw3_sum(uint32_t low, const mce_word *x, const mce_word *w)
{
    uint64_t sum = low | (uint64_t)MCE_DW3_HIGH << 32;
    for (int32_t i = 0; i < 3; i++) {
        sum += (uint64_t)((int64_t)(int32_t)x[i] * (int32_t)w[i]);
    }
    return sum;
}

static inline void mce_dw3_step(mce_type type, mce_dw3_job *job)
{
    mce_dw3_row_of_x(type == MCE_S4 ? 0x88888888u : 0, job);
    if (job->w == 0) {
        return;
    }
    const mce_word *x = job->x;
    mce_word *w = job->w;
    for (int32_t c = 0; c < MCE_DW3_CHANNELS; c++, x += 3, w += MCE_DW3_RECORD) {
        const uint32_t tap = w[2];
        w[2] = w[1], w[1] = w[0], w[0] = tap;
        w[3] = (uint32_t)(mce_dw3_sum(MCE_DW3_LOW, x, w) >> 36);
    }
    for (; x != job->end; job->y += job->advance) {
        uint32_t out[3] = {job->flip, job->flip, job->flip};
        w = job->w;
        for (int32_t c = 0; c < MCE_DW3_CHANNELS; c++, x += 3, w += MCE_DW3_RECORD) {
            const uint64_t sum = mce_dw3_sum(w[3], x, w);
            for (int32_t i = 0; i < 3; i++) {
                const uint32_t field = (uint32_t)(sum >> 12 * i) & 4095u;
                out[i] ^= mce_usat4((int32_t)(field * w[5] + w[6]) >> 20) << (28 - 4 * c);
            }
            w[3] = (uint32_t)(sum >> 36);
        }
        *(mce_word_any *)(job->y + job->third) = out[2];
        *(mce_word_any *)(job->y + job->second) = out[1];
        *(mce_word_any *)job->y = out[0];
    }
}

#endif

/* A polynomial of codes as one of levels. Without a table a code is its level plus 8. */
MCE_INLINE uint32_t mce_dw3_taps(const int16_t *level, uint32_t v)
{
    if (level == 0) {
        return v - 0x08008008u;
    }
    return (uint32_t)level[v & 15u] + ((uint32_t)level[v >> 12 & 15u] << 12) + ((uint32_t)level[v >> 24] << 24);
}

/* Records of eight channels, for a first row of taps that goes on to slot 0, from polynomials [3 rows][channels][3]. */
MCE_INLINE void mce_dw3_records(const int16_t *level, const mce_word *taps, const int32_t *offset, const int32_t *m,
                                int32_t m_step, int32_t shift, mce_word *w)
{
    const int32_t last = MCE_DW3_CHANNELS - 1;
    offset += last, m += last * m_step;
    for (mce_word *const end = w + MCE_DW3_RECORDS; w != end; taps += 3, offset--, m -= m_step, w += MCE_DW3_RECORD) {
        w[0] = mce_dw3_taps(level, taps[MCE_DW3_TRIPLE]);
        w[1] = mce_dw3_taps(level, taps[2 * MCE_DW3_TRIPLE]);
        w[2] = mce_dw3_taps(level, taps[0]);
        w[4] = MCE_DW3_HIGH;
        w[5] = (uint32_t)*m >> (12 - shift);
        w[6] = (uint32_t)*offset;
    }
}

/* One of the two axes of x and y: places of either, bytes from one to the next, and padding before x. */
typedef struct mce_dw3_axis {
    int32_t x, y, x_step, y_step, before;
} mce_dw3_axis;

/* acc[o] = bias[o] + sum_{i,j} level(code[i,j,o]) * X[h - top + i, w - left + j, o]
 * y[h,w,o] = clamp(y.zero + q32(acc[o], m[o], s)), 3x3, stride 1, no dilation                         SPEC.md 4.2
 * Triples lie along w, or along h where a row has no whole triples of outputs and a column is longer; on that side x has
 * at least 2 places and at most 1 before it. codes: packing dw_triples, [c/8][3 rows][3 taps in reverse], or columns, a
 * nibble a channel; bias: the offsets. scratch, with n triples a row, at least 3: records, the triples of three rows, a
 * row of outputs. */
MCE_INLINE void mce_dwconv2d_triples(mce_type type, const mce_conv2d *p, const uint8_t *x, uint8_t *y,
                                     mce_scratch *scratch)
{
    const int32_t pixel = p->x.c >> 1, m_step = p->requant.per_channel != 0 ? 1 : 0;
    const mce_dw3_axis w_axis = {p->x.w, p->y.w, pixel, pixel, p->window.left};
    const mce_dw3_axis h_axis = {p->x.h, p->y.h, p->x.w * pixel, p->y.w * pixel, p->window.top};
    const int32_t along_h = p->y.w % 3 != 0 && p->y.h > p->y.w;
    const mce_dw3_axis along = along_h ? h_axis : w_axis, across = along_h ? w_axis : h_axis;
    const int32_t outputs = (along.y + 2) / 3, triples = outputs + 1, before = along.before + 1;
    /* rows from which on y has no room for what the last triple writes beyond its row */
    const int32_t apart = 3 * outputs == along.y ? across.y : along_h ? 0 : across.y - (3 * outputs - 1) / along.y;
    const int32_t *m = p->requant.multiplier;
    mce_word *const w = (mce_word *)(void *)scratch, *const plane = w + MCE_DW3_RECORDS;
    mce_word *const row = plane + (triples > 3 ? triples : 3) * MCE_DW3_TRIPLE;
    const int32_t whole = (along.x + before) / 3 * 3;
    const uint8_t *const codes_end = (const uint8_t *)p->codes + 9 * (p->x.c >> 1);
    mce_dw3_job taps = {plane, (const uint8_t *)p->codes, 4, codes_end, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    mce_dw3_job job = {plane,
                       x,
                       0,
                       0,
                       ((uint32_t)p->x.zero & 0x0Fu) * 0x11111111u,
                       before,
                       triples,
                       0,
                       0,
                       plane,
                       plane + triples * MCE_DW3_TRIPLE,
                       y,
                       0,
                       0,
                       0,
                       p->y.type == MCE_S4 ? 0x88888888u : 0};
    for (int32_t c = 0; c < p->x.c; c += MCE_DW3_CHANNELS, m += MCE_DW3_CHANNELS * m_step, x += 4, y += 4) {
        mce_dw3_step(type, &taps);
        taps.from += 36;
        mce_dw3_records((const int16_t *)p->levels, plane, p->bias + c, m, m_step, p->requant.shift, w);
        const uint8_t *from = x - across.before * across.x_step - before * along.x_step;
        uint8_t *to = y;
        job.to = plane;
        job.second = along.y_step, job.third = 2 * along.y_step, job.advance = 3 * along.y_step;
        for (int32_t at = -2; at < across.y; at++, from += across.x_step) {
            const int32_t inside = mce_inside(at + 2 - across.before, across.x);
            job.from = inside ? from : (const uint8_t *)&job.outside;
            job.pitch = inside ? along.x_step : 0;
            job.rest = inside ? from + whole * along.x_step : job.from + 1;
            job.left = inside ? along.x + before - whole : 0;
            job.w = at < 0 ? 0 : w;
            job.y = to;
            if (at >= 0) {
                to += across.y_step;
                if (at >= apart) {
                    job.y = (uint8_t *)row, job.second = 4, job.third = 8, job.advance = 12;
                }
            }
            mce_dw3_step(type, &job);
            if (at >= 0 && at >= apart) {
                uint8_t *one = to - across.y_step;
                for (const mce_word *v = row; v != row + along.y; v++, one += along.y_step) {
                    *(mce_word_any *)one = *v;
                }
            }
            job.to = job.to == plane + 2 ? plane : job.to + 1;
        }
    }
}

#endif
