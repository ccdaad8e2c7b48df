/* The body of the dense layers in kernels/mve: weights as in conv2d_mve.h, four channels at a time. */
#ifndef MIXCOMP_INTERNAL_DENSE_MVE_H
#define MIXCOMP_INTERNAL_DENSE_MVE_H

#include "mixcomp/internal/gather_mve.h"
#include "mixcomp/internal/output_mve.h"
#include "mixcomp/internal/weights_mve.h"
#include "mixcomp/dense.h"

#define MCE_MVE_DENSE_CHUNK 32 /* accumulators on the stack, a multiple of eight */

/* acc[c] = bias[c] + sum w[c] * (x ^ flip) for c < channels, a multiple of four; flip is 0 but for u8 */
MCE_SHARED void mce_mve_dense_sums(mce_type type, const int8_t *table, const uint8_t *w, /* [channels/2][16*blocks] */
                                   const uint8_t *x, int32_t flip, int32_t blocks, const int32_t *bias, mce_sum *acc,
                                   int32_t channels)
{
    const mce_q sign = mce_q_bytes(flip);
    for (const int32_t *const end = bias + channels; bias < end; bias += 4, acc += 4, w += 16 * blocks) {
        const uint8_t *at = x, *next = w + 16 * blocks;
        int32_t a = bias[0], b = bias[1], c = bias[2], d = bias[3];
        int32_t left = blocks;
        do {
            const mce_q v = type == MCE_U8 ? mce_q_xor(mce_q_load(at), sign) : mce_q_load(at);
            mce_q first, second;
            mce_mve_weights(table, mce_q_load(w), &first, &second);
            a = mce_q_dot(a, first, v);
            b = mce_q_dot(b, second, v);
            mce_mve_weights(table, mce_q_load(next), &first, &second);
            c = mce_q_dot(c, first, v);
            d = mce_q_dot(d, second, v);
            w += 16, next += 16, at += 16;
        } while (--left != 0);
        acc[0] = a, acc[1] = b, acc[2] = c, acc[3] = d;
    }
}

/* acc[o] = bias[o] + sum_i level(code[o,i]) * x[i], y[o] = clamp(y.zero + q32(acc[o], m[o], s))        SPEC.md 4.3
 * x of 8 bits is read where it is if it fills vectors, else from a copy. Biases come in fours. */
MCE_INLINE void mce_dense_mve(mce_type type, int32_t fixp4, const mce_dense *p, const uint8_t *x, uint8_t *y,
                              mce_scratch *scratch)
{
    const int32_t inputs = p->x.h * p->x.w * p->x.c, outputs = p->y.h * p->y.w * p->y.c;
    const int32_t blocks = (inputs + 15) >> 4, copied = mce_is_packed(type) || (inputs & 15) != 0;
    const mce_mve_sink sink = mce_mve_sink_of(&p->y, &p->requant, 0, y, fixp4 ? 4 : 0);
    int8_t levels[16];
    if (!fixp4) {
        mce_mve_table(p->levels, levels);
    }
    if (copied) {
        mce_mve_copy(type, x, 0, inputs, (uint8_t *)scratch);
        x = (const uint8_t *)scratch;
    }
    const uint8_t *w = (const uint8_t *)p->codes;
    for (int32_t o = 0; o < outputs; o += MCE_MVE_DENSE_CHUNK, w += MCE_MVE_DENSE_CHUNK * 8 * blocks) {
        mce_sum acc[MCE_MVE_DENSE_CHUNK];
        const int32_t count = outputs - o < MCE_MVE_DENSE_CHUNK ? outputs - o : MCE_MVE_DENSE_CHUNK;
        mce_mve_dense_sums(type, fixp4 ? 0 : levels, w, x, copied ? 0 : 0x80, blocks, p->bias + o, acc,
                           (count + 3) & ~3);
        mce_mve_store(&sink, 0, acc, 2, o, count, o, 1);
    }
}

#endif
