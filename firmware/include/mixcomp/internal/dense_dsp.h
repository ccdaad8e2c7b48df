/* The body of the dense layers in kernels/dsp; type and scheme are constants in each of them. */
#ifndef MIXCOMP_INTERNAL_DENSE_DSP_H
#define MIXCOMP_INTERNAL_DENSE_DSP_H

#include "mixcomp/internal/dsp_output.h"
#include "mixcomp/internal/pair_dsp.h"
#include "mixcomp/internal/quad_dsp.h"

/* x stays packed: a word of it is parted into lane pairs on the way, in the order of internal/dsp_gather.h. */

#if defined(__ARM_FEATURE_DSP)
#define MCE_DENSE_QUAD(shift0, shift1) /* 4 weights of 4 channels */                                                   \
    "ldrd %[wa], %[wb], [%[w]], #8\n\t"                                                                                \
    "and %[x0], %[mx], %[v]" shift0 "\n\t"                                                                             \
    "and %[x1], %[mx], %[v]" shift1 "\n\t"                                                                             \
    "and %[l], %[m], %[wa]\n\t"                                                                                        \
    "smlad %[a], %[x0], %[l], %[a]\n\t"                                                                                \
    "and %[l], %[m], %[wb]\n\t"                                                                                        \
    "smlad %[b], %[x0], %[l], %[b]\n\t"                                                                                \
    "and %[wa], %[m], %[wa], ror #8\n\t"                                                                               \
    "smlad %[a], %[x1], %[wa], %[a]\n\t"                                                                               \
    "and %[wb], %[m], %[wb], ror #8\n\t"                                                                               \
    "smlad %[b], %[x1], %[wb], %[b]\n\t"
#define MCE_DENSE_QUAD_STEP /* 8 weights of 4 channels: 32 multiply-accumulates in 23 instructions */                  \
    "ldr %[v], [%[x]], #4\n\t" MCE_DENSE_QUAD("", ", lsr #4") MCE_DENSE_QUAD(", lsr #8", ", lsr #12")
#define MCE_DENSE_QUAD_ASM(code)                                                                                       \
    __asm__(code                                                                                                       \
            : [a] "+r"(sum.a), [b] "+r"(sum.b), [x] "+r"(x), [w] "+r"(w), [v] "=&r"(v), [wa] "=&r"(wa),                \
              [wb] "=&r"(wb), [x0] "=&r"(x0), [x1] "=&r"(x1), [l] "=&r"(l)                                             \
            : [m] "r"(MCE_QUAD_MASK), [mx] "r"(0x000F000Fu), [end] "r"(end)                                            \
            : "memory", "cc")
#define MCE_DENSE_TAKE(one, w, acc, i) one(w, i) "smlad %[" acc "], %[x0], %[l], %[" acc "]\n\t"
#define MCE_DENSE_MASK(w, i) "and %[l], %[t], %[" w "], lsr #4*" #i "\n\t"
#define MCE_DENSE_MASK0(w, i) "and %[l], %[t], %[" w "]\n\t"
#define MCE_DENSE_LOOK(w, i) "ubfx %[l], %[" w "], #8*" #i ", #8\n\tldr %[l], [%[t], %[l], lsl #2]\n\t"
#define MCE_DENSE_LANE(lane, one, i) lane MCE_DENSE_TAKE(one, "wa", "a", i) MCE_DENSE_TAKE(one, "wb", "b", i)
#define MCE_DENSE_BYTES(lane, one, one0) /* 8 weights of 2 channels */                                                 \
    "ldrd %[wa], %[wb], [%[w]], #8\n\t"                                                                                \
    "ldr %[v], [%[x]], #4\n\t" MCE_DENSE_LANE(lane " %[x0], %[v]\n\t", one0, 0)                                        \
        MCE_DENSE_LANE(lane " %[x0], %[v], ror #8\n\t", one, 1) "ldr %[v], [%[x]], #4\n\t" MCE_DENSE_LANE(             \
            lane " %[x0], %[v]\n\t", one, 2) MCE_DENSE_LANE(lane " %[x0], %[v], ror #8\n\t", one, 3)
#define MCE_DENSE_NIBBLES(one, one0)                                                                                   \
    "ldrd %[wa], %[wb], [%[w]], #8\n\t"                                                                                \
    "ldr %[v], [%[x]], #4\n\t" MCE_DENSE_LANE("and %[x0], %[mx], %[v]\n\t", one0, 0)                                   \
        MCE_DENSE_LANE("and %[x0], %[mx], %[v], lsr #4\n\t", one, 1)                                                   \
            MCE_DENSE_LANE("and %[x0], %[mx], %[v], lsr #8\n\t", one, 2)                                               \
                MCE_DENSE_LANE("and %[x0], %[mx], %[v], lsr #12\n\t", one, 3)
#define MCE_DENSE_ASM(code)                                                                                            \
    if (n % 16 != 0) {                                                                                                 \
        MCE_DENSE_ONCE(code);                                                                                          \
    }                                                                                                                  \
    if (w != end) {                                                                                                    \
        MCE_DENSE_ONCE("1:\n\t" code code "cmp %[w], %[end]\n\tbne 1b");                                              \
    }
#define MCE_DENSE_ONCE(code)                                                                                           \
    __asm__(code                                                                                                       \
            : [a] "+r"(sum.a), [b] "+r"(sum.b), [x] "+r"(x), [w] "+r"(w), [v] "=&r"(v), [wa] "=&r"(wa),                \
              [wb] "=&r"(wb), [x0] "=&r"(x0), [l] "=&r"(l)                                                             \
            : [mx] "r"(0x000F000Fu), [t] "r"(table), [end] "r"(end)                                                    \
            : "memory", "cc")
#endif

/* Lane pair i of the words at x, as the gathered patches hold them. */
MCE_INLINE uint32_t mce_dense_lanes(mce_type type, const mce_word_any *x, int32_t i)
{
    if (mce_is_packed(type)) {
        return x[i >> 2] >> 4 * (i & 3) & 0x000F000Fu;
    }
    const uint32_t v = x[i >> 1] >> 8 * (i & 1);
    return type == MCE_S8 ? mce_sxtb16(v) : mce_uxtb16(v);
}

/* Elements in a word of x. */
MCE_INLINE int32_t mce_dense_per_word(mce_type type)
{ return mce_is_packed(type) ? 8 : 4; }

typedef struct mce_dense_sum {
    int32_t a, b; /* quad: two pairs of channels, else two channels */
} mce_dense_sum;

/* Adds the products of n elements of x (a multiple of 8), advanced, with two pairs of channels, w [n/4][2]. Packed x.
 * Returns the end of w. */
MCE_INLINE const mce_word *mce_dense_quad(const mce_word_any **from, const mce_word *w, int32_t n, mce_dense_sum *to)
{
    const mce_word_any *x = *from;
    const mce_word *const end = w + n / 2;
    mce_dense_sum sum = *to;
#if defined(__ARM_FEATURE_DSP)
    uint32_t v, wa, wb, x0, x1, l;
    if (n % 16 != 0) {
        MCE_DENSE_QUAD_ASM(MCE_DENSE_QUAD_STEP);
    }
    if (w != end) {
        MCE_DENSE_QUAD_ASM("1:\n\t" MCE_DENSE_QUAD_STEP MCE_DENSE_QUAD_STEP "cmp %[w], %[end]\n\tbne 1b");
    }
#else
    for (; w != end; x++) {
        for (int32_t i = 0; i < 4; i += 2, w += 2) {
            const uint32_t x0 = mce_dense_lanes(MCE_U4, x, i), x1 = mce_dense_lanes(MCE_U4, x, i + 1);
            sum.a = mce_smlad(x0, w[0] & MCE_QUAD_MASK, sum.a);
            sum.b = mce_smlad(x0, w[1] & MCE_QUAD_MASK, sum.b);
            sum.a = mce_smlad(x1, mce_ror(w[0], 8) & MCE_QUAD_MASK, sum.a);
            sum.b = mce_smlad(x1, mce_ror(w[1], 8) & MCE_QUAD_MASK, sum.b);
        }
    }
#endif
    *from = x;
    *to = sum;
    return w;
}

/* The same with one pair of channels, w [n/4]; b stays. */
MCE_INLINE const mce_word *mce_dense_half(const mce_word_any **from, const mce_word *w, int32_t n, mce_dense_sum *sum)
{
    const mce_word_any *x = *from;
    for (const mce_word *const end = w + n / 4; w != end; w += 2, x++) {
        sum->a = mce_smlad(mce_dense_lanes(MCE_U4, x, 0), w[0] & MCE_QUAD_MASK, sum->a);
        sum->a = mce_smlad(mce_dense_lanes(MCE_U4, x, 1), mce_ror(w[0], 8) & MCE_QUAD_MASK, sum->a);
        sum->a = mce_smlad(mce_dense_lanes(MCE_U4, x, 2), w[1] & MCE_QUAD_MASK, sum->a);
        sum->a = mce_smlad(mce_dense_lanes(MCE_U4, x, 3), mce_ror(w[1], 8) & MCE_QUAD_MASK, sum->a);
    }
    *from = x;
    return w;
}

/* The same with two channels, w [n/8][2]; pairs: null (0) for fixp4 plus 8, else the table of internal/pair_dsp.h. */
MCE_INLINE mce_dense_sum mce_dense_pair(mce_type type, const mce_word_any *x, const mce_word *w, const mce_word *pairs,
                                        int32_t n, mce_dense_sum sum)
{
    const mce_word *const end = w + n / 4;
#if defined(__ARM_FEATURE_DSP)
    uint32_t v, wa, wb, x0, l;
    if (pairs == 0) {
        const uint32_t table = 0x000F000Fu;
        if (type == MCE_S8) {
            MCE_DENSE_ASM(MCE_DENSE_BYTES("sxtb16", MCE_DENSE_MASK, MCE_DENSE_MASK0));
        } else {
            MCE_DENSE_ASM(MCE_DENSE_BYTES("uxtb16", MCE_DENSE_MASK, MCE_DENSE_MASK0));
        }
    } else {
        const mce_word *const table = pairs;
        if (mce_is_packed(type)) {
            MCE_DENSE_ASM(MCE_DENSE_NIBBLES(MCE_DENSE_LOOK, MCE_DENSE_LOOK));
        } else if (type == MCE_S8) {
            MCE_DENSE_ASM(MCE_DENSE_BYTES("sxtb16", MCE_DENSE_LOOK, MCE_DENSE_LOOK));
        } else {
            MCE_DENSE_ASM(MCE_DENSE_BYTES("uxtb16", MCE_DENSE_LOOK, MCE_DENSE_LOOK));
        }
    }
#else
    for (int32_t i = 0; w != end; w += 2) {
        for (uint32_t k = 0; k < 4; k++, i++) {
            const uint32_t lanes = mce_dense_lanes(type, x, i);
            const uint32_t la = pairs == 0 ? w[0] >> 4 * k & 0x000F000Fu : pairs[w[0] >> 8 * k & 0xFFu];
            const uint32_t lb = pairs == 0 ? w[1] >> 4 * k & 0x000F000Fu : pairs[w[1] >> 8 * k & 0xFFu];
            sum.a = mce_smlad(lanes, la, sum.a);
            sum.b = mce_smlad(lanes, lb, sum.b);
        }
    }
#endif
    return sum;
}

/* A block of the inputs, as in internal/quad_dsp.h. */
typedef struct mce_dense_block {
    int32_t offset; /* -8 * sum of x */
    int32_t size;   /* a multiple of 8 */
} mce_dense_block;

/* The blocks of n inputs, of `size` elements and a rest. Returns their end. */
MCE_INLINE mce_dense_block *mce_dense_blocks(mce_type type, const mce_word_any *x, int32_t n, int32_t size,
                                             mce_dense_block *block)
{
    const int32_t words = mce_is_packed(type) ? 1 : 2; /* of eight elements */
    for (; n > 0; n -= size, block++) {
        block->size = n < size ? n : size;
        block->offset = 0;
        for (int32_t k = 0; k < block->size; k += 8, x += words) {
            block->offset = mce_smlad(mce_dense_lanes(type, x, 0), 0xFFF8FFF8u, block->offset);
            block->offset = mce_smlad(mce_dense_lanes(type, x, 1), 0xFFF8FFF8u, block->offset);
            block->offset = mce_smlad(mce_dense_lanes(type, x, 2), 0xFFF8FFF8u, block->offset);
            block->offset = mce_smlad(mce_dense_lanes(type, x, 3), 0xFFF8FFF8u, block->offset);
        }
    }
    return block;
}

/* The words of x. They are copied to `copy` where x must change: s4 becomes u4 by adding 8, an incomplete group of eight is
 * filled with zeros. */
MCE_INLINE const mce_word_any *mce_dense_words(mce_type type, const uint8_t *x, int32_t inputs, mce_word *copy)
{
    if (type != MCE_S4 && inputs % 8 == 0) {
        return (const mce_word_any *)x;
    }
    const int32_t per_word = mce_dense_per_word(type), bits = 32 / per_word;
    for (int32_t i = 0; i < ((inputs + 7) & ~7); i += per_word) {
        uint32_t v = 0;
        for (int32_t k = 0; k < per_word && i + k < inputs; k++) {
            const uint32_t element = (uint32_t)mce_load(type, x, i + k) + (type == MCE_S4 ? 8u : 0);
            v |= (element & (mce_is_packed(type) ? 0x0Fu : 0xFFu)) << bits * k;
        }
        copy[i / per_word] = v;
    }
    return (const mce_word_any *)copy;
}

/* Writes outputs o and o + 1, if there are two. packed: y has 4-bit elements. */
MCE_INLINE void mce_dense_store(const mce_sink *s, int32_t plain, int32_t packed, int32_t o, int32_t outputs, int32_t a,
                                int32_t b)
{
    const int32_t *const m = s->requant->multiplier + o * s->step;
    if (plain == 0) {
        mce_sink_any(s, 0, o, o + 1 < outputs, a, b);
    } else if (packed) {
        mce_sink_store(1, s->y + (o >> 1), mce_sink_pair(1, s, 0, a, b, m[0], m[s->step]));
    } else {
        mce_sink_store(0, s->y + o, mce_sink_pair(0, s, 0, a, b, m[0], m[s->step]));
    }
}

/* acc[o] = bias[o] + sum_i level(o,i) * x[i]
 * y[o] = clamp(y.zero + q32(acc[o], m[o], s))                                                          SPEC.md 4.3
 * Bounds as in internal/conv2d_dsp.h. scratch: the blocks (pair_table: one, of no use), then x where it must be copied. */
MCE_INLINE void mce_dense_dsp(mce_type type, mce_scheme scheme, const mce_dense *p, const uint8_t *x, uint8_t *y,
                              mce_scratch *scratch)
{
    const int32_t inputs = p->x.h * p->x.w * p->x.c, outputs = p->y.h * p->y.w * p->y.c, n = (inputs + 7) & ~7;
    const int32_t packed = mce_is_packed(p->y.type), size = scheme == MCE_QUAD ? p->block : n;
    mce_dense_block *const blocks = (mce_dense_block *)(void *)scratch;
    const mce_word_any *const words =
        mce_dense_words(type, x, inputs, (mce_word *)(void *)(blocks + (n + size - 1) / size));
    const mce_word *const table = scheme == MCE_PAIR_TABLE ? (const mce_word *)p->levels : 0;
    const mce_sink sink = mce_sink_of(&p->y, &p->requant, 0, 0, y);
    const int32_t plain = mce_sink_is_plain(&sink, outputs);
    const mce_dense_block *const end = mce_dense_blocks(type, words, n, size, blocks);
    const mce_word *w = (const mce_word *)p->codes;
    if (scheme != MCE_QUAD) {
        const int32_t offset = scheme == MCE_PAIR ? blocks->offset : 0;
        for (int32_t o = 0; o < outputs; o += 2, w += n / 4) {
            const mce_dense_sum bias = {p->bias[o] + offset, (o + 1 < outputs ? p->bias[o + 1] : 0) + offset};
            const mce_dense_sum sum = mce_dense_pair(type, words, w, table, n, bias);
            mce_dense_store(&sink, plain, packed, o, outputs, sum.a, sum.b);
        }
        return;
    }
    for (int32_t o = 0; o < outputs; o += 4) {
        const int32_t two = outputs - o > 2, all = outputs - o > 3;
        int32_t low_a = p->bias[o], low_b = two ? p->bias[o + 2] : 0;
        const mce_word_any *from = words;
        mce_dense_sum sum = {0, 0};
        for (const mce_dense_block *block = blocks; block != end; block++) {
            sum.a += block->offset, sum.b += block->offset;
            w = two ? mce_dense_quad(&from, w, block->size, &sum) : mce_dense_half(&from, w, block->size, &sum);
            mce_quad_take(&low_a, &sum.a);
            mce_quad_take(&low_b, &sum.b);
        }
        const int32_t high_a = (o + 1 < outputs ? p->bias[o + 1] : 0) + (sum.a >> 12);
        mce_dense_store(&sink, plain, packed, o, outputs, low_a, high_a);
        if (two) {
            const int32_t high_b = (all ? p->bias[o + 3] : 0) + (sum.b >> 12);
            mce_dense_store(&sink, plain, packed, o + 2, outputs, low_b, high_b);
        }
    }
}

#endif
