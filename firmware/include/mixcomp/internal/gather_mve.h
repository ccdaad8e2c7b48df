/* Activations as the signed bytes that kernels/mve multiply: u4 as it is, s4 plus 8, u8 minus 128, s8 as it is. The stored
 * bias makes up for what is added. Copies end with up to 31 bytes that mean nothing. */
#ifndef MIXCOMP_INTERNAL_GATHER_MVE_H
#define MIXCOMP_INTERNAL_GATHER_MVE_H

#include "mixcomp/internal/elements.h"
#include "mixcomp/internal/mve.h"
#include "mixcomp/internal/window.h"
#include "mixcomp/kernels.h"

#define MCE_MVE_SLACK 32 /* bytes behind a copy */

/* What a byte is more than the element it stands for. */
MCE_INLINE int32_t mce_mve_offset(mce_type type)
{ return type == MCE_S4 ? 8 : type == MCE_U8 ? -128 : 0; }

/* The bits that differ between 16 elements in memory and what is copied. */
MCE_INLINE mce_q mce_mve_flip(mce_type type)
{ return mce_q_bytes(type == MCE_S4 ? 0x88 : type == MCE_U8 ? 0x80 : 0); }

/* Packed elements in 16 bytes of x, as 32 bytes */
MCE_INLINE void mce_mve_unpack(mce_type type, mce_q v, uint8_t *to)
{
    const mce_q bits = type == MCE_S4 ? mce_q_xor(v, mce_mve_flip(type)) : v;
    mce_q_store_two(to, mce_q_and(bits, mce_q_bytes(0x0F)), mce_q_high_down(bits));
}

/* n elements of x from element `at` on */
MCE_INLINE void mce_mve_copy(mce_type type, const uint8_t *x, int32_t at, int32_t n, uint8_t *to)
{
    if (!mce_is_packed(type)) {
        for (x += at; n > 0; n -= 16, x += 16, to += 16) {
            const mce_q v = mce_q_load_first(x, n);
            mce_q_store(to, type == MCE_U8 ? mce_q_xor(v, mce_mve_flip(type)) : v);
        }
        return;
    }
    if ((at & 1) != 0 && n > 0) {
        *to++ = (uint8_t)(mce_load(type, x, at++) + mce_mve_offset(type));
        n--;
    }
    for (x += at >> 1; n >= 32; n -= 32, x += 16, to += 32) {
        mce_mve_unpack(type, mce_q_load(x), to);
    }
    if (n > 0) {
        mce_mve_unpack(type, mce_q_load_first(x, (n + 1) >> 1), to);
    }
}

/* n bytes of padding */
MCE_INLINE void mce_mve_fill(mce_type type, int32_t zero, int32_t n, uint8_t *to)
{
    for (; n > 0; n -= 16, to += 16) {
        mce_q_store(to, mce_q_bytes(zero + mce_mve_offset(type)));
    }
}

/* The rare ways: padding, dilation, groups. */
MCE_SHARED void mce_mve_gather_any(mce_type type, const mce_conv2d *p, const uint8_t *x, int32_t row, int32_t column,
                                   int32_t channel, int32_t depth, uint8_t *to)
{
    const mce_window *const k = &p->window;
    const mce_span columns = mce_taps_inside(column, k->dw, k->kw, p->x.w);
    const int32_t together = k->dw == 1 && p->groups == 1;
    const int32_t before = columns.first * depth, inside = (columns.end - columns.first) * depth;
    for (int32_t i = 0; i < k->kh; i++, to += k->kw * depth) {
        const int32_t h = row + i * k->dh, start = (h * p->x.w + column) * p->x.c + channel;
        if (!mce_inside(h, p->x.h)) {
            mce_mve_fill(type, p->x.zero, k->kw * depth, to);
            continue;
        }
        mce_mve_fill(type, p->x.zero, before, to);
        if (together) {
            mce_mve_copy(type, x, start + before, inside, to + before);
        } else {
            for (int32_t j = columns.first; j < columns.end; j++) {
                mce_mve_copy(type, x, start + j * k->dw * p->x.c, depth, to + j * depth);
            }
        }
        mce_mve_fill(type, p->x.zero, k->kw * depth - before - inside, to + before + inside);
    }
}

/* patch[i,j,c] = X[h*sh - top + i*dh, w*sw - left + j*dw, channel + c], c < depth, at output pixel (h, w); X is x.zero in
 * the padding. */
MCE_INLINE void mce_mve_gather(mce_type type, const mce_conv2d *p, const uint8_t *x, /* [x.h][x.w][x.c] */
                               mce_cursor pixel, int32_t channel, int32_t depth,
                               uint8_t *patch /* [kh][kw][depth], and the slack */)
{
    const mce_window *const k = &p->window;
    const int32_t row = pixel.h * k->sh - k->top, column = pixel.w * k->sw - k->left;
    const int32_t inside = row >= 0 && column >= 0 && row + (k->kh - 1) * k->dh < p->x.h && column + k->kw <= p->x.w;
    if (!inside || k->dw != 1 || p->groups != 1) {
        mce_mve_gather_any(type, p, x, row, column, channel, depth, patch);
        return;
    }
    const int32_t n = k->kw * depth, step = k->dh * p->x.w * depth;
    int32_t at = (row * p->x.w + column) * depth;
    for (int32_t i = 0; i < k->kh; i++, at += step, patch += n) {
        mce_mve_copy(type, x, at, n, patch);
    }
}

#endif
