/* The body of mce_dwconv2d_<act>_w4_3x3__c; type is a constant in each of them. */
#ifndef MIXCOMP_INTERNAL_DWCONV2D_3X3_H
#define MIXCOMP_INTERNAL_DWCONV2D_3X3_H

#include "mixcomp/internal/dsp_output.h"
#include "mixcomp/internal/window.h"

enum { MCE_3X3_TAPS = 9 };

/* Two neighbouring elements of a pixel, the first with an even index. */
typedef struct mce_elements2 {
    int32_t even, odd;
} mce_elements2;

MCE_INLINE mce_elements2 mce_load2_any(mce_type type, const uint8_t *at /* their first byte */)
{
    const mce_elements2 v = {mce_load_even(type, at, 0), mce_load_odd(type, at, 0)};
    return v;
}

/* For two channels, the columns of x that two rows of outputs need, p and q below it: a word is x_p + 65536 * x_q.
 * plane: [width][2 channels][3 rows]; at: the channels' first byte in row `row`, column -left. */
MCE_INLINE void mce_3x3_plane(mce_type type, const mce_conv2d *p, const uint8_t *x, int32_t c, int32_t row,
                              int32_t width, int32_t *plane)
{
    const int32_t pixel_bytes = mce_is_packed(type) ? p->x.c >> 1 : p->x.c, line = p->x.w * pixel_bytes;
    const int32_t sh = p->window.sh, left = p->window.left, rows = 3 + sh;
    const uint8_t *const first = x + (mce_is_packed(type) ? c >> 1 : c);
    const int32_t all = row >= 0 && row + rows <= p->x.h;
    for (int32_t k = 0; k < width; k++, plane += 6) {
        const int32_t w = k - left, present = mce_inside(w, p->x.w);
        const uint8_t *at = first + row * line + w * pixel_bytes;
        mce_elements2 v0 = {p->x.zero, p->x.zero}, v1 = v0, v2 = v0, v3 = v0, v4 = v0;
        if (present && all) {
            v0 = mce_load2_any(type, at);
            v1 = mce_load2_any(type, at + line);
            v2 = mce_load2_any(type, at + 2 * line);
            v3 = mce_load2_any(type, at + 3 * line);
            v4 = sh == 2 ? mce_load2_any(type, at + 4 * line) : v4;
        } else if (present) {
            v0 = mce_inside(row, p->x.h) ? mce_load2_any(type, at) : v0;
            v1 = mce_inside(row + 1, p->x.h) ? mce_load2_any(type, at + line) : v1;
            v2 = mce_inside(row + 2, p->x.h) ? mce_load2_any(type, at + 2 * line) : v2;
            v3 = mce_inside(row + 3, p->x.h) ? mce_load2_any(type, at + 3 * line) : v3;
            v4 = sh == 2 && mce_inside(row + 4, p->x.h) ? mce_load2_any(type, at + 4 * line) : v4;
        }
        const mce_elements2 q0 = sh == 1 ? v1 : v2, q1 = sh == 1 ? v2 : v3, q2 = sh == 1 ? v3 : v4;
        plane[0] = v0.even + q0.even * 65536, plane[1] = v1.even + q1.even * 65536;
        plane[2] = v2.even + q2.even * 65536, plane[3] = v0.odd + q0.odd * 65536;
        plane[4] = v1.odd + q1.odd * 65536, plane[5] = v2.odd + q2.odd * 65536;
    }
}

/* sum of nine taps, S_p + 65536 * S_q. x: [3][6], w: [9] column by column */
MCE_INLINE int32_t mce_3x3_sum(const int32_t *x, const int32_t *w)
{
    return x[0] * w[0] + x[1] * w[1] + x[2] * w[2] + x[6] * w[3] + x[7] * w[4] + x[8] * w[5] + x[12] * w[6] +
           x[13] * w[7] + x[14] * w[8];
}

/* Channels o and o + 1 of a pixel from their accumulators without bias. */
MCE_INLINE void mce_3x3_output(const mce_sink *s, int32_t plain, const int32_t *bias, int32_t pixel, int32_t o,
                               int32_t a, int32_t b)
{
    const int32_t packed = mce_is_packed(s->to->type), at = mce_pair_bytes(packed, pixel * s->to->c + o);
    const int32_t *const m = s->requant->multiplier + o * s->step;
    if (!plain) {
        mce_sink_any(s, pixel, o, 1, a + bias[0], b + bias[1]);
    } else if (packed) {
        mce_sink_store(1, s->y + at, mce_sink_pair(1, s, at, a + bias[0], b + bias[1], m[0], m[s->step]));
    } else {
        mce_sink_store(0, s->y + at, mce_sink_pair(0, s, at, a + bias[0], b + bias[1], m[0], m[s->step]));
    }
}

/* acc[o] = bias[o] + sum_{i,j} level(code[i,j,o]) * X[h*sh - top + i, w*sw - left + j, o]
 * y[h,w,o] = clamp(y.zero + q32(acc[o], m[o], s)), 3x3, no dilation, sh 1 or 2, y.c = x.c even         SPEC.md 4.2
 * Two rows of outputs share each multiplication: |sum| of either stays below 2^15 for every x (plan/packing.py proves
 * it). codes: [9][y.c/2] bytes, tap by tap. scratch: [(y.w - 1)*sw + 3][6] words.
 * (|bias| + sum |level| * max|x|) * 2^s < 2^31. */
MCE_INLINE void mce_dwconv2d_3x3(mce_type type, const mce_conv2d *p, const uint8_t *x, uint8_t *y, mce_scratch *scratch)
{
    const int32_t width = (p->y.w - 1) * p->window.sw + 3, step = 6 * p->window.sw;
    const mce_sink sink = mce_sink_of(&p->y, &p->requant, 0, 0, y);
    const int32_t plain = mce_sink_is_plain(&sink, p->y.c);
    const int16_t *const level = (const int16_t *)p->levels;
    const uint8_t *const codes = (const uint8_t *)p->codes;
    int32_t *const plane = (int32_t *)(void *)scratch;
    for (int32_t c = 0; c < p->x.c; c += 2) {
        int32_t even[MCE_3X3_TAPS], odd[MCE_3X3_TAPS]; /* column by column */
        for (int32_t t = 0; t < MCE_3X3_TAPS; t++) {
            const uint8_t both = codes[(t * p->y.c + c) >> 1];
            even[t % 3 * 3 + t / 3] = level[both & 0x0F];
            odd[t % 3 * 3 + t / 3] = level[both >> 4];
        }
        for (int32_t h = 0; h < p->y.h; h += 2) {
            const int32_t *at = plane;
            mce_3x3_plane(type, p, x, c, h * p->window.sh - p->window.top, width, plane);
            for (int32_t w = 0; w < p->y.w; w++, at += step) {
                const int32_t a = mce_3x3_sum(at, even), b = mce_3x3_sum(at + 3, odd);
                const int32_t a_p = mce_low16((uint32_t)a), b_p = mce_low16((uint32_t)b);
                const int32_t pixel = h * p->y.w + w;
                mce_3x3_output(&sink, plain, p->bias + c, pixel, c, a_p, b_p);
                if (h + 1 < p->y.h) {
                    mce_3x3_output(&sink, plain, p->bias + c, pixel + p->y.w, c, (a - a_p) >> 16, (b - b_p) >> 16);
                }
            }
        }
    }
}

#endif
