/* Copies of elements in equal steps: bytes, or half bytes of which two of y are made at a time. */
#ifndef MIXCOMP_INTERNAL_STRIDED_H
#define MIXCOMP_INTERNAL_STRIDED_H

#include "mixcomp/internal/elements.h"
#include "mixcomp/strided.h"

/* Rows of bytes, the last two loops. A function of its own has registers for the steps. */
MCE_SHARED void mce_strided_rows(const mce_strided *p, const uint8_t *x, uint8_t *y)
{
    const int32_t from = p->x_step[3], from2 = 2 * from, from3 = 3 * from;
    const int32_t to = p->y_step[3], to2 = 2 * to, to3 = 3 * to;
    for (int32_t k = p->size[2]; k > 0; k--, x += p->x_step[2], y += p->y_step[2]) {
        const uint8_t *in = x;
        uint8_t *out = y;
        int32_t n = p->size[3];
        for (; n >= 4; n -= 4) {
            out[0] = in[0];
            out[to] = in[from];
            out[to2] = in[from2];
            out[to3] = in[from3];
            in += from2 + from2;
            out += to2 + to2;
        }
        for (; n > 0; n--) {
            *out = *in;
            in += from;
            out += to;
        }
    }
}

/* The same where the bytes of a row lie together on both sides. */
MCE_SHARED void mce_copied_rows(const mce_strided *p, const uint8_t *x, uint8_t *y)
{
    const int32_t bytes = p->size[3], last = bytes & 7, x_on = p->x_step[2] - bytes, y_on = p->y_step[2] - bytes;
    for (int32_t k = p->size[2]; k > 0; k--, x += x_on, y += y_on) {
        for (int32_t n = bytes >> 3; n > 0; n--, x += 8, y += 8) {
            y[0] = x[0];
            y[1] = x[1];
            y[2] = x[2];
            y[3] = x[3];
            y[4] = x[4];
            y[5] = x[5];
            y[6] = x[6];
            y[7] = x[7];
        }
        for (int32_t n = last; n > 0; n--) {
            *y++ = *x++;
        }
    }
}

/* y[at + i] = x[start + i*from],  i < n, each 4 bits. From one pair to the next the same halves of bytes are read. */
MCE_INLINE void mce_strided_nibbles(mce_type type, const uint8_t *x, int32_t start, int32_t from, uint8_t *y,
                                    int32_t at, int32_t n)
{
    if ((at & 1) != 0) {
        mce_store_next(type, y, at++, mce_load(type, x, start));
        start += from;
        n--;
    }
    const uint8_t *even = x + (start >> 1), *odd = x + ((start + from) >> 1);
    const int32_t even_shift = 4 * (start & 1), odd_shift = 4 * ((start + from) & 1);
    uint8_t *to = y + (at >> 1);
    for (; n > 1; n -= 2) {
        *to++ = (uint8_t)((*even >> even_shift & 0x0F) | *odd >> odd_shift << 4);
        even += from;
        odd += from;
    }
    if (n > 0) {
        *to = (uint8_t)(*even >> even_shift & 0x0F);
    }
}

/* y is made pair by pair, for each pair along one loop, `count` times: as many elements further in x, an even number, and
 * bytes in y. So the same halves of bytes are read. Pairs are those of a row, a loop over the last axis, or of two rows. */
typedef struct mce_columns {
    int32_t count, x_step, y_bytes;
    int32_t rows;    /* of pairs: 1 or 2 */
    int32_t size[3]; /* of the other loops */
} mce_columns;

/* The longest such loop. count is 0 where there is none, or where a row is longer. */
MCE_INLINE mce_columns mce_columns_of(const mce_strided *p)
{
    const int32_t n = p->size[3], rows = p->size[2];
    mce_columns c = {0, 0, 0, (n & 1) != 0 ? 2 : 1, {p->size[0], p->size[1], rows}};
    int32_t best = 3;
    for (int32_t loop = 0; loop < 4 - c.rows; loop++) {
        if (((p->x_step[loop] | p->y_step[loop]) & 1) == 0 && p->size[loop] > c.count) {
            best = loop;
            c.count = p->size[loop];
        }
    }
    if ((rows & 1) == 0 && rows / 2 > c.count) { /* two rows further in each turn */
        const mce_columns down = {rows / 2, 2 * p->x_step[2], n, 2, {p->size[0], p->size[1], 1}};
        c = down;
    } else if (best < 3) {
        c.x_step = p->x_step[best];
        c.y_bytes = p->y_step[best] / 2;
        c.size[best] = 1;
    }
    if (c.count <= n || (c.rows == 2 && (rows & 1) != 0)) {
        c.count = 0;
    }
    return c;
}

/* The pairs from x[start] and y[0] on. */
MCE_INLINE void mce_strided_columns(const mce_strided *p, const mce_columns *c, const uint8_t *x, int32_t start,
                                    uint8_t *y)
{
    const int32_t n = p->size[3], along = p->x_step[3], next_row = p->x_step[2] - n * along;
    for (int32_t q = 0; q < c->rows * n; q += 2) {
        const int32_t first = start + q * along + (q < n ? 0 : next_row);
        const int32_t second = start + (q + 1) * along + (q + 1 < n ? 0 : next_row);
        const int32_t first_shift = 4 * (first & 1), second_shift = 4 * (second & 1);
        const uint8_t *even = x + (first >> 1), *odd = x + (second >> 1);
        const int32_t down = c->x_step / 2, on = c->y_bytes;
        uint8_t *to = y + (q >> 1);
        for (int32_t r = c->count; r > 0; r--) {
            *to = (uint8_t)((*even >> first_shift & 0x0F) | *odd >> second_shift << 4);
            even += down;
            odd += down;
            to += on;
        }
    }
}

MCE_INLINE void mce_strided_copy(const mce_strided *p, const uint8_t *x, uint8_t *y)
{
    const int32_t *const from = p->x_step, *const to = p->y_step, n = p->size[3];
    const int32_t packed = mce_is_packed(p->type);
    const mce_columns c = mce_columns_of(p);
    const int32_t columns = packed && c.count > 0, each = columns ? c.rows : 1;
    const int32_t *const size = columns ? c.size : p->size;
    for (int32_t i = 0; i < size[0]; i++) {
        for (int32_t j = 0; j < size[1]; j++) {
            int32_t start = p->start + i * from[0] + j * from[1], at = i * to[0] + j * to[1];
            if (!packed) {
                if (from[3] == 1 && to[3] == 1) {
                    mce_copied_rows(p, x + start, y + at);
                } else {
                    mce_strided_rows(p, x + start, y + at);
                }
                continue;
            }
            for (int32_t k = 0; k < size[2]; k += each, start += each * from[2], at += each * to[2]) {
                if (columns) {
                    mce_strided_columns(p, &c, x, start, y + (at >> 1));
                } else {
                    mce_strided_nibbles(p->type, x, start, from[3], y, at, n);
                }
            }
        }
    }
}

#endif
