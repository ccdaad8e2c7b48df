/* The body of the dense layers in kernels/dsp; type and scheme are constants in each of them. */
#ifndef MIXCOMP_INTERNAL_DENSE_DSP_H
#define MIXCOMP_INTERNAL_DENSE_DSP_H

#include "mixcomp/internal/bytes_dsp.h"
#include "mixcomp/internal/dense_ends.h"

/* The blocks of packed inputs, lengths as in mce_conv2d; offset1 is of no use. Returns their end. */
MCE_INLINE mce_quad_block *mce_dense_blocks(const mce_word_any *x, const uint8_t *lengths, mce_quad_block *block)
{
    for (; *lengths != 0; x += *lengths++, block++) {
        block->size = 8 * *lengths;
        block->offset0 = mce_dense_offset(MCE_U4, x, block->size);
        block->offset1 = 0;
    }
    return block;
}

MCE_INLINE int32_t mce_dense_count(const uint8_t *lengths)
{
    int32_t count = 0;
    while (lengths[count] != 0) {
        count++;
    }
    return count;
}

/* Four outputs from o, a multiple of four, on; whatever the shift. */
MCE_INLINE void mce_dense_store_four(const mce_sink *s, int32_t o, const mce_dense_four *acc)
{
    const int32_t *const m = s->requant->multiplier + o * s->step, step = s->step, shift = s->requant->shift;
    const int32_t a = mce_smmlar((int32_t)((uint32_t)acc->a << shift), m[0], s->zero);
    const int32_t b = mce_smmlar((int32_t)((uint32_t)acc->b << shift), m[step], s->zero);
    const int32_t c = mce_smmlar((int32_t)((uint32_t)acc->c << shift), m[2 * step], s->zero);
    const int32_t d = mce_smmlar((int32_t)((uint32_t)acc->d << shift), m[3 * step], s->zero);
    if (mce_is_packed(s->to->type)) {
        const uint32_t v = mce_usat4(a) | mce_usat4(b) << 4 | mce_usat4(c) << 8 | mce_usat4(d) << 12;
        *(mce_half_any *)(s->y + (o >> 1)) = (uint16_t)(v ^ s->flip * 0x0101u);
    } else {
        const uint32_t v = mce_usat8(a) | mce_usat8(b) << 8 | mce_usat8(c) << 16 | mce_usat8(d) << 24;
        *(mce_word_any *)(s->y + o) = v ^ s->flip * 0x00010001u;
    }
}

/* Adds the products of four channels to sum. Returns the end of w. */
MCE_INLINE const mce_word *mce_dense_sum_four(mce_type type, mce_scheme scheme, const mce_word_any *x,
                                              const mce_word *w, const mce_word *table, int32_t n, mce_dense_four *sum)
{
    return scheme == MCE_BYTES        ? mce_dense_bytes(type, x, w, n, sum)
           : scheme == MCE_PAIR_TABLE ? mce_dense_looked_up_four(type, x, w, table, n, sum)
                                      : mce_dense_masked(type, x, w, n, sum);
}

/* acc[o] = bias[o] + sum_i level(o,i) * x[i]
 * y[o] = clamp(y.zero + q32(acc[o], m[o], s))                                                          SPEC.md 4.3
 * Bounds as in internal/conv2d_dsp.h. scratch: quad: the blocks; then x if it is copied. */
MCE_INLINE void mce_dense_dsp(mce_type type, mce_scheme scheme, const mce_dense *p, const uint8_t *x, uint8_t *y,
                              mce_scratch *scratch)
{
    const int32_t inputs = p->x.h * p->x.w * p->x.c, outputs = p->y.h * p->y.w * p->y.c, n = (inputs + 7) & ~7;
    mce_quad_block *const blocks = (mce_quad_block *)(void *)scratch; /* null (0) where nothing needs scratch */
    const int32_t count = scheme == MCE_QUAD ? mce_dense_count(p->blocks) : 0;
    mce_quad_block *const behind = scheme == MCE_QUAD ? blocks + count : blocks;
    const mce_word_any *const words = mce_dense_words(type, x, inputs, (mce_word *)(void *)behind);
    const mce_sink sink = mce_sink_of(&p->y, &p->requant, 0, 0, y);
    const mce_word *w = (const mce_word *)p->codes;
    const mce_word *const table = scheme == MCE_PAIR_TABLE ? (const mce_word *)p->levels : 0;
    int32_t o = 0;
    if (scheme != MCE_QUAD) {
        const int32_t offset = scheme == MCE_FOUR && outputs > 2 ? mce_dense_offset(type, words, n) : 0;
        for (; o + 4 <= outputs; o += 4) {
            const int32_t *const bias = p->bias + o;
            mce_dense_four sum = {mce_wrap_add(bias[0], offset), mce_wrap_add(bias[1], offset),
                                  mce_wrap_add(bias[2], offset), mce_wrap_add(bias[3], offset)};
            w = mce_dense_sum_four(type, scheme, words, w, table, n, &sum);
            mce_dense_store_four(&sink, o, &sum);
        }
        if (outputs - o > 2 || (scheme == MCE_BYTES && o < outputs)) {
            mce_dense_four sum = {mce_wrap_add(p->bias[o], offset),
                                  mce_wrap_add(mce_dense_bias(p, o + 1, outputs), offset),
                                  mce_wrap_add(mce_dense_bias(p, o + 2, outputs), offset), offset};
            mce_dense_sum_four(type, scheme, words, w, table, n, &sum);
            mce_dense_store(&sink, o, outputs, sum.a, sum.b);
            if (o + 2 < outputs) {
                mce_dense_store(&sink, o + 2, outputs, sum.c, sum.d);
            }
        } else if (o < outputs) {
            mce_dense_pair sum = {p->bias[o], mce_dense_bias(p, o + 1, outputs)};
            if (scheme == MCE_PAIR_TABLE) {
                mce_dense_looked_up(type, words, w, table, n, &sum);
            } else {
                mce_dense_masked_pair(type, words, w, n, &sum);
            }
            mce_dense_store(&sink, o, outputs, sum.a, sum.b);
        }
        return;
    }
    const mce_quad_block *const end = mce_dense_blocks(words, p->blocks, blocks);
    if (outputs >= 4) {
        const int32_t one = p->requant.multiplier[0], per_channel = p->requant.per_channel;
        const int32_t m4[4] = {one, one, one, one}, packed = mce_is_packed(p->y.type);
        mce_quad_job job; /* what only conv2d reads stays unset */
        job.w = w, job.patches = (const mce_word *)(const void *)words;
        job.blocks = blocks, job.last = end - 1;
        job.bias = p->bias;
        job.m = per_channel ? p->requant.multiplier : m4, job.m_advance = per_channel ? 16 : 0;
        job.zero = sink.zero, job.shift = p->requant.shift, job.bytes = !packed;
        job.y0 = y, job.flip = sink.flip * (packed ? 0x0101u : 0x00010001u);
        job.tiles = outputs >> 2;
        o = outputs & ~3;
        w = mce_dense_tiles(&job);
    }
    const int32_t step = outputs - o > 2 ? 2 : 1; /* the last pairs share their words' places */
    for (; o < outputs; o += 2, w++) {
        int32_t low = p->bias[o], high = 0;
        mce_dense_quads(words, blocks, end, w, step, &low, &high);
        mce_dense_store(&sink, o, outputs, low, mce_dense_bias(p, o + 1, outputs) + (high >> 12));
    }
}

#endif
