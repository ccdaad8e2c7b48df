/* Activations as the signed bytes that kernels/mve multiply: u4 as it is, s4 plus 8, u8 minus 128, s8 as it is. The stored
 * bias makes up for what is added. Copies end with up to 31 bytes that mean nothing. */
#ifndef MIXCOMP_INTERNAL_GATHER_MVE_H
#define MIXCOMP_INTERNAL_GATHER_MVE_H

#include "mixcomp/internal/elements.h"
#include "mixcomp/internal/mve.h"
#include "mixcomp/internal/window.h"
#include "mixcomp/conv2d.h"

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

/* Rows of x as bytes with their padding, in a ring: all that a row of outputs reads. */
typedef struct mce_mve_rows {
    uint8_t *ring;
    int32_t count; /* rows in the ring */
    int32_t width; /* elements of one */
    int32_t bytes; /* of one, with its slack */
    int32_t first; /* place of the row under the kernel's first */
    int32_t next;  /* row of the padded x that is not there yet */
} mce_mve_rows;

MCE_INLINE mce_mve_rows mce_mve_rows_of(const mce_conv2d *p, uint8_t *ring)
{
    const mce_window *const k = &p->window;
    const int32_t width = ((p->y.w - 1) * k->sw + (k->kw - 1) * k->dw + 1) * p->x.c;
    const mce_mve_rows rows = {ring, (k->kh - 1) * k->dh + 1, width, width + MCE_MVE_SLACK, 0, 0};
    return rows;
}

/* Row `row` of x from column -left on */
MCE_INLINE void mce_mve_row(mce_type type, const mce_conv2d *p, const uint8_t *x, int32_t row, int32_t width,
                            uint8_t *to)
{
    const int32_t left = p->window.left * p->x.c, length = p->x.w * p->x.c, zero = p->x.zero;
    if (!mce_inside(row, p->x.h) || left >= width) {
        mce_mve_fill(type, zero, width, to);
        return;
    }
    const int32_t inside = width - left < length ? width - left : length;
    mce_mve_fill(type, zero, left, to);
    mce_mve_copy(type, x, row * length, inside, to + left);
    mce_mve_fill(type, zero, width - left - inside, to + left + inside);
}

/* The rows for row h of y, after those for row h - 1 */
MCE_SHARED void mce_mve_rows_next(mce_type type, const mce_conv2d *p, const uint8_t *x, int32_t h, mce_mve_rows *rows)
{
    const int32_t start = h * p->window.sh, end = start + rows->count;
    rows->first = start % rows->count;
    for (int32_t q = rows->next > start ? rows->next : start; q < end; q++) {
        mce_mve_row(type, p, x, q - p->window.top, rows->width, rows->ring + q % rows->count * rows->bytes);
    }
    rows->next = end;
}

/* 16 * blocks bytes */
MCE_INLINE void mce_mve_bytes(const uint8_t *from, int32_t blocks, uint8_t *to)
{
    do {
        mce_q_store(to, mce_q_load(from));
        from += 16, to += 16;
    } while (--blocks != 0);
}

/* patch[i,j,c] = X[h*sh - top + i*dh, w*sw - left + j*dw, channel + c], c < depth, for `count` columns from w on, a patch
 * each `pitch` bytes, in the row of y whose rows are there. What follows a patch may change: up to 15 bytes. */
MCE_SHARED void mce_mve_patches(const mce_conv2d *p, const mce_mve_rows *rows, int32_t w, int32_t count,
                                int32_t channel, int32_t depth, int32_t pitch,
                                uint8_t *patch /* [count][kh][kw][depth] */)
{
    const mce_window *const k = &p->window;
    const int32_t together = k->dw == 1 && p->groups == 1, n = together ? k->kw * depth : depth;
    const int32_t taps = together ? 1 : k->kw, blocks = (n + 15) >> 4, tap = k->dw * p->x.c, stride = k->sw * p->x.c;
    const int32_t turn = rows->count * rows->bytes, step = k->dh * rows->bytes;
    const uint8_t *from = rows->ring + rows->first * rows->bytes + w * stride + channel;
    const uint8_t *const end = rows->ring + turn;
    for (int32_t i = k->kh; i > 0; i--, from += step) {
        if (from >= end) {
            from -= turn;
        }
        const uint8_t *start = from;
        for (int32_t j = taps; j > 0; j--, start += tap, patch += n) {
            const uint8_t *at = start;
            uint8_t *to = patch;
            for (int32_t left = count; left > 0; left--, at += stride, to += pitch) {
                mce_mve_bytes(at, blocks, to);
            }
        }
    }
}

#endif
