/* How the kernels in kernels/dsp end: the accumulators of a tile of four channels at two pixels become outputs. */
#ifndef MIXCOMP_INTERNAL_DSP_OUTPUT_H
#define MIXCOMP_INTERNAL_DSP_OUTPUT_H

#include "mixcomp/internal/dsp.h"
#include "mixcomp/internal/elements.h"
#include "mixcomp/kernels.h"

enum { MCE_TILE = 4 }; /* channels of a tile */

/* Accumulators of a tile: v[4*odd + 2*pair + i] is channel 2*pair + odd at pixel i. */
typedef struct mce_tile {
    int32_t v[2 * MCE_TILE];
} mce_tile;

/* Every pixel's accumulators begin with the bias, those of channels that are not there with 0. */
MCE_INLINE void mce_tile_begin(mce_tile *acc, const int32_t *bias, int32_t channels)
{
    acc->v[0] = acc->v[1] = bias[0];
    acc->v[4] = acc->v[5] = channels > 1 ? bias[1] : 0;
    acc->v[2] = acc->v[3] = channels > 2 ? bias[2] : 0;
    acc->v[6] = acc->v[7] = channels > 3 ? bias[3] : 0;
}

/* Where a tile goes and how: the same for all tiles of a call. */
typedef struct mce_sink {
    const mce_tensor *to;
    const mce_requant *requant;
    const mce_conv2d_add *add; /* null (0) without a residual */
    const uint8_t *r;          /* the residual, of y's shape */
    uint8_t *y;
    int32_t elements; /* of y */
    int32_t whole;    /* 1: all channels come in whole tiles */
    int32_t zero;     /* of y, in offset binary: signed types run as v + 8 or v + 128 */
    int32_t r_zero;   /* of the residual, likewise */
} mce_sink;

/* What makes a signed type unsigned by flipping its sign bit. */
MCE_INLINE int32_t mce_offset_binary(mce_type type)
{ return -mce_type_min(type); }

/* channels: of one group */
MCE_INLINE mce_sink mce_sink_of(const mce_tensor *to, const mce_requant *requant, const mce_conv2d_add *add,
                                const uint8_t *r, uint8_t *y, int32_t channels)
{
    const int32_t r_zero = add != 0 ? add->r.zero + mce_offset_binary(add->r.type) : 0;
    const mce_sink sink = {to, requant, add, r, y, to->h * to->w * to->c,
                           to->c % MCE_TILE == 0 && channels % MCE_TILE == 0,
                           to->zero + mce_offset_binary(to->type), r_zero};
    return sink;
}

/* Four elements of a tensor from a multiple of four on, in offset binary. */
MCE_INLINE uint32_t mce_tile_load(mce_type type, const uint8_t *x, int32_t at)
{
    if (mce_is_packed(type)) {
        const uint32_t tile = (uint32_t)x[at >> 1] | (uint32_t)x[(at >> 1) + 1] << 8;
        return type == MCE_S4 ? tile ^ 0x8888u : tile;
    }
    const uint32_t tile = *(const mce_word_any *)(x + at);
    return type == MCE_S8 ? tile ^ 0x80808080u : tile;
}

MCE_INLINE int32_t mce_tile_element(int32_t packed, uint32_t tile, uint32_t c)
{ return (int32_t)(packed != 0 ? (tile >> 4 * c) & 0x0Fu : (tile >> 8 * c) & 0xFFu); }

/* The value that is clamped, in offset binary: zero + q32(acc), or with the residual element r as in SPEC.md 4.12. */
MCE_INLINE int32_t mce_sink_value(const mce_sink *s, int32_t acc, int32_t m, int32_t r)
{
    acc = (int32_t)((uint32_t)acc << s->requant->shift);
    if (s->add == 0) {
        return mce_smmlar(acc, m, s->zero);
    }
    const int32_t residual = (int32_t)((uint32_t)(r - s->r_zero) << s->add->r_shift);
    const int64_t zero = ((int64_t)s->zero << 32) + ((int64_t)1 << 31);
    return (int32_t)((zero + (int64_t)acc * m + (int64_t)residual * s->add->r_multiplier) >> 32);
}

/* A whole tile of one pixel, acc at its first accumulator; `packed` is a constant. */
MCE_INLINE void mce_sink_whole(int32_t packed, const mce_sink *s, int32_t at, const int32_t *acc, int32_t m0, int32_t m1,
                               int32_t m2, int32_t m3)
{
    const int32_t r_packed = s->add != 0 ? mce_is_packed(s->add->r.type) : 0;
    const uint32_t r = s->add != 0 ? mce_tile_load(s->add->r.type, s->r, at) : 0;
    const int32_t v0 = mce_sink_value(s, acc[0], m0, mce_tile_element(r_packed, r, 0));
    const int32_t v1 = mce_sink_value(s, acc[4], m1, mce_tile_element(r_packed, r, 1));
    const int32_t v2 = mce_sink_value(s, acc[2], m2, mce_tile_element(r_packed, r, 2));
    const int32_t v3 = mce_sink_value(s, acc[6], m3, mce_tile_element(r_packed, r, 3));
    if (packed != 0) {
        const uint32_t flip = s->to->type == MCE_S4 ? 0x88u : 0;
        s->y[at >> 1] = (uint8_t)((mce_usat4(v0) | mce_usat4(v1) << 4) ^ flip);
        s->y[(at >> 1) + 1] = (uint8_t)((mce_usat4(v2) | mce_usat4(v3) << 4) ^ flip);
    } else {
        const uint32_t flip = s->to->type == MCE_S8 ? 0x80808080u : 0;
        const uint32_t tile = mce_usat8(v0) | mce_usat8(v1) << 8 | mce_usat8(v2) << 16 | mce_usat8(v3) << 24;
        *(mce_word_any *)(s->y + at) = tile ^ flip;
    }
}

/* y[pixel + i, o + c] from the accumulators, i < pixels <= 2, c < channels <= 4 */
MCE_INLINE void mce_sink_tile(const mce_sink *s, int32_t pixel, int32_t pixels, int32_t o, int32_t channels,
                              const mce_tile *acc)
{
    const int32_t *m = s->requant->multiplier + (s->requant->per_channel != 0 ? o : 0);
    const int32_t step = s->requant->per_channel, width = s->to->c, packed = mce_is_packed(s->to->type);
    int32_t at = pixel * width + o;
    if (s->whole != 0) {
        const int32_t m0 = m[0], m1 = m[step], m2 = m[2 * step], m3 = m[3 * step];
        for (int32_t i = 0; i < pixels; i++, at += width) {
            if (packed != 0) {
                mce_sink_whole(1, s, at, acc->v + i, m0, m1, m2, m3);
            } else {
                mce_sink_whole(0, s, at, acc->v + i, m0, m1, m2, m3);
            }
        }
        return;
    }
    for (int32_t i = 0; i < pixels; i++, at += width) {
        for (int32_t c = 0; c < channels; c++) {
            const int32_t offset = s->add != 0 ? mce_offset_binary(s->add->r.type) : 0;
            const int32_t r = s->add != 0 ? mce_load(s->add->r.type, s->r, at + c) + offset : 0;
            const int32_t v = mce_sink_value(s, acc->v[4 * (c & 1) + (c & 2) + i], m[c * step], r) - mce_offset_binary(s->to->type);
            mce_store_any(s->to->type, s->y, at + c, s->elements, mce_clamp(s->to->type, v));
        }
    }
}

#endif
