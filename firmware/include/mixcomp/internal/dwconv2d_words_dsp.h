/* The body of mce_dwconv2d_<act>_<weight>_words__dsp: depthwise under any window, four channels at a time, or eight where x
 * has 4 bits; type and bits of a code are constants in each of them.
 *
 * Outputs run along rows, or along columns where the window is higher than wide. What some of them need of x comes first,
 * to a plane of cells [along][across]: a pixel's channels as lane pairs, channels 0 and 2, 1 and 3, or 0 and 4, 1 and 5 and
 * so on. An output then meets kh * kw cells one behind the other, whatever stride, dilation and padding: outputs that lie a
 * dilation apart run together. */
#ifndef MIXCOMP_INTERNAL_DWCONV2D_WORDS_DSP_H
#define MIXCOMP_INTERNAL_DWCONV2D_WORDS_DSP_H

#include "mixcomp/internal/dsp_output.h"
#include "mixcomp/internal/window.h"
#include "mixcomp/dwconv2d.h"

enum { MCE_DW_WORDS = 512 }; /* of a plane at most, unless one output needs more */

/* A run of outputs. Read by the assembly at the offsets in brackets. */
typedef struct mce_dw_outputs {
    const mce_word *x;   /* [0] cells of the first one */
    uint8_t *y;          /* [4] where the first one goes */
    int32_t x_on;        /* [8] bytes from the end of one's cells to the next one's */
    int32_t y_step;      /* [12] bytes from one to the next */
    uint32_t flip;       /* [16] sign bits of a word of outputs */
    const uint8_t *last; /* [20] where y ends */
    const mce_word *w;   /* [24] sums to start with, levels as [kh*kw] cells, y's zero in offset binary, multipliers */
    const mce_word *end; /* [28] of the levels */
} mce_dw_outputs;

#if MCE_DSP

/* A field more or less, and the offsets above are wrong. */
typedef char mce_dw_outputs_are_as_the_assembly_reads_them[sizeof(mce_dw_outputs) == 32 ? 1 : -1];

#define MCE_DW_SUM(x, w, low, high) /* a lane pair */                                                                  \
    "smlabb " low ", " x ", " w ", " low "\n\tsmlatt " high ", " x ", " w ", " high "\n\t"
#define MCE_DW_SCALE(y, m, zero, bits) "smmlar " y ", " y ", " m ", " zero "\n\tusat " y ", #" bits ", " y "\n\t"
#define MCE_DW_JOIN(to, y, place) "orr " to ", " to ", " y ", lsl #" place "\n\t"

/* Outputs of an odd number of cells, of an even one, and of one: in twos, behind the first one. */
#define MCE_DW_BY_CELLS(taps_bytes, outputs, cell, again)                                                              \
    "cmp r1, #" taps_bytes "\n\t"                                                                                      \
    "beq 5f\n\t"                                                                                                       \
    "tst r1, #" taps_bytes "\n\t"                                                                                      \
    "beq 3f\n\t" outputs("1", cell "2:\n\t" cell cell again "bne 2b\n\t") "b 6f\n\t" outputs(                          \
        "3", "4:\n\t" cell cell again "bne 4b\n\t") "b 6f\n\t" outputs("5", cell) "6:\n\t"

#define MCE_DW_FOUR_CELL                                                                                               \
    "ldrd r6, r7, [r0], #8\n\t"                                                                                        \
    "ldrd r8, r9, [lr], #8\n\t" MCE_DW_SUM("r6", "r8", "r2", "r4") MCE_DW_SUM("r7", "r9", "r3", "r5")
#define MCE_DW_FOUR_AGAIN "cmp lr, r10\n\t"
#define MCE_DW_FOUR_OUTPUTS(label, cells, bits, twice, thrice, store)                                                  \
    label ":\n\t"                                                                                                      \
          "ldm lr!, {r2-r5}\n\t" cells "ldm lr, {r1, r6-r9}\n\t" MCE_DW_SCALE("r2", "r6", "r1", bits)                  \
              MCE_DW_SCALE("r3", "r7", "r1", bits) MCE_DW_SCALE("r4", "r8", "r1", bits)                                \
                  MCE_DW_SCALE("r5", "r9", "r1", bits) MCE_DW_JOIN("r2", "r3", bits) MCE_DW_JOIN("r2", "r4", twice)    \
                      MCE_DW_JOIN("r2", "r5", thrice) "ldm sp, {r6-r9, lr}\n\t"                                        \
                                                      "eor r2, r2, r8\n\t" store " r2, [r12]\n\t"                      \
                                                      "add r12, r12, r7\n\t"                                           \
                                                      "add r0, r0, r6\n\t"                                             \
                                                      "cmp r12, r9\n\t"                                                \
                                                      "bne " label "b\n\t"
#define MCE_DW_FOUR_BYTES(label, cells) MCE_DW_FOUR_OUTPUTS(label, cells, "8", "16", "24", "str")
#define MCE_DW_FOUR_NIBBLES(label, cells) MCE_DW_FOUR_OUTPUTS(label, cells, "4", "8", "12", "strh")

/* r0 cells, r1 and r6 to r9 what sums meet, r2 to r5 sums, r10 end of levels, r12 y, lr w; [sp] x_on, y_step, flip, last,
 * w. */
#define MCE_DW_FOUR(outputs)                                                                                           \
    __asm__("push {r4-r11, lr}\n\t"                                                                                    \
            "sub sp, sp, #20\n\t"                                                                                      \
            "ldr r10, [r0, #28]\n\t"                                                                                   \
            "add r1, r0, #8\n\t"                                                                                       \
            "ldm r1, {r6-r9, lr}\n\t"                                                                                  \
            "stm sp, {r6-r9, lr}\n\t"                                                                                  \
            "ldrd r0, r12, [r0]\n\t"                                                                                   \
            "sub r1, r10, lr\n\t"                                                                                      \
            "sub r1, r1, #16\n\t" outputs "add sp, sp, #20\n\t"                                                        \
            "pop {r4-r11, pc}\n\t")

#define MCE_DW_EIGHT_CELL                                                                                              \
    "ldrd r10, r11, [r0], #8\n\t"                                                                                      \
    "ldrd r1, r12, [lr], #8\n\t" MCE_DW_SUM("r10", "r1", "r2", "r6")                                                   \
        MCE_DW_SUM("r11", "r12", "r3", "r7") "ldrd r10, r11, [r0], #8\n\t"                                             \
                                             "ldrd r1, r12, [lr], #8\n\t" MCE_DW_SUM("r10", "r1", "r4", "r8")          \
                                                 MCE_DW_SUM("r11", "r12", "r5", "r9")
#define MCE_DW_EIGHT_AGAIN                                                                                             \
    "ldr r1, [sp, #28]\n\t"                                                                                            \
    "cmp lr, r1\n\t"
#define MCE_DW_EIGHT_OUTPUTS(label, cells, bits, end)                                                                  \
    label                                                                                                              \
        ":\n\t"                                                                                                        \
        "ldm lr!, {r2-r9}\n\t" cells "str r0, [sp]\n\t"                                                                \
        "ldm lr!, {r0, r1, r10-r12}\n\t" MCE_DW_SCALE("r2", "r1", "r0", bits) MCE_DW_SCALE("r3", "r10", "r0", bits)    \
            MCE_DW_SCALE("r4", "r11", "r0", bits)                                                                      \
                MCE_DW_SCALE("r5", "r12", "r0", bits) "ldm lr, {r1, r10-r12}\n\t" MCE_DW_SCALE("r6", "r1", "r0", bits) \
                    MCE_DW_SCALE("r7", "r10", "r0", bits) MCE_DW_SCALE("r8", "r11", "r0", bits)                        \
                        MCE_DW_SCALE("r9", "r12", "r0", bits) end "add r3, r3, r5\n\t"                                 \
                                                                  "str r3, [sp, #4]\n\t"                               \
                                                                  "add r0, r0, r4\n\t"                                 \
                                                                  "cmp r3, r7\n\t"                                     \
                                                                  "bne " label "b\n\t"
#define MCE_DW_EIGHT_NIBBLES(label, cells)                                                                             \
    MCE_DW_EIGHT_OUTPUTS(label, cells, "4",                                                                            \
                         MCE_DW_JOIN("r2", "r3", "4") MCE_DW_JOIN("r2", "r4", "8") MCE_DW_JOIN("r2", "r5", "12")       \
                             MCE_DW_JOIN("r2", "r6", "16") MCE_DW_JOIN("r2", "r7", "20") MCE_DW_JOIN("r2", "r8", "24") \
                                 MCE_DW_JOIN("r2", "r9", "28") "ldm sp, {r0, r3-r7, lr}\n\t"                           \
                                                               "eor r2, r2, r6\n\t"                                    \
                                                               "str r2, [r3]\n\t")
#define MCE_DW_EIGHT_BYTES(label, cells)                                                                               \
    MCE_DW_EIGHT_OUTPUTS(label, cells, "8",                                                                            \
                         MCE_DW_JOIN("r2", "r3", "8") MCE_DW_JOIN("r2", "r4", "16") MCE_DW_JOIN("r2", "r5", "24")      \
                             MCE_DW_JOIN("r6", "r7", "8") MCE_DW_JOIN("r6", "r8", "16") "orr r8, r6, r9, lsl #24\n\t"  \
                                                                                        "ldm sp, {r0, r3-r7, lr}\n\t"  \
                                                                                        "eor r2, r2, r6\n\t"           \
                                                                                        "eor r8, r8, r6\n\t"           \
                                                                                        "str r2, [r3]\n\t"             \
                                                                                        "str r8, [r3, #4]\n\t")

/* r0 cells and y's zero, r1 and r10 to r12 what sums meet, r2 to r9 sums, lr w; [sp] the job, x and y as they go on. */
#define MCE_DW_EIGHT(outputs)                                                                                          \
    __asm__("push {r4-r11, lr}\n\t"                                                                                    \
            "sub sp, sp, #32\n\t"                                                                                      \
            "ldm r0, {r2-r9}\n\t"                                                                                      \
            "stm sp, {r2-r9}\n\t"                                                                                      \
            "mov r0, r2\n\t"                                                                                           \
            "mov lr, r8\n\t"                                                                                           \
            "sub r1, r9, r8\n\t"                                                                                       \
            "sub r1, r1, #32\n\t" outputs "add sp, sp, #32\n\t"                                                        \
            "pop {r4-r11, pc}\n\t")

/* Outputs of x's width come in three kinds, others, which are rare, in one. */
MCE_NAKED void mce_dw_four_bytes(MCE_IN_ASM const mce_dw_outputs *job)
{ MCE_DW_FOUR(MCE_DW_BY_CELLS("8", MCE_DW_FOUR_BYTES, MCE_DW_FOUR_CELL, MCE_DW_FOUR_AGAIN)); }
MCE_NAKED void mce_dw_four_nibbles(MCE_IN_ASM const mce_dw_outputs *job)
{ MCE_DW_FOUR(MCE_DW_FOUR_NIBBLES("1", "2:\n\t" MCE_DW_FOUR_CELL MCE_DW_FOUR_AGAIN "bne 2b\n\t")); }
MCE_NAKED void mce_dw_eight_nibbles(MCE_IN_ASM const mce_dw_outputs *job)
{ MCE_DW_EIGHT(MCE_DW_BY_CELLS("16", MCE_DW_EIGHT_NIBBLES, MCE_DW_EIGHT_CELL, MCE_DW_EIGHT_AGAIN)); }
MCE_NAKED void mce_dw_eight_bytes(MCE_IN_ASM const mce_dw_outputs *job)
{ MCE_DW_EIGHT(MCE_DW_EIGHT_BYTES("1", "2:\n\t" MCE_DW_EIGHT_CELL MCE_DW_EIGHT_AGAIN "bne 2b\n\t")); }

MCE_INLINE void mce_dw_run(int32_t together, int32_t packed, const mce_dw_outputs *job)
{
    if (together == 8 && packed) {
        mce_dw_eight_nibbles(job);
    } else if (together == 8) {
        mce_dw_eight_bytes(job);
    } else if (packed) {
        mce_dw_four_nibbles(job);
    } else {
        mce_dw_four_bytes(job);
    }
}

#else

/* The same in C, for PCs. */
MCE_INLINE void mce_dw_run(int32_t together, int32_t packed, const mce_dw_outputs *job)
{
    const mce_word *x = job->x;
    const int32_t pairs = together / 2, in_word = packed ? 8 : 4;
    for (uint8_t *y = job->y; y != job->last; y += job->y_step, x += job->x_on / 4) {
        const mce_word *w = job->w + together;
        int32_t sum[8];
        for (int32_t i = 0; i < together; i++) {
            sum[i] = (int32_t)job->w[i];
        }
        for (; w != job->end; w += pairs, x += pairs) {
            for (int32_t i = 0; i < pairs; i++) {
                sum[i] = mce_smlabb(x[i], w[i], sum[i]);
                sum[i + pairs] = mce_smlatt(x[i], w[i], sum[i + pairs]);
            }
        }
        for (int32_t first = 0; first < together; first += in_word) {
            uint32_t word = 0;
            for (int32_t i = 0; i < in_word && first + i < together; i++) {
                const int32_t v = mce_smmlar(sum[first + i], (int32_t)w[1 + first + i], (int32_t)w[0]);
                word |= packed ? mce_usat4(v) << 4 * i : mce_usat8(v) << 8 * i;
            }
            if (packed && together == 4) {
                *(mce_half_any *)y = (uint16_t)(word ^ job->flip);
            } else {
                *(mce_word_any *)(y + first) = word ^ job->flip;
            }
        }
    }
}
#endif

/* How many channels go together. */
MCE_INLINE int32_t mce_dw_together(mce_type type)
{ return mce_is_packed(type) ? 8 : 4; }

/* An axis of x and y: the window's taps, stride, dilation and padding along it, places of x and y, and the elements from one
 * place to the next. */
typedef struct mce_dw_axis {
    int32_t k, s, d, before;
    int32_t x, y, x_step, y_step;
} mce_dw_axis;

MCE_INLINE mce_dw_axis mce_dw_axis_of(const mce_conv2d *p, int32_t along_h)
{
    const mce_window *const k = &p->window;
    if (along_h) {
        const mce_dw_axis h = {k->kh, k->sh, k->dh, k->top, p->x.h, p->y.h, p->x.w * p->x.c, p->y.w * p->y.c};
        return h;
    }
    const mce_dw_axis w = {k->kw, k->sw, k->dw, k->left, p->x.w, p->y.w, p->x.c, p->y.c};
    return w;
}

/* A cell of the codes in a word: those of s4 in offset binary. */
MCE_INLINE void mce_dw_cell(mce_type type, uint32_t word, uint32_t mask, mce_word *to)
{
    uint32_t lanes[4];
    if (mce_is_packed(type)) {
        const uint32_t v = word ^ (type == MCE_S4 ? 0x88888888u : 0);
        lanes[0] = v & mask;
        lanes[1] = v >> 4 & mask;
        lanes[2] = v >> 8 & mask;
        lanes[3] = v >> 12 & mask;
    } else {
        lanes[0] = type == MCE_S8 ? mce_sxtb16(word) : mce_uxtb16(word);
        lanes[1] = type == MCE_S8 ? mce_sxtb16_odd(word) : mce_uxtb16_odd(word);
    }
#if MCE_DSP
    __asm__("strd %0, %1, [%2]" : : "r"(lanes[0]), "r"(lanes[1]), "r"(to) : "memory");
    if (mce_is_packed(type)) {
        __asm__("strd %0, %1, [%2, #8]" : : "r"(lanes[2]), "r"(lanes[3]), "r"(to) : "memory");
    }
#else
    for (int32_t i = 0; i < mce_dw_together(type) / 2; i++) {
        to[i] = lanes[i];
    }
#endif
}

/* n cells of words, `bytes` apart, to cells `on` words apart. */
MCE_INLINE void mce_dw_cells(mce_type type, const uint8_t *from, int32_t bytes, int32_t n, mce_word *to, int32_t on)
{
    uint32_t mask = 0x000F000Fu;
    MCE_IN_REGISTER(mask);
    for (mce_word *const end = to + (n & ~1) * on; to != end; to += 2 * on) {
        const uint32_t v = *(const mce_word_any *)from, u = *(const mce_word_any *)(from + bytes);
        from += 2 * bytes;
        mce_dw_cell(type, v, mask, to);
        mce_dw_cell(type, u, mask, to + on);
    }
    if ((n & 1) != 0) {
        mce_dw_cell(type, *(const mce_word_any *)from, mask, to);
    }
}

/* The same from element `at` on, `step` elements apart, for channels c.. of y, where these do not begin in whole bytes, are
 * fewer than go together, or `each` for one of x. */
MCE_SHARED void mce_dw_cells_apart(mce_type type, const mce_conv2d *p, const uint8_t *x, int32_t at, int32_t step,
                                   int32_t c, int32_t n, mce_word *to, int32_t on)
{
    const int32_t packed = mce_is_packed(type), together = mce_dw_together(type);
    const int32_t each = p->y.c / p->x.c, last = p->y.c - 1;
    for (; n > 0; n--, at += step, to += on) {
        uint32_t v = 0;
        if (packed && each == 1 && together <= last) {
            const uint8_t *const from = x + ((at + c) >> 1);
            v = *(const mce_word_any *)from;
            if (((at + c) & 1) != 0) {
                v = v >> 4 | (uint32_t)from[4] << 28;
            }
        } else {
            for (int32_t i = 0; i < together; i++) {
                const int32_t o = c + i < last ? c + i : last, k = at + (each == 1 ? o : o / each);
                v |= packed ? (uint32_t)(x[k >> 1] >> 4 * (k & 1) & 0x0F) << 4 * i : (uint32_t)x[k] << 8 * i;
            }
        }
        mce_dw_cell(type, v, 0x000F000Fu, to);
    }
}

/* n cells of v alone, `on` words apart. */
MCE_INLINE void mce_dw_fill(int32_t pairs, uint32_t v, int32_t n, mce_word *to, int32_t on)
{
    for (; n > 0; n--, to += on) {
        for (int32_t i = 0; i < pairs; i++) {
            to[i] = v;
        }
    }
}

/* What the planes of a run have in common, whatever its place across. */
typedef struct mce_dw_places {
    int32_t c;                   /* the first channel */
    int32_t before, inside, end; /* places along before x, in it, and behind it */
    int32_t at, step;            /* elements of x from its start to the first one inside, and from one to the next */
    int32_t apart;               /* where mce_dw_cells_apart is needed */
    uint32_t around;             /* what lies around x, twice */
} mce_dw_places;

/* n places along from a on, a dilation apart. */
MCE_INLINE mce_dw_places mce_dw_places_of(mce_type type, const mce_conv2d *p, const mce_dw_axis *along, int32_t c,
                                          int32_t a, int32_t n)
{
    const mce_span within = mce_taps_inside(a, along->d, n, along->x);
    const int32_t together = mce_dw_together(type), halved = mce_is_packed(type) && (p->x.c & 1) != 0;
    const uint32_t zero = (uint32_t)(type == MCE_S4 ? p->x.zero + 8 : p->x.zero) & 0xFFFFu;
    const mce_dw_places places = {c,
                                  within.first,
                                  within.end - within.first,
                                  n - within.end,
                                  (a + within.first * along->d) * along->x_step,
                                  along->d * along->x_step,
                                  p->y.c < together || p->y.c != p->x.c || halved,
                                  zero | zero << 16};
    return places;
}

/* Their plane, times the window across from b on. */
MCE_SHARED void mce_dw_plane_of(mce_type type, const mce_conv2d *p, const mce_dw_places *places,
                                const mce_dw_axis *across, const uint8_t *x, int32_t b, mce_word *plane)
{
    const int32_t packed = mce_is_packed(type), pairs = mce_dw_together(type) / 2, on = pairs * across->k;
    const int32_t before = places->before, inside = places->inside, end = places->end;
    const uint32_t around = places->around;
    for (int32_t i = across->k; i > 0; i--, b += across->d, plane += pairs) {
        if (!mce_inside(b, across->x)) {
            mce_dw_fill(pairs, around, before + inside + end, plane, on);
            continue;
        }
        const int32_t at = places->at + b * across->x_step;
        mce_word *const to = plane + before * on;
        mce_dw_fill(pairs, around, before, plane, on);
        if (places->apart) {
            mce_dw_cells_apart(type, p, x, at, places->step, places->c, inside, to, on);
        } else {
            const uint8_t *const from = x + mce_pair_bytes(packed, at + places->c);
            mce_dw_cells(type, from, mce_pair_bytes(packed, places->step), inside, to, on);
        }
        mce_dw_fill(pairs, around, end, to + inside * on, on);
    }
}

/* Two lane pairs of levels times 2^shift, from codes side by side, and what they add to the sums of four channels. */
MCE_INLINE void mce_dw_levels(int32_t bits, const int16_t *level, const uint16_t *codes, int32_t shift, mce_word *to,
                              uint32_t *sums, int32_t pairs)
{
    const uint32_t v = bits == 8 ? codes[0] | (uint32_t)codes[1] << 16 : codes[0];
    const uint32_t l0 = (uint32_t)(bits == 8 ? (int8_t)(v & 0xFFu) : level[v & 0x0Fu]) << shift;
    const uint32_t l1 = (uint32_t)(bits == 8 ? (int8_t)(v >> 8 & 0xFFu) : level[v >> 4 & 0x0Fu]) << shift;
    const uint32_t l2 = (uint32_t)(bits == 8 ? (int8_t)(v >> 16 & 0xFFu) : level[v >> 8 & 0x0Fu]) << shift;
    const uint32_t l3 = (uint32_t)(bits == 8 ? (int8_t)(v >> 24) : level[v >> 12]) << shift;
    to[0] = (l0 & 0xFFFFu) | l1 << 16;
    to[1] = (l2 & 0xFFFFu) | l3 << 16;
    sums[0] += l0, sums[pairs] += l1, sums[1] += l2, sums[1 + pairs] += l3;
}

/* What the assembly reads of the weights of channels c..; returns the end of the levels. All is times 2^shift, and levels
 * still fit in 16 bits (packing cells). */
MCE_SHARED const mce_word *mce_dw_weights(mce_type type, int32_t bits, const mce_conv2d *p, const uint16_t *codes,
                                          int32_t c, mce_word *w)
{
    const int32_t together = mce_dw_together(type), pairs = together / 2, shift = p->requant.shift, last = p->y.c - 1;
    const int32_t *const m = p->requant.multiplier, m_step = p->requant.per_channel != 0 ? 1 : 0, *const bias = p->bias;
    const int16_t *const level = (const int16_t *)p->levels;
    uint32_t sums[8] = {0, 0, 0, 0, 0, 0, 0, 0}; /* of the levels: what the offset of s4 adds, an eighth of it */
    mce_word *to = w + together;
    for (mce_word *const end = to + pairs * p->window.kh * p->window.kw; to != end; to += pairs) {
        mce_dw_levels(bits, level, codes, shift, to, sums, pairs);
        codes += bits / 4;
        if (pairs == 4) {
            mce_dw_levels(bits, level, codes, shift, to + 2, sums + 2, pairs);
            codes += bits / 4;
        }
    }
    *to = (uint32_t)(p->y.zero + mce_offset_binary(p->y.type));
    for (int32_t i = 0; i < together; i++, c += c < last) {
        w[i] = ((uint32_t)bias[c] << shift) - (type == MCE_S4 ? 8 * sums[i] : 0);
        to[1 + i] = (uint32_t)m[c * m_step];
    }
    return to;
}

/* n outputs of fewer channels or in half bytes, from codes of `together` each, to elements at, at + step, ... of y. */
MCE_SHARED void mce_dw_scatter(const mce_tensor *to, int32_t together, const uint8_t *codes, int32_t at, int32_t step,
                               int32_t n, uint8_t *y)
{
    const int32_t total = to->h * to->w * to->c, packed = mce_is_packed(to->type);
    const int32_t bytes = mce_pair_bytes(packed, together);
    for (; n > 0; n--, at += step, codes += bytes) {
        uint8_t *first = y + (at >> 1);
        if (to->c < together) {
            for (int32_t i = 0; i < to->c; i++) {
                mce_store_any(to->type, y, at + i, total, packed ? codes[i >> 1] >> 4 * (i & 1) & 0x0F : codes[i]);
            }
        } else if ((at & 1) == 0) {
            for (int32_t i = 0; i < bytes; i++) {
                first[i] = codes[i];
            }
        } else {
            uint32_t half = *first & 0x0Fu;
            for (int32_t i = 0; i < bytes; i++) {
                *first++ = (uint8_t)(half | (uint32_t)codes[i] << 4);
                half = codes[i] >> 4;
            }
            *first = (uint8_t)((at + together < total ? *first & 0xF0u : 0) | half);
        }
    }
}

/* acc[o] = bias[o] + sum_{i,j} level(code[i,j,o]) * X[h*sh - top + i*dh, w*sw - left + j*dw, o / (y.c / x.c)]
 * y[h,w,o] = clamp(y.zero + q32(acc[o], m[o], s))                                                      SPEC.md 4.2
 * The last channels that go together may be among those before them. codes: packing cells. scratch: weights, the plane, and
 * codes of outputs where y is not written as they come. (|bias| + sum |level| * max|x|) * 2^s < 2^31; the offset of s4
 * wraps there and back. */
MCE_INLINE void mce_dwconv2d_words(mce_type type, int32_t bits, const mce_conv2d *p, const uint8_t *x, uint8_t *y,
                                   mce_scratch *scratch)
{
    const int32_t along_h = p->window.kh > p->window.kw, taps = p->window.kh * p->window.kw;
    mce_dw_axis along = mce_dw_axis_of(p, along_h), across = mce_dw_axis_of(p, !along_h);
    if (taps == 1 && along.x == along.y && across.x == across.y && along.before + across.before == 0) { /* one row */
        along.x *= across.x, along.y *= across.y;
        across.x = across.y = 1;
    }
    const int32_t together = mce_dw_together(type), pairs = together / 2, channels = p->y.c;
    const int32_t packed = mce_is_packed(p->y.type), scattered = channels < together || (packed && (channels & 1) != 0);
    const int32_t room = MCE_DW_WORDS / (pairs * across.k), all = (along.y + along.d - 1) / along.d;
    const int32_t fitting = room > along.k ? (room - along.k) / along.s + 1 : 1;
    const int32_t most = fitting < all ? fitting : all; /* outputs of a plane */
    mce_word *const w = (mce_word *)(void *)scratch, *const plane = w + 2 * together + 1 + pairs * taps;
    uint8_t *const apart = (uint8_t *)(plane + pairs * across.k * ((most - 1) * along.s + along.k));
    const int32_t step = along.d * along.y_step;
    const uint16_t *codes = (const uint16_t *)p->codes;
    mce_dw_outputs job = {plane, 0, (along.s * across.k - taps) * pairs * 4, 0, 0, 0, w, 0};
    job.y_step = mce_pair_bytes(packed, scattered ? together : step);
    job.flip = p->y.type == MCE_S4 ? 0x88888888u : p->y.type == MCE_S8 ? 0x80808080u : 0;
    for (int32_t from = 0; from < channels; from += together, codes += taps * together * bits / 16) {
        const int32_t c = from + together <= channels || channels < together ? from : channels - together;
        job.end = mce_dw_weights(type, bits, p, codes, c, w);
        for (int32_t phase = 0; phase < along.d && phase < along.y; phase++) {
            const int32_t count = (along.y - phase + along.d - 1) / along.d;
            for (int32_t done = 0; done < count; done += most) {
                const int32_t n = count - done < most ? count - done : most, v = phase + done * along.d;
                const mce_dw_places places =
                    mce_dw_places_of(type, p, &along, c, v * along.s - along.before, (n - 1) * along.s + along.k);
                int32_t at = v * along.y_step + c, b = -across.before;
                for (int32_t i = across.y; i > 0; i--, at += across.y_step, b += across.s) {
                    mce_dw_plane_of(type, p, &places, &across, x, b, plane);
                    job.y = scattered ? apart : y + mce_pair_bytes(packed, at);
                    job.last = job.y + n * job.y_step;
                    mce_dw_run(together, packed, &job);
                    if (scattered) {
                        mce_dw_scatter(&p->y, together, apart, at, step, n, y);
                    }
                }
            }
        }
    }
}

#endif
