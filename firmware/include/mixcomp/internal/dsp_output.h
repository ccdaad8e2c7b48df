/* How the kernels in kernels/dsp end: the accumulators of a tile of four channels at two pixels become outputs. */
#ifndef MIXCOMP_INTERNAL_DSP_OUTPUT_H
#define MIXCOMP_INTERNAL_DSP_OUTPUT_H

#include "mixcomp/internal/dsp.h"
#include "mixcomp/internal/elements.h"
#include "mixcomp/kernels.h"

enum { MCE_TILE = 4 }; /* channels of a tile */

/* Where a tile goes and how: the same for all tiles of a call. */
typedef struct mce_sink {
    const mce_tensor *to;
    const mce_requant *requant;
    const mce_conv2d_add *add; /* null (0) without a residual */
    const uint8_t *r;          /* the residual, of y's shape */
    uint8_t *y;
    int32_t elements; /* of y */
    int32_t whole;    /* 1: all channels come in whole tiles of u4 or u8, and so does the residual */
} mce_sink;

MCE_INLINE int32_t mce_whole_tiles(const mce_tensor *t, int32_t channels)
{ return (t->type == MCE_U4 || t->type == MCE_U8) && t->c % MCE_TILE == 0 && channels % MCE_TILE == 0; }

/* channels: of one group */
MCE_INLINE mce_sink mce_sink_of(const mce_tensor *to, const mce_requant *requant, const mce_conv2d_add *add,
                                const uint8_t *r, uint8_t *y, int32_t channels)
{
    const int32_t whole = mce_whole_tiles(to, channels) && (add == 0 || mce_whole_tiles(&add->r, channels));
    const mce_sink sink = {to, requant, add, r, y, to->h * to->w * to->c, whole};
    return sink;
}

/* Four elements of t from a multiple of four on: halfwords and words may lie at any address a tile may have. */
MCE_INLINE uint32_t mce_tile_load(mce_type type, const uint8_t *x, int32_t at)
{
    if (type == MCE_U4) {
        return (uint32_t)x[at >> 1] | (uint32_t)x[(at >> 1) + 1] << 8;
    }
    return *(const mce_word_any *)(x + at);
}

MCE_INLINE uint32_t mce_tile_element(mce_type type, uint32_t tile, uint32_t c)
{ return type == MCE_U4 ? (tile >> 4 * c) & 0x0Fu : (tile >> 8 * c) & 0xFFu; }

/* The value that is clamped: zero + q32(acc), or with the residual element r as in SPEC.md 4.12. */
MCE_INLINE int32_t mce_sink_value(const mce_sink *s, int32_t acc, int32_t m, int32_t r)
{
    acc = (int32_t)((uint32_t)acc << s->requant->shift);
    if (s->add == 0) {
        return mce_smmlar(acc, m, s->to->zero);
    }
    const int32_t residual = (int32_t)((uint32_t)(r - s->add->r.zero) << s->add->r_shift);
    const int64_t zero = ((int64_t)s->to->zero << 32) + ((int64_t)1 << 31);
    return (int32_t)((zero + (int64_t)acc * m + (int64_t)residual * s->add->r_multiplier) >> 32);
}

/* A whole tile of one pixel; `type` is a constant, MCE_U4 or MCE_U8. */
MCE_INLINE void mce_sink_whole(mce_type type, const mce_sink *s, int32_t at, const int32_t *acc /* [4] */, int32_t m0,
                               int32_t m1, int32_t m2, int32_t m3)
{
    const mce_type r_type = s->add != 0 ? s->add->r.type : type;
    const uint32_t r = s->add != 0 ? mce_tile_load(r_type, s->r, at) : 0;
    const int32_t v0 = mce_sink_value(s, acc[0], m0, (int32_t)mce_tile_element(r_type, r, 0));
    const int32_t v1 = mce_sink_value(s, acc[1], m1, (int32_t)mce_tile_element(r_type, r, 1));
    const int32_t v2 = mce_sink_value(s, acc[2], m2, (int32_t)mce_tile_element(r_type, r, 2));
    const int32_t v3 = mce_sink_value(s, acc[3], m3, (int32_t)mce_tile_element(r_type, r, 3));
    if (type == MCE_U4) {
        s->y[at >> 1] = (uint8_t)(mce_usat4(v0) | mce_usat4(v1) << 4);
        s->y[(at >> 1) + 1] = (uint8_t)(mce_usat4(v2) | mce_usat4(v3) << 4);
    } else {
        *(mce_word_any *)(s->y + at) = mce_usat8(v0) | mce_usat8(v1) << 8 | mce_usat8(v2) << 16 | mce_usat8(v3) << 24;
    }
}

/* y[pixel + i, o + c] from acc[i][c], i < pixels <= 2, c < channels <= 4 */
MCE_INLINE void mce_sink_tile(const mce_sink *s, int32_t pixel, int32_t pixels, int32_t o, int32_t channels,
                              int32_t acc[2][MCE_TILE])
{
    const int32_t *m = s->requant->multiplier + (s->requant->per_channel != 0 ? o : 0);
    const int32_t step = s->requant->per_channel, width = s->to->c;
    int32_t at = pixel * width + o;
    if (s->whole != 0) {
        const int32_t m0 = m[0], m1 = m[step], m2 = m[2 * step], m3 = m[3 * step];
        for (int32_t i = 0; i < pixels; i++, at += width) {
            if (s->to->type == MCE_U4) {
                mce_sink_whole(MCE_U4, s, at, acc[i], m0, m1, m2, m3);
            } else {
                mce_sink_whole(MCE_U8, s, at, acc[i], m0, m1, m2, m3);
            }
        }
        return;
    }
    for (int32_t i = 0; i < pixels; i++, at += width) {
        for (int32_t c = 0; c < channels; c++) {
            const int32_t r = s->add != 0 ? mce_load(s->add->r.type, s->r, at + c) : 0;
            const int32_t v = mce_sink_value(s, acc[i][c], m[c * step], r);
            mce_store_any(s->to->type, s->y, at + c, s->elements, mce_clamp(s->to->type, v));
        }
    }
}

#endif
