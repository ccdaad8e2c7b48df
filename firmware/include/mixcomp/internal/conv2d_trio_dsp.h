/* Convolutions of bytes with fixp4 weights: two channels meet three pixels, so that a pair of weights, once it is parted
 * from its word, serves three SMLADs.
 *
 * A word holds four weights of each of two channels. `word << s & 0xF000F000` is two of them times 4096, signed as they
 * are: no offset to take back. So an accumulator holds 4096 times its sum, which must fit in 20 bits
 * (plan/packing/trio.py proves it); the bias, of any size, is added when it is shifted down. */
#ifndef MIXCOMP_INTERNAL_CONV2D_TRIO_DSP_H
#define MIXCOMP_INTERNAL_CONV2D_TRIO_DSP_H

#include "mixcomp/internal/dsp_gather.h"
#include "mixcomp/internal/dsp_output.h"

/* Read by the assembly at the offsets in brackets. */
typedef struct mce_trio_job {
    const mce_word *w;       /* [0] [pairs][n/4] */
    const mce_word *patches; /* [4] three pixels interleaved by words, [n/2][3] */
    const int32_t *bias;     /* [8] of the next two channels, advanced */
    const int32_t *m;        /* [12] multipliers of the next two channels, advanced by */
    int32_t m_advance;       /* [16] 8 bytes, or 0: all channels share two equal ones */
    int32_t zero;            /* [20] of y, in offset binary */
    int32_t shift;           /* [24] of q32 */
    uint32_t flip;           /* [28] sign bits of two outputs */
    uint8_t *y0, *y1, *y2;   /* [32, 36, 40] where the pixels' next channels go, advanced; y0 is written last */
    int32_t pairs;           /* [44] of channels, at least 1, counted down */
    int32_t packed;          /* [48] 1: y has 4-bit elements */
    int32_t n;               /* [52] elements of a patch, a multiple of 4 */
} mce_trio_job;

#if MCE_DSP

/* A field more or less, and the offsets above are wrong. */
typedef char mce_trio_job_is_as_the_assembly_reads_it[sizeof(mce_trio_job) == 56 ? 1 : -1];

#define MCE_TRIO_ADD(a, b, c)                                                                                          \
    "smlad " a ", r10, r3, " a "\n\t"                                                                                  \
    "smlad " b ", r11, r3, " b "\n\t"                                                                                  \
    "smlad " c ", r12, r3, " c "\n\t"
/* Four weights of two channels: 76 bytes of code. r0 patches, r1 w, r2 mask, r4-r6 and r7-r9 the channels' sums. */
#define MCE_TRIO_STEP                                                                                                  \
    "ldr.w lr, [r1], #4\n\t"                                                                                           \
    "ldmia.w r0!, {r10, r11, r12}\n\t"                                                                                 \
    "and.w r3, r2, lr, lsl #12\n\t" MCE_TRIO_ADD("r4", "r5", "r6") "and.w r3, r2, lr, lsl #8\n\t" MCE_TRIO_ADD(        \
        "r7", "r8", "r9") "ldmia.w r0!, {r10, r11, r12}\n\t"                                                           \
                          "and.w r3, r2, lr, lsl #4\n\t" MCE_TRIO_ADD(                                                 \
                              "r4", "r5", "r6") "and.w r3, r2, lr\n\t" MCE_TRIO_ADD("r7", "r8", "r9")
#define MCE_TRIO_SUM(acc, bias) "add " acc ", " bias ", " acc ", asr #12\n\t"
#define MCE_TRIO_SHIFT(acc) "lsl " acc ", " acc ", r2\n\t"
#define MCE_TRIO_SCALE(acc, m) "smmlar " acc ", " acc ", " m ", r0\n\t"
#define MCE_TRIO_CLAMP(bits, acc) "usat " acc ", #" bits ", " acc "\n\t"
#define MCE_TRIO_STORE(bits, store)                                                                                    \
    MCE_TRIO_CLAMP(bits, "r4")                                                                                         \
    MCE_TRIO_CLAMP(bits, "r5")                                                                                         \
    MCE_TRIO_CLAMP(bits, "r6")                                                                                         \
    MCE_TRIO_CLAMP(bits, "r7")                                                                                         \
    MCE_TRIO_CLAMP(bits, "r8")                                                                                         \
    MCE_TRIO_CLAMP(bits, "r9")                                                                                         \
    "orr r4, r4, r7, lsl #" bits "\n\t"                                                                                \
    "orr r5, r5, r8, lsl #" bits "\n\t"                                                                                \
    "orr r6, r6, r9, lsl #" bits "\n\t"                                                                                \
    "eor r4, r4, r3\n\t"                                                                                               \
    "eor r5, r5, r3\n\t"                                                                                               \
    "eor r6, r6, r3\n\t"                                                                                               \
    "ldm r12, {r0, r2, r3, lr}\n\t" store "subs lr, lr, #1\n\t"                                                        \
    "stm r12, {r0, r2, r3, lr}\n\t"                                                                                    \
    "bne 2b\n\t"                                                                                                       \
    "add sp, sp, #20\n\t"                                                                                              \
    "pop {r4-r11, pc}\n\t"

/* job->pairs pairs of channels at three pixels. */
MCE_NAKED void mce_trio_tiles(MCE_IN_ASM mce_trio_job *job)
{
    /* sp: [0] job, [4] end of the patches, [8] patches, [12] where the first round of the loop begins */
    __asm__(
        "push {r4-r11, lr}\n\t"
        "sub sp, sp, #20\n\t"
        "str r0, [sp]\n\t"
        "ldr r1, [r0]\n\t"
        "ldr r2, [r0, #4]\n\t"
        "ldr r3, [r0, #52]\n\t"
        "add r4, r3, r3, lsl #1\n\t"
        "add r4, r2, r4, lsl #1\n\t"
        "strd r4, r2, [sp, #4]\n\t"
        "adr r4, 1f\n\t"
        "rsb r3, r3, #0\n\t"
        "ubfx r3, r3, #2, #2\n\t" /* rounds of the first four that n does not have */
        "movs r5, #76\n\t"
        "mla r4, r3, r5, r4\n\t"
        "orr r4, r4, #1\n\t"
        "str r4, [sp, #12]\n\t"
        "2:\n\t"
        "ldrd r0, r3, [sp, #8]\n\t"
        "mov r2, #0xF000F000\n\t"
        "mov r4, #0\n\t"
        "mov r5, #0\n\t"
        "mov r6, #0\n\t"
        "mov r7, #0\n\t"
        "mov r8, #0\n\t"
        "mov r9, #0\n\t"
        "bx r3\n\t"
        ".balign 4\n\t"
        "1:\n\t" MCE_TRIO_STEP MCE_TRIO_STEP MCE_TRIO_STEP MCE_TRIO_STEP "ldr r3, [sp, #4]\n\t"
        "cmp r0, r3\n\t"
        "bne 1b\n\t"
        "ldr r12, [sp]\n\t"
        "ldr r3, [r12, #8]\n\t"
        "ldrd r10, r11, [r3], #8\n\t"
        "str r3, [r12, #8]\n\t" MCE_TRIO_SUM("r4", "r10") MCE_TRIO_SUM("r5", "r10") MCE_TRIO_SUM("r6", "r10")
            MCE_TRIO_SUM("r7", "r11") MCE_TRIO_SUM("r8", "r11") MCE_TRIO_SUM(
                "r9",
                "r11") "ldrd r0, r2, [r12, #12]\n\t"
                       "ldrd r10, r11, [r0]\n\t"
                       "add r0, r0, r2\n\t"
                       "str r0, [r12, #12]\n\t"
                       "ldrd r0, r2, [r12, #20]\n\t"
                       "cbz r2, 4f\n\t" MCE_TRIO_SHIFT("r4") MCE_TRIO_SHIFT("r5") MCE_TRIO_SHIFT("r6") MCE_TRIO_SHIFT(
                           "r7") MCE_TRIO_SHIFT("r8") MCE_TRIO_SHIFT("r9") "4:\n\t" MCE_TRIO_SCALE("r4", "r10")
                           MCE_TRIO_SCALE("r5", "r10") MCE_TRIO_SCALE("r6", "r10") MCE_TRIO_SCALE("r7", "r11")
                               MCE_TRIO_SCALE("r8", "r11") MCE_TRIO_SCALE(
                                   "r9",
                                   "r11") "ldr r3, [r12, #28]\n\t"
                                          "ldr r0, [r12, #48]\n\t"
                                          "add r12, r12, #32\n\t"
                                          "cmp r0, #0\n\t"
                                          "bne 3f\n\t" MCE_TRIO_STORE(
                                              "8",
                                              "strh r6, [r3], #2\n\tstrh r5, [r2], #2\n\tstrh r4, "
                                              "[r0], #2\n\t") "3:\n\t" MCE_TRIO_STORE("4",
                                                                                      "strb r6, [r3], #1\n\tstrb r5, "
                                                                                      "[r2], "
                                                                                      "#1\n\tstrb r4, [r0], #1\n\t"));
}

#else

/* The same in C, for PCs. */
static inline void mce_trio_tiles(mce_trio_job *job)
{
    const mce_word *w = job->w;
    uint8_t **const to[3] = {&job->y0, &job->y1, &job->y2};
    for (; job->pairs > 0; job->pairs--, job->bias += 2, job->m += job->m_advance / 4) {
        int32_t a[3] = {0, 0, 0}, b[3] = {0, 0, 0};
        for (int32_t i = 0; i < job->n / 2; i++) {
            const uint32_t four = w[i / 2] << (i % 2 == 0 ? 12 : 4), mask = 0xF000F000u;
            for (int32_t v = 0; v < 3; v++) {
                a[v] = mce_smlad(job->patches[3 * i + v], four & mask, a[v]);
                b[v] = mce_smlad(job->patches[3 * i + v], (i % 2 == 0 ? w[i / 2] << 8 : w[i / 2]) & mask, b[v]);
            }
        }
        w += job->n / 4;
        for (int32_t v = 2; v >= 0; v--) {
            const int32_t acc_a = (int32_t)((uint32_t)mce_wrap_add(job->bias[0], a[v] >> 12) << job->shift);
            const int32_t acc_b = (int32_t)((uint32_t)mce_wrap_add(job->bias[1], b[v] >> 12) << job->shift);
            const int32_t va = mce_smmlar(acc_a, job->m[0], job->zero), vb = mce_smmlar(acc_b, job->m[1], job->zero);
            const uint32_t both = job->packed ? mce_usat4(va) | mce_usat4(vb) << 4 : mce_usat8(va) | mce_usat8(vb) << 8;
            mce_sink_store(job->packed, *to[v], both ^ job->flip);
            *to[v] += job->packed ? 1 : 2;
        }
    }
}

#endif

/* n elements (a multiple of 4) of one pixel from `from` to a patch; returns its end. */
MCE_SHARED mce_word *mce_trio_words(mce_type type, mce_word *to, const uint8_t *from, int32_t n)
{
    for (const uint8_t *const end = from + n; from != end; from += 4, to += 6) {
        const uint32_t v = *(const mce_word_any *)from;
        to[0] = type == MCE_S8 ? mce_sxtb16(v) : mce_uxtb16(v);
        to[3] = type == MCE_S8 ? mce_sxtb16_odd(v) : mce_uxtb16_odd(v);
    }
    return to;
}

/* As many elements of the padding. */
MCE_SHARED mce_word *mce_trio_fill(mce_word *to, uint32_t both, int32_t n)
{
    for (; n > 0; n -= 4, to += 6) {
        to[0] = both, to[3] = both;
    }
    return to;
}

/* mce_trio_words at three pixels, step bytes apart. */
MCE_INLINE mce_word *mce_trio_words3(mce_type type, mce_word *to, const uint8_t *from, int32_t step, int32_t n)
{
#if MCE_DSP_LOOPS
    const uint8_t *second = from + step, *third = second + step, *const end = from + n;
    uint32_t a, b, c, d, e, f;
#define MCE_TRIO_WIDEN(extend)                                                                                         \
    __asm__ volatile("1:\n\t"                                                                                          \
                     "ldr %[a], [%[x]], #4\n\t"                                                                        \
                     "ldr %[b], [%[y]], #4\n\t"                                                                        \
                     "ldr %[c], [%[z]], #4\n\t" extend " %[d], %[a]\n\t" extend " %[e], %[b]\n\t" extend               \
                     " %[f], %[c]\n\t"                                                                                 \
                     "str %[d], [%[to], #0]\n\t"                                                                       \
                     "strd %[e], %[f], [%[to], #4]\n\t" extend " %[a], %[a], ror #8\n\t" extend                        \
                     " %[b], %[b], ror #8\n\t" extend " %[c], %[c], ror #8\n\t"                                        \
                     "str %[a], [%[to], #12]\n\t"                                                                      \
                     "strd %[b], %[c], [%[to], #16]\n\t"                                                               \
                     "add %[to], %[to], #24\n\t"                                                                       \
                     "cmp %[x], %[end]\n\t"                                                                            \
                     "bne 1b"                                                                                          \
                     : [a] "=&r"(a), [b] "=&r"(b), [c] "=&r"(c), [d] "=&r"(d), [e] "=&r"(e), [f] "=&r"(f),             \
                       [x] "+r"(from), [y] "+r"(second), [z] "+r"(third), [to] "+r"(to)                                \
                     : [end] "r"(end)                                                                                  \
                     : "memory", "cc")
    if (from == end) {
        return to;
    }
    if (type == MCE_S8) {
        MCE_TRIO_WIDEN("sxtb16");
    } else {
        MCE_TRIO_WIDEN("uxtb16");
    }
    return to;
#else
    for (int32_t v = 2; v > 0; v--) {
        mce_trio_words(type, to + v, from + v * step, n);
    }
    return mce_trio_words(type, to, from, n);
#endif
}

/* What a row of the window has beyond whole words: n elements, as elements `at` and so on of `rest`, at as many pixels, step
 * bytes apart; pixels is a constant. */
MCE_INLINE void mce_trio_rest(mce_type type, mce_word *rest, int32_t at, const uint8_t *from, int32_t n, int32_t step,
                              int32_t pixels)
{
    for (const uint8_t *const end = from + n; from != end; from++, at++) {
        uint8_t *const half = (uint8_t *)(rest + 3 * (at >> 1)) + 2 * (at & 1);
        for (int32_t v = 0; v < pixels; v++) {
            const uint8_t one = from[v * step];
            *(mce_half_any *)(half + 4 * v) = type == MCE_S8 ? (uint16_t)(int8_t)one : one;
        }
    }
}

/* The patch under the window at one pixel: `to` and its rest, X is x.zero in the padding. */
MCE_SHARED void mce_trio_patch(mce_type type, const mce_gathering *g, mce_corner at, mce_word *to, mce_word *rest)
{
    const mce_conv2d *const p = g->p;
    const mce_window *const k = &p->window;
    const int32_t depth = g->depth, odd = g->run & 3, even = g->run - odd;
    const int32_t whole = (uint32_t)at.row < g->rows && (uint32_t)at.column < g->columns;
    int32_t from = at.row * g->line + at.column * depth, pitch = g->pitch;
    const uint8_t *base = g->x;
    if (!whole && g->bytes != 0) {
        mce_gather_bytes(g, at, 0);
        base = g->bytes, from = 0, pitch = g->run;
    }
    if (whole || g->bytes != 0) {
        for (int32_t i = 0; i < k->kh; i++, from += pitch) {
            to = mce_trio_words(type, to, base + from, even);
            mce_trio_rest(type, rest, i * odd, base + from + even, odd, 0, 1);
        }
        return;
    }
    const mce_span columns = mce_taps_inside(at.column, 1, k->kw, p->x.w);
    const uint32_t zero = ((uint32_t)p->x.zero & 0xFFFFu) * 0x00010001u;
    for (int32_t i = 0; i < k->kh; i++, from += pitch) {
        const int32_t inside = mce_inside(at.row + i * k->dh, p->x.h);
        const int32_t before = inside ? columns.first * depth : g->run, after = inside ? columns.end * depth : g->run;
        to = mce_trio_fill(to, zero, before);
        if (after > before) {
            to = mce_trio_words(type, to, base + from + before, after - before);
        }
        to = mce_trio_fill(to, zero, g->run - after);
    }
}

/* As mce_conv2d_body without a residual, of one group and an even number of channels, the window's columns side by side.
 * scratch: [n/2][3] words for three patches, n = whole words of each of the window's rows, then what is left of them,
 * rounded up to a multiple of 4; then bytes for one patch where its channels do not fill words. */
MCE_INLINE void mce_conv2d_trio(mce_type type, const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch)
{
    const int32_t pixels = p->y.h * p->y.w, packed = mce_is_packed(p->y.type);
    const int32_t run = p->window.kw * p->x.c, odd = run & 3;
    const int32_t words = (run >> 2) * p->window.kh, n = 4 * words + ((odd * p->window.kh + 3) & ~3);
    const mce_sink sink = mce_sink_of(&p->y, &p->requant, 0, 0, y);
    const int32_t two[2] = {p->requant.multiplier[0], p->requant.multiplier[0]};
    mce_word *const patches = (mce_word *)(void *)scratch;
    mce_word *const rest = patches + 6 * words, *const end = patches + 3 * (n >> 1);
    mce_gathering g = mce_gather_of(type, p, x, (uint8_t *)end);
    if (p->window.kh * p->window.kw * p->window.sh * p->window.sw == 1 && pixels == p->x.h * p->x.w) { /* as one row */
        g.rows = 1, g.columns = (uint32_t)pixels, g.end = pixels;
    }
    mce_corner at = mce_corner_begin(&g);
    const int32_t step = g.advance * p->x.c, pitch = mce_pair_bytes(packed, p->y.c);
    mce_trio_job job = {(const mce_word *)p->codes,
                        patches,
                        0,
                        0,
                        sink.step != 0 ? 8 : 0,
                        sink.zero,
                        p->requant.shift,
                        sink.flip,
                        0,
                        0,
                        0,
                        0,
                        packed,
                        n};
    for (mce_word *to = rest; to != end; to++) {
        *to = 0;
    }
    for (int32_t pixel = 0; pixel < pixels; pixel += 3) {
        const int32_t count = pixels - pixel < 3 ? pixels - pixel : 3, last = at.column + 2 * g.advance;
        if (count == 3 && (uint32_t)at.row < g.rows && (uint32_t)at.column < g.columns && (uint32_t)last < g.columns &&
            last < g.end) {
            const uint8_t *from = x + at.row * g.line + at.column * p->x.c;
            mce_word *to = patches;
            for (int32_t i = 0; i < p->window.kh; i++, from += g.pitch) {
                to = mce_trio_words3(type, to, from, step, run - odd);
                mce_trio_rest(type, rest, i * odd, from + run - odd, odd, step, 3);
            }
            at.column = last;
            mce_corner_next(&g, &at);
        } else {
            for (int32_t v = 0; v < count; v++) {
                mce_trio_patch(type, &g, at, patches + v, rest + v);
                mce_corner_next(&g, &at);
            }
        }
        job.y0 = y + pixel * pitch;
        job.y1 = count > 1 ? job.y0 + pitch : job.y0;
        job.y2 = count > 2 ? job.y1 + pitch : job.y0;
        job.bias = p->bias;
        job.m = sink.step != 0 ? p->requant.multiplier : two;
        job.pairs = p->y.c >> 1;
        mce_trio_tiles(&job);
    }
}

#endif
