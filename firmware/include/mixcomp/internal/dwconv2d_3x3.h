/* The body of mce_dwconv2d_<act>_w4_3x3__c and _w8_3x3__c; type and bits of a code are constants in each of them. */
#ifndef MIXCOMP_INTERNAL_DWCONV2D_3X3_H
#define MIXCOMP_INTERNAL_DWCONV2D_3X3_H

#include "mixcomp/internal/output_any.h"
#include "mixcomp/internal/window.h"
#include "mixcomp/dwconv2d.h"

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

/* Weights of two channels, column by column, and how they end. */
typedef struct mce_3x3_pair {
    int32_t even[MCE_3X3_TAPS], odd[MCE_3X3_TAPS];
    int32_t bias[2], m[2];
    int32_t o; /* the first channel */
} mce_3x3_pair;

/* Two rows of outputs, the first from `pixel` on; at: plane, step words a pixel. below: there is a second row. packed is a
 * constant. */
MCE_INLINE void mce_3x3_rows(const mce_sink *s, int32_t packed, const mce_3x3_pair *c, const int32_t *at, int32_t step,
                             int32_t pixel, int32_t below)
{
    const int32_t scale = (int32_t)1 << s->requant->shift;
    const int32_t pitch = mce_pair_bytes(packed, s->to->c), line = below ? s->to->w * pitch : 0;
    int32_t to = mce_pair_bytes(packed, pixel * s->to->c + c->o);
    for (const int32_t last = pixel + s->to->w; pixel < last; pixel++, at += step, to += pitch) {
        const int32_t a = mce_3x3_sum(at, c->even), b = mce_3x3_sum(at + 3, c->odd);
        const int32_t a_p = mce_low16((uint32_t)a), b_p = mce_low16((uint32_t)b);
        const int32_t ap = a_p + c->bias[0], aq = ((a - a_p) >> 16) + c->bias[0];
        const int32_t bp = b_p + c->bias[1], bq = ((b - b_p) >> 16) + c->bias[1];
        const uint32_t q = mce_sink_pair(packed, s, 0, aq * scale, bq * scale, c->m[0], c->m[1]);
        const uint32_t p = mce_sink_pair(packed, s, 0, ap * scale, bp * scale, c->m[0], c->m[1]);
        mce_sink_store(packed, s->y + to + line, q); /* where there is no second row, in p's place */
        mce_sink_store(packed, s->y + to, p);
    }
}

/* acc[o] = bias[o] + sum_{i,j} level(code[i,j,o]) * X[h*sh - top + i, w*sw - left + j, o]
 * y[h,w,o] = clamp(y.zero + q32(acc[o], m[o], s)), 3x3, no dilation, sh 1 or 2, y.c = x.c even         SPEC.md 4.2
 * Two rows of outputs share each multiplication: |sum| of either stays below 2^15 for every x (plan/packing proves
 * it). codes: [9][y.c/2] bytes, tap by tap, or with 8 bits [9][y.c]. scratch: [(y.w - 1)*sw + 3][6] words.
 * (|bias| + sum |level| * max|x|) * 2^s < 2^31. */
MCE_INLINE void mce_dwconv2d_3x3(mce_type type, int32_t bits, const mce_conv2d *p, const uint8_t *x, uint8_t *y,
                                 mce_scratch *scratch)
{
    const int32_t width = (p->y.w - 1) * p->window.sw + 3, step = 6 * p->window.sw;
    const mce_sink sink = mce_sink_of(&p->y, &p->requant, 0, 0, y);
    const int16_t *const level = (const int16_t *)p->levels;
    const uint8_t *const codes = (const uint8_t *)p->codes;
    int32_t *const plane = (int32_t *)(void *)scratch;
    for (int32_t o = 0; o < p->x.c; o += 2) {
        mce_3x3_pair c;
        c.o = o;
        for (int32_t i = 0; i < 2; i++) {
            c.bias[i] = p->bias[o + i];
            c.m[i] = p->requant.multiplier[(o + i) * sink.step];
        }
        for (int32_t t = 0; t < MCE_3X3_TAPS; t++) {
            const uint8_t *const both = codes + (bits == 8 ? t * p->y.c + o : (t * p->y.c + o) >> 1);
            c.even[t % 3 * 3 + t / 3] = bits == 8 ? (int8_t)both[0] : level[both[0] & 0x0F];
            c.odd[t % 3 * 3 + t / 3] = bits == 8 ? (int8_t)both[1] : level[both[0] >> 4];
        }
        for (int32_t h = 0; h < p->y.h; h += 2) {
            const int32_t pixel = h * p->y.w, below = h + 1 < p->y.h;
            mce_3x3_plane(type, p, x, o, h * p->window.sh - p->window.top, width, plane);
            if (mce_is_packed(p->y.type)) {
                mce_3x3_rows(&sink, 1, &c, plane, step, pixel, below);
            } else {
                mce_3x3_rows(&sink, 0, &c, plane, step, pixel, below);
            }
        }
    }
}

#endif
