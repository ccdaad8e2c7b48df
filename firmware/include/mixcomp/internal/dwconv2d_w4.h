/* The body of mce_dwconv2d_<act>_w4__c and _w8__c; type and bits of a code are constants in each of them. */
#ifndef MIXCOMP_INTERNAL_DWCONV2D_W4_H
#define MIXCOMP_INTERNAL_DWCONV2D_W4_H

#include "mixcomp/internal/dot_w4.h"
#include "mixcomp/internal/window.h"
#include "mixcomp/dwconv2d.h"

typedef struct mce_two {
    int32_t even, odd;
} mce_two;

/* acc + sum_{i,j} level(code[i,j]) * X[row + i*dh, column + j*dw], for two neighbouring output channels that read
 * channels c.even and c.odd of x; 8 bits: the second code lies `second` bytes on, 0 where there is none. */
MCE_INLINE mce_two mce_dwconv2d_sum(mce_type type, int32_t bits, const mce_conv2d *p,
                                    const uint8_t *x, /* [x.h][x.w][x.c] */
                                    int32_t row, int32_t column, mce_two c, mce_two acc,
                                    const uint8_t *codes /* [kh*kw], a row apart */, int32_t second)
{
    const int16_t *const level = (const int16_t *)p->levels; /* [16] */
    const int32_t step = mce_row_bytes(bits, p->y.c);
    for (int32_t i = 0; i < p->window.kh; i++) {
        const int32_t h = row + i * p->window.dh;
        for (int32_t j = 0; j < p->window.kw; j++) {
            const int32_t w = column + j * p->window.dw;
            mce_two v = {p->x.zero, p->x.zero};
            if (mce_inside(h, p->x.h) && mce_inside(w, p->x.w)) {
                const int32_t pixel = (h * p->x.w + w) * p->x.c;
                v.even = mce_load(type, x, pixel + c.even);
                v.odd = mce_load(type, x, pixel + c.odd);
            }
            acc.even += v.even * (bits == 8 ? (int8_t)codes[0] : level[*codes & 0x0F]);
            acc.odd += v.odd * (bits == 8 ? (int8_t)codes[second] : level[*codes >> 4]);
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
MCE_INLINE void mce_dwconv2d_rows(mce_type type, int32_t bits, const mce_conv2d *p,
                                  const uint8_t *x, /* [x.h][x.w][x.c] */
                                  uint8_t *y /* [y.h][y.w][y.c] */)
{
    const int32_t outputs = p->y.c, repeat = p->y.c / p->x.c;
    int32_t at = 0;
    for (int32_t h = 0; h < p->y.h; h++) {
        for (int32_t w = 0; w < p->y.w; w++) {
            const int32_t row = h * p->window.sh - p->window.top, column = w * p->window.sw - p->window.left;
            for (int32_t o = 0; o < outputs; o += 2) {
                const int32_t next = o + 1 < outputs ? o + 1 : o;
                const mce_two c = {repeat == 1 ? o : o / repeat, repeat == 1 ? next : next / repeat};
                const mce_two bias = {p->bias[o], p->bias[next]};
                const uint8_t *const codes = (const uint8_t *)p->codes + (bits == 8 ? o : o >> 1);
                const mce_two acc = mce_dwconv2d_sum(type, bits, p, x, row, column, c, bias, codes, next - o);
                mce_store_output(&p->y, &p->requant, y, at++, acc.even, o);
                if (next != o) {
                    mce_store_output(&p->y, &p->requant, y, at++, acc.odd, next);
                }
            }
        }
    }
}

#endif
