/* Which taps of a sliding window lie inside the tensor. */
#ifndef MIXCOMP_INTERNAL_WINDOW_H
#define MIXCOMP_INTERNAL_WINDOW_H

#include "mixcomp/internal/arith.h"

typedef struct mce_span {
    int32_t first, end;
} mce_span;

/* An output pixel (h, w). */
typedef struct mce_cursor {
    int32_t h, w;
} mce_cursor;

MCE_INLINE void mce_cursor_next(mce_cursor *at, int32_t width)
{
    if (++at->w == width) {
        at->w = 0;
        at->h++;
    }
}

/* Is 0 <= i < size? */
MCE_INLINE int32_t mce_inside(int32_t i, int32_t size)
{ return (uint32_t)i < (uint32_t)size; }

/* The taps first <= t < end of one axis for which 0 <= origin + t*step < size. They are contiguous, as step > 0. */
MCE_INLINE mce_span mce_taps_inside(int32_t origin, int32_t step, int32_t taps, int32_t size)
{
    mce_span span = {0, taps};
    while (span.first < span.end && origin + span.first * step < 0) {
        span.first++;
    }
    while (span.first < span.end && origin + (span.end - 1) * step >= size) {
        span.end--;
    }
    return span;
}

#endif
