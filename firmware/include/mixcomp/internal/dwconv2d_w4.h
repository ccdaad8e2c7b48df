/* The body of mce_dwconv2d_<act>_w4__c; type is a constant in each of them. */
#ifndef MIXCOMP_INTERNAL_DWCONV2D_W4_H
#define MIXCOMP_INTERNAL_DWCONV2D_W4_H

#include "mixcomp/internal/elements.h"
#include "mixcomp/internal/window.h"
#include "mixcomp/kernels.h"

typedef struct mce_pair {
    int32_t even, odd;
} mce_pair;

/* acc + sum_{i,j} level(code[i,j]) * X[row + i*dh, column + j*dw], for two output channels that share bytes of codes
 * and read channels c.even and c.odd of x. */
MCE_INLINE mce_pair mce_dwconv2d_sum(mce_type type, const mce_conv2d *p, const uint8_t *x, /* [x.h][x.w][x.c] */
                                     int32_t row, int32_t column, mce_pair c, mce_pair acc,
                                     const uint8_t *codes /* [kh*kw], step ceil(y.c/2) */)
{
    const int16_t *const level = (const int16_t *)p->levels; /* [16] */
    const int32_t step = (p->y.c + 1) >> 1;
    for (int32_t i = 0; i < p->window.kh; i++) {
        const int32_t h = row + i * p->window.dh;
        for (int32_t j = 0; j < p->window.kw; j++) {
            const int32_t w = column + j * p->window.dw;
            mce_pair v = {p->x.zero, p->x.zero};
            if (mce_inside(h, p->x.h) && mce_inside(w, p->x.w)) {
                const int32_t pixel = (h * p->x.w + w) * p->x.c;
                v.even = mce_load(type, x, pixel + c.even);
                v.odd = mce_load(type, x, pixel + c.odd);
            }
            acc.even += v.even * level[*codes & 0x0F];
            acc.odd += v.odd * level[*codes >> 4];
            codes += step;
        }
    }
    return acc;
}

/* acc[o] = bias[o] + sum_{i,j} level(code[i,j,o]) * X[h*sh - top + i*dh, w*sw - left + j*dw, o / repeat]
 * y[h,w,o] = clamp(y.zero + q32(acc[o], m[o], s)),  repeat = y.c / x.c                                 SPEC.md 4.2
 * An odd last channel is summed beside one that does not exist: it has code 0, whose level is 0 in every codebook, and
 * its sum is dropped.
 * (|bias| + sum |level| * max|x|) * 2^s < 2^31 (lowering proves it), so no partial sum leaves int32. */
MCE_INLINE void mce_dwconv2d_w4(mce_type type, const mce_conv2d *p, const uint8_t *x, /* [x.h][x.w][x.c] */
                                uint8_t *y /* [y.h][y.w][y.c] */)
{
    const int32_t outputs = p->y.c, repeat = p->y.c / p->x.c;
    int32_t at = 0;
    for (int32_t h = 0; h < p->y.h; h++) {
        for (int32_t w = 0; w < p->y.w; w++) {
            const int32_t row = h * p->window.sh - p->window.top, column = w * p->window.sw - p->window.left;
            for (int32_t o = 0; o < outputs; o += 2) {
                const int32_t next = o + 1 < outputs ? o + 1 : o;
                const mce_pair c = {repeat == 1 ? o : o / repeat, repeat == 1 ? next : next / repeat};
                const mce_pair bias = {p->bias[o], p->bias[next]};
                const mce_pair acc =
                    mce_dwconv2d_sum(type, p, x, row, column, c, bias, (const uint8_t *)p->codes + (o >> 1));
                mce_store_output(&p->y, &p->requant, y, at++, acc.even, o);
                if (next != o) {
                    mce_store_output(&p->y, &p->requant, y, at++, acc.odd, next);
                }
            }
        }
    }
}

#endif
