/* How a residual joins a convolution. */
#ifndef MIXCOMP_INTERNAL_RESIDUAL_H
#define MIXCOMP_INTERNAL_RESIDUAL_H

#include "mixcomp/internal/elements.h"
#include "mixcomp/conv2d_add.h"

/* y[i] = clamp(y.zero + ((acc << s) * m[o] + ((r[i] - r.zero) << t) * n + 2^31) >> 32)                SPEC.md 4.12
 * Both products stay below 2^62: acc << s and (r - r.zero) << t fit in int32, m and n are below 2^31.
 * y may be r: only element i of r is read before only element i of y is written. */
MCE_INLINE void mce_conv2d_store_sum(const mce_conv2d_add *p, const uint8_t *r, uint8_t *y, int32_t i, int32_t n,
                                     int32_t acc, int32_t channel)
{
    const mce_conv2d *const conv = &p->conv;
    const int32_t m = conv->requant.multiplier[conv->requant.per_channel != 0 ? channel : 0];
    const int32_t residual = (mce_load(p->r.type, r, i) - p->r.zero) * ((int32_t)1 << p->r_shift);
    const int32_t scaled = acc * ((int32_t)1 << conv->requant.shift);
    const int32_t v = mce_round32((int64_t)scaled * m + (int64_t)residual * p->r_multiplier);
    mce_store_any(conv->y.type, y, i, n, mce_clamp(conv->y.type, conv->y.zero + v));
}

#endif
