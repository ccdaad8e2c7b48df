/* Dense layers of 4-bit inputs with fixp4 weights and many outputs: x is parted into lane pairs once for all of them, less
 * 8, so that sums lie around 0 and a block of the reduction may be longer; else as in internal/dense_sums_dsp.h. */
#ifndef MIXCOMP_INTERNAL_DENSE_LANES_DSP_H
#define MIXCOMP_INTERNAL_DENSE_LANES_DSP_H

#include "mixcomp/internal/dense_dsp.h"

#if MCE_DSP

#define MCE_LANES_HALF /* 4 weights of 4 channels */                                                                   \
    "ldrd r8, r9, [r1], #8\n\t"                                                                                        \
    "ldrd r10, r11, [r0], #8\n\t" MCE_DENSE_PRODUCTS
#define MCE_LANES_STEP MCE_LANES_HALF MCE_LANES_HALF

/* As mce_dense_tiles; the job's patches are lane pairs. */
MCE_NAKED const mce_word *mce_dense_lanes_tiles(MCE_IN_ASM mce_quad_job *job)
{ MCE_DENSE_TILES(MCE_LANES_STEP); }

#else

/* The same in C, for PCs. */
static inline const mce_word *mce_dense_lanes_tiles(mce_quad_job *job)
{
    const mce_word *w = job->w;
    for (; job->tiles > 0; job->tiles--, job->bias += 4, job->m += job->m_advance / 4) {
        int32_t low[2] = {job->bias[0], job->bias[2]}, high[2] = {0, 0};
        const mce_word *x = job->patches;
        for (const mce_quad_block *block = job->blocks; block != job->last + 1; block++) {
            high[0] = mce_wrap_add(high[0], block->offset0), high[1] = mce_wrap_add(high[1], block->offset0);
            for (int32_t k = 0; k < block->size; k += 4, w += 2, x += 2) {
                for (int32_t i = 0; i < 2; i++) {
                    high[i] = mce_smlad(x[0], w[i] & MCE_QUAD_MASK, high[i]);
                    high[i] = mce_smlad(x[1], mce_ror(w[i], 8) & MCE_QUAD_MASK, high[i]);
                }
            }
            mce_quad_take(&low[0], &high[0]);
            mce_quad_take(&low[1], &high[1]);
        }
        const int32_t acc[4] = {low[0], job->bias[1] + (high[0] >> 12), low[1], job->bias[3] + (high[1] >> 12)};
        job->y0 = mce_dense_tile(job, acc[0], acc[1], acc[2], acc[3]);
    }
    return w;
}

#endif

/* n elements of x, a multiple of 8, as lane pairs less 8. */
MCE_INLINE void mce_dense_part(mce_type type, const uint8_t *x, int32_t n, mce_word *lanes)
{
    uint32_t mask = 0x000F000Fu, eight = 0x00080008u;
    MCE_IN_REGISTER(mask);
    MCE_IN_REGISTER(eight);
    for (const uint8_t *const end = x + n / 2; x != end; x += 4, lanes += 4) {
        const uint32_t v = *(const mce_word_any *)x ^ (type == MCE_S4 ? 0x88888888u : 0);
        lanes[0] = mce_ssub16(v & mask, eight);
        lanes[1] = mce_ssub16(v >> 4 & mask, eight);
        lanes[2] = mce_ssub16(v >> 8 & mask, eight);
        lanes[3] = mce_ssub16(v >> 12 & mask, eight);
    }
}

/* acc[o] = bias[o] + sum_i level(o,i) * x[i]
 * y[o] = clamp(y.zero + q32(acc[o], m[o], s)), inputs a multiple of 8, outputs of 4                    SPEC.md 4.3
 * codes, blocks: packing dense_lanes, by which the bias makes up for what x has less. scratch: the blocks, lane pairs. */
MCE_INLINE void mce_dense_lanes_dsp(mce_type type, const mce_dense *p, const uint8_t *x, uint8_t *y,
                                    mce_scratch *scratch)
{
    mce_quad_block *const blocks = (mce_quad_block *)(void *)scratch, *end = blocks + mce_dense_count(p->blocks);
    mce_word *const lanes = (mce_word *)(void *)end;
    const mce_sink sink = mce_sink_of(&p->y, &p->requant, 0, 0, y);
    int32_t m4[4];
    mce_dense_part(type, x, p->x.h * p->x.w * p->x.c, lanes);
    const mce_word *at = lanes;
    const uint8_t *lengths = p->blocks;
    for (mce_quad_block *block = blocks; block != end; block++, lengths++) {
        block->offset0 = 0, block->size = 8 * *lengths;
        for (const mce_word *const stop = at + block->size / 2; at != stop; at++) {
            block->offset0 = mce_smlad(*at, 0xFFF8FFF8u, block->offset0);
        }
    }
    mce_quad_job job = mce_dense_job(p, &sink, lanes, m4);
    job.blocks = blocks, job.last = end - 1;
    mce_dense_lanes_tiles(&job);
}

#endif
