/* The windows of adaptive poolings: those over an axis of `size` elements that makes `out`. */
#ifndef MIXCOMP_INTERNAL_ADAPTIVE2D_H
#define MIXCOMP_INTERNAL_ADAPTIVE2D_H

#include "mixcomp/internal/elements.h"
#include "mixcomp/internal/window.h"

/* first = floor(i * size / out), end = ceil((i + 1) * size / out), i < out; products below 2^32. SPEC.md 4.28 */
MCE_INLINE mce_span mce_adaptive_span(int32_t i, int32_t size, int32_t out)
{
    const uint32_t from = (uint32_t)i * (uint32_t)size, to = from + (uint32_t)size;
    const mce_span span = {(int32_t)(from / (uint32_t)out), (int32_t)((to - 1) / (uint32_t)out) + 1};
    return span;
}

/* ceil(size / out): the fewest elements of a window. */
MCE_INLINE int32_t mce_adaptive_least(int32_t size, int32_t out)
{ return (size + out - 1) / out; }

#endif
