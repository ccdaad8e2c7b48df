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

/* What runs over whole tiles of four outputs, but for what schemes have of their own; m4: room for a multiplier of all. */
MCE_INLINE mce_quad_job mce_dense_job(const mce_dense *p, const mce_sink *sink, const mce_word_any *words,
                                      int32_t *m4 /* [4] */)
{
    const int32_t per_channel = p->requant.per_channel, packed = mce_is_packed(p->y.type);
    mce_quad_job job; /* what only conv2d reads stays unset */
    m4[0] = m4[1] = m4[2] = m4[3] = p->requant.multiplier[0];
    job.w = (const mce_word *)p->codes, job.patches = (const mce_word *)(const void *)words;
    job.bias = p->bias;
    job.m = per_channel ? p->requant.multiplier : m4, job.m_advance = per_channel ? 16 : 0;
    job.zero = sink->zero, job.shift = p->requant.shift, job.bytes = !packed;
    job.y0 = sink->y, job.flip = sink->flip * (packed ? 0x0101u : 0x00010001u);
    job.tiles = (p->y.h * p->y.w * p->y.c) >> 2;
    return job;
}

/* Four: whole tiles, and three last outputs as a tile beside y. Returns the end of their w. */
MCE_INLINE const mce_word *mce_dense_all_fours(mce_type type, const mce_dense *p, const mce_sink *sink,
                                               const mce_word_any *words, int32_t n)
{
    const int32_t outputs = p->y.h * p->y.w * p->y.c, whole = outputs & ~3;
    int32_t m4[4], bias4[4] = {0, 0, 0, 0};
    mce_quad_job job = mce_dense_job(p, sink, words, m4);
    mce_quad_run *const run = type == MCE_S8 ? mce_dense_fours_s8 : mce_dense_fours_u8;
    job.split.base = outputs > 2 ? mce_dense_offset(type, words, n) : 0, job.split.reciprocal = n;
    if (whole > 0) {
        job.w = run(&job);
    }
    if (outputs - whole == 3) {
        mce_word tile = 0;
        uint8_t *const y = sink->y + mce_pair_bytes(!job.bytes, whole);
        for (int32_t i = 0; i < 3; i++) {
            bias4[i] = p->bias[whole + i], m4[i] = p->requant.multiplier[(whole + i) * sink->step];
        }
        job.bias = bias4, job.m = m4, job.y0 = (uint8_t *)&tile, job.tiles = 1;
        job.w = run(&job);
        y[0] = (uint8_t)tile;
        y[1] = (uint8_t)(job.bytes ? tile >> 8 : tile >> 8 & 0x0Fu);
        if (job.bytes) {
            y[2] = (uint8_t)(tile >> 16);
        }
    }
    return job.w;
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
        if (scheme == MCE_FOUR) {
            w = mce_dense_all_fours(type, p, &sink, words, n);
            o = outputs % 4 == 3 ? outputs : outputs & ~3;
        }
        for (; scheme != MCE_FOUR && o + 4 <= outputs; o += 4) {
            const int32_t *const bias = p->bias + o;
            mce_dense_four sum = {bias[0], bias[1], bias[2], bias[3]};
            w = mce_dense_sum_four(type, scheme, words, w, table, n, &sum);
            mce_dense_store_four(&sink, o, &sum);
        }
        if (scheme != MCE_FOUR && (outputs - o > 2 || (scheme == MCE_BYTES && o < outputs))) {
            mce_dense_four sum = {p->bias[o], mce_dense_bias(p, o + 1, outputs), mce_dense_bias(p, o + 2, outputs), 0};
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
        int32_t m4[4];
        mce_quad_job job = mce_dense_job(p, &sink, words, m4);
        job.blocks = blocks, job.last = end - 1;
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
