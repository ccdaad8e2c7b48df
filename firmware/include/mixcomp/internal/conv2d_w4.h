/* The body of mce_conv2d_<act>_w4__c and _w8__c; type and bits of a code are constants in each of them. */
#ifndef MIXCOMP_INTERNAL_CONV2D_W4_H
#define MIXCOMP_INTERNAL_CONV2D_W4_H

#include "mixcomp/internal/dot_w4.h"
#include "mixcomp/internal/residual.h"
#include "mixcomp/internal/window.h"

/* patch[i,j,c] = X[row + i*dh, column + j*dw, channel + c], c < depth; X is x.zero in the padding */
MCE_INLINE void mce_conv2d_gather(mce_type type, const mce_conv2d *p, const uint8_t *x, /* [x.h][x.w][x.c] */
                                  int32_t row, int32_t column, int32_t channel, int32_t depth,
                                  mce_scratch *patch /* [kh][kw][depth] */)
{
    const int16_t zero = (int16_t)p->x.zero;
    for (int32_t i = 0; i < p->window.kh; i++) {
        const int32_t h = row + i * p->window.dh;
        for (int32_t j = 0; j < p->window.kw; j++) {
            const int32_t w = column + j * p->window.dw;
            if (mce_inside(h, p->x.h) && mce_inside(w, p->x.w)) {
                mce_unpack(type, x, (h * p->x.w + w) * p->x.c + channel, depth, patch);
            } else {
                for (int32_t c = 0; c < depth; c++) {
                    patch[c] = zero;
                }
            }
            patch += depth;
        }
    }
}

/* Output i, of channel o. */
MCE_INLINE void mce_conv2d_store(const mce_conv2d *p, const mce_conv2d_add *add, const uint8_t *r, uint8_t *y,
                                 int32_t i, int32_t acc, int32_t o)
{
    if (add == 0) {
        mce_store_output(&p->y, &p->requant, y, i, acc, o);
    } else {
        mce_conv2d_store_sum(add, r, y, i, p->y.h * p->y.w * p->y.c, acc, o);
    }
}

/* acc[o] = bias[o] + sum_{i,j,c} level(code[o,i,j,c]) * X[h*sh - top + i*dh, w*sw - left + j*dw, g*depth + c]
 * y[h,w,o] = clamp(y.zero + q32(acc[o], m[o], s)), or with a residual as above                         SPEC.md 4.1
 * The patch under the kernel is decoded once and meets every output channel of its group.
 * (|bias| + sum |level| * max|x|) * 2^s < 2^31 (lowering proves it), so no partial sum leaves int32.
 * add and r are null (0) in conv2d; each kernel passes them as constants. */
MCE_INLINE void mce_conv2d_rows(mce_type type, int32_t bits, const mce_conv2d *p, const mce_conv2d_add *add,
                                const uint8_t *x, /* [x.h][x.w][x.c] */
                                const uint8_t *r, /* [y.h][y.w][y.c] */
                                uint8_t *y,       /* [y.h][y.w][y.c] */
                                mce_scratch *patch /* [kh][kw][x.c/groups] */)
{
    const int32_t depth = p->x.c / p->groups, outputs = p->y.c / p->groups;
    const int32_t n = p->window.kh * p->window.kw * depth;
    int32_t at = 0;
    for (int32_t h = 0; h < p->y.h; h++) {
        for (int32_t w = 0; w < p->y.w; w++) {
            const int32_t row = h * p->window.sh - p->window.top, column = w * p->window.sw - p->window.left;
            const uint8_t *codes = (const uint8_t *)p->codes; /* row o: [mce_row_bytes] */
            int32_t o = 0;
            for (int32_t g = 0; g < p->groups; g++) {
                mce_conv2d_gather(type, p, x, row, column, g * depth, depth, patch);
                for (const int32_t end = o + outputs; o < end; o++) {
                    int32_t acc;
                    if (bits == 8 && o + 1 < end) {
                        const mce_two_sums two = mce_dot2_w8(MCE_SCRATCH, p->bias + o, patch, codes, n);
                        mce_conv2d_store(p, add, r, y, at++, two.first, o++);
                        codes += n;
                        acc = two.second;
                    } else if (bits == 8) {
                        acc = mce_dot_w8(MCE_SCRATCH, p->bias[o], patch, codes, n);
                    } else {
                        acc = mce_dot_w4(MCE_SCRATCH, p->bias[o], patch, codes, (const int16_t *)p->levels, n);
                    }
                    mce_conv2d_store(p, add, r, y, at++, acc, o);
                    codes += mce_row_bytes(bits, n);
                }
            }
        }
    }
}

#endif
