/* How the phases of a transposed convolution become one value. */
#ifndef MIXCOMP_INTERNAL_WEAVE_H
#define MIXCOMP_INTERNAL_WEAVE_H

#include "mixcomp/internal/elements.h"
#include "mixcomp/conv2d_transpose.h"

/* Where the outputs of a phase lie in scratch. */
MCE_INLINE uint8_t *mce_plane(mce_scratch *scratch)
{ return (uint8_t *)(void *)scratch; }

/* What of scratch is left behind them. */
MCE_INLINE mce_scratch *mce_rest(const mce_conv2d_transpose *p, mce_scratch *scratch)
{
    const int32_t n = p->conv.y.h * p->conv.y.w * p->conv.y.c;
    return scratch + ((mce_is_packed(p->conv.y.type) ? (n + 1) >> 1 : n) + 3) / 4 * 2;
}

/* y[row + q*sh, column + r*sw, o] = plane[q + skip_rows, r + skip_columns, o] */
MCE_INLINE void mce_weave(const mce_conv2d_transpose *p, mce_scratch *scratch, uint8_t *y)
{
    const mce_type type = p->y.type;
    const uint8_t *const plane = mce_plane(scratch);
    const int32_t channels = p->y.c, packed = mce_is_packed(type), n = p->y.h * p->y.w * channels;
    const int32_t bytes = packed && (channels & 1) != 0 ? 0 : mce_pair_bytes(packed, channels); /* 0: half ones, too */
    for (int32_t h = p->row, q = p->skip_rows; h < p->y.h; h += p->sh, q++) {
        int32_t from = q * p->conv.y.w + p->skip_columns, to = h * p->y.w + p->column;
        for (int32_t w = p->column; w < p->y.w; w += p->sw, from++, to += p->sw) {
            const uint8_t *const pixel = plane + from * bytes;
            for (int32_t i = 0; i < bytes; i++) {
                y[to * bytes + i] = pixel[i];
            }
            for (int32_t c = 0; bytes == 0 && c < channels; c++) {
                mce_store_any(type, y, to * channels + c, n, mce_load(type, plane, from * channels + c));
            }
        }
    }
}

#endif
