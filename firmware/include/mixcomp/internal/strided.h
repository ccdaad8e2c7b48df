/* Copies of elements in equal steps: bytes, or half bytes of which two of y are made at a time. */
#ifndef MIXCOMP_INTERNAL_STRIDED_H
#define MIXCOMP_INTERNAL_STRIDED_H

#include "mixcomp/internal/elements.h"
#include "mixcomp/strided.h"

/* y[i*to] = x[i*from],  i < n */
MCE_INLINE void mce_strided_bytes(const uint8_t *x, int32_t from, uint8_t *y, int32_t to, int32_t n)
{
    const int32_t from2 = 2 * from, from3 = 3 * from, to2 = 2 * to, to3 = 3 * to;
    for (; n >= 4; n -= 4) {
        y[0] = x[0];
        y[to] = x[from];
        y[to2] = x[from2];
        y[to3] = x[from3];
        x += 4 * from;
        y += 4 * to;
    }
    for (; n > 0; n--) {
        *y = *x;
        x += from;
        y += to;
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

MCE_INLINE void mce_strided_copy(const mce_strided *p, const uint8_t *x, uint8_t *y)
{
    const int32_t *from = p->x_step, *to = p->y_step;
    for (int32_t i = 0; i < p->size[0]; i++) {
        for (int32_t j = 0; j < p->size[1]; j++) {
            for (int32_t k = 0; k < p->size[2]; k++) {
                const int32_t start = p->start + i * from[0] + j * from[1] + k * from[2];
                const int32_t at = i * to[0] + j * to[1] + k * to[2];
                if (mce_is_packed(p->type)) {
                    mce_strided_nibbles(p->type, x, start, from[3], y, at, p->size[3]);
                } else {
                    mce_strided_bytes(x + start, from[3], y + at, to[3], p->size[3]);
                }
            }
        }
    }
}

#endif
