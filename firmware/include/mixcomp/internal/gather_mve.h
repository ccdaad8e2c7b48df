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

/* The rows of x under a window as bytes with their padding, column by column: element (column q, row i) begins at
 * (q * rows + i) * x.c, so that a window is one run of bytes. The next row of a column takes the place of the oldest of
 * the column behind it: windows of the next row of y are the same bytes from stride * x.c on. */
typedef struct mce_mve_strip {
    uint8_t *bytes; /* [columns * rows + spare][x.c] */
    uint8_t *row;   /* [columns][x.c], one on its way there */
    int32_t rows;   /* of a window */
    int32_t columns;
    int32_t spare; /* rows that windows may go down until bytes move back */
    int32_t first; /* row of the padded x at `bytes` */
    int32_t next;  /* row that is not there yet */
} mce_mve_strip;

#define MCE_MVE_STEPS 7 /* rows of y that windows go down */

MCE_INLINE mce_mve_strip mce_mve_strip_of(const mce_conv2d *p, uint8_t *bytes)
{
    const mce_window *const k = &p->window;
    const int32_t rows = (k->kh - 1) * k->dh + 1, columns = (p->y.w - 1) * k->sw + (k->kw - 1) * k->dw + 1;
    const int32_t steps = p->y.h - 1 < MCE_MVE_STEPS ? p->y.h - 1 : MCE_MVE_STEPS,
                  spare = k->sh < rows ? steps * k->sh : 0;
    const mce_mve_strip strip = {
        bytes, bytes + (columns * rows + spare) * p->x.c + MCE_MVE_SLACK, rows, columns, spare, 0, 0};
    return strip;
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

/* 16 * blocks bytes, also to a place before theirs that they overlap */
MCE_INLINE void mce_mve_bytes(const uint8_t *from, int32_t blocks, uint8_t *to)
{
    do {
        mce_q_store(to, mce_q_load(from));
        from += 16, to += 16;
    } while (--blocks != 0);
}

/* The elements of each column `pitch` bytes from the last one's */
MCE_INLINE void mce_mve_columns(const uint8_t *from, int32_t channels, int32_t columns, int32_t pitch, uint8_t *to)
{
    if (channels <= 16) {
        for (; columns > 0; columns--, from += channels, to += pitch) {
            mce_q_store_first(to, mce_q_load(from), channels);
        }
        return;
    }
    for (; columns > 0; columns--, from += channels, to += pitch) {
        for (int32_t done = 0; done < channels; done += 16) {
            mce_q_store_first(to + done, mce_q_load(from + done), channels - done);
        }
    }
}

/* The rows for row h of y, after those for row h - 1 */
MCE_SHARED void mce_mve_rows_next(mce_type type, const mce_conv2d *p, const uint8_t *x, int32_t h, mce_mve_strip *strip)
{
    const int32_t start = h * p->window.sh, end = start + strip->rows, c = p->x.c, width = strip->columns * c;
    if (start - strip->first > strip->spare) {
        const int32_t kept = ((strip->columns - 1) * strip->rows + strip->next - start) * c;
        if (strip->next > start) {
            mce_mve_bytes(strip->bytes + (start - strip->first) * c, (kept + 15) >> 4, strip->bytes);
        }
        strip->first = start;
    }
    for (int32_t q = strip->next > start ? strip->next : start; q < end; q++) {
        uint8_t *const to = strip->bytes + (q - strip->first) * c, *const row = strip->rows == 1 ? to : strip->row;
        mce_mve_row(type, p, x, q - p->window.top, width, row);
        if (row != to) {
            mce_mve_columns(row, c, strip->columns, strip->rows * c, to);
        }
    }
    strip->next = end;
}

/* Is a window of all taps one run of bytes? Is that of one column? */
MCE_INLINE int32_t mce_mve_runs_down(const mce_conv2d *p)
{ return p->window.dh == 1 && p->groups == 1; }
MCE_INLINE int32_t mce_mve_runs_through(const mce_conv2d *p)
{ return p->window.dw == 1 && mce_mve_runs_down(p); }

/* The window of column w of row h of y */
MCE_INLINE const uint8_t *mce_mve_window(const mce_conv2d *p, const mce_mve_strip *strip, int32_t h, int32_t w)
{ return strip->bytes + (w * p->window.sw * strip->rows + h * p->window.sh - strip->first) * p->x.c; }

/* patch[j,i,c] = X[h*sh - top + i*dh, w*sw - left + j*dw, channel + c], c < depth, for `count` columns from w on, a patch
 * each `pitch` bytes, in row h of y, whose rows are there. What follows a patch may change: up to 15 bytes. */
MCE_SHARED void mce_mve_patches(const mce_conv2d *p, const mce_mve_strip *strip, int32_t h, int32_t w, int32_t count,
                                int32_t channel, int32_t depth, int32_t pitch,
                                uint8_t *patch /* [count][kw][kh][depth] */)
{
    const mce_window *const k = &p->window;
    const int32_t down = mce_mve_runs_down(p), through = mce_mve_runs_through(p);
    const int32_t columns = through ? 1 : k->kw, taps = down ? 1 : k->kh;
    const int32_t n = (through ? k->kw : 1) * (down ? k->kh : 1) * depth, blocks = (n + 15) >> 4;
    const int32_t column = strip->rows * p->x.c;
    const uint8_t *from = mce_mve_window(p, strip, h, w) + channel;
    for (int32_t j = columns; j > 0; j--, from += k->dw * column) {
        const uint8_t *start = from;
        for (int32_t i = taps; i > 0; i--, start += k->dh * p->x.c, patch += n) {
            const uint8_t *at = start;
            uint8_t *to = patch;
            for (int32_t left = count; left > 0; left--, at += k->sw * column, to += pitch) {
                mce_mve_bytes(at, blocks, to);
            }
        }
    }
}

#endif
