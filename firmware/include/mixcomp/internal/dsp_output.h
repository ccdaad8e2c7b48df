/* How the kernels in kernels/dsp end: accumulators become outputs, two neighbouring channels of a pixel at a time. */
#ifndef MIXCOMP_INTERNAL_DSP_OUTPUT_H
#define MIXCOMP_INTERNAL_DSP_OUTPUT_H

#include "mixcomp/internal/dsp.h"
#include "mixcomp/internal/elements.h"
#include "mixcomp/conv2d_add.h"

/* How weights are packed, by the names of plan/packing. */
typedef enum mce_scheme { MCE_QUAD, MCE_PAIR, MCE_PAIR_TABLE, MCE_FOUR, MCE_BYTES } mce_scheme;

/* What makes a signed type unsigned, by flipping its sign bit: kernels saturate in that offset binary. */
MCE_INLINE int32_t mce_offset_binary(mce_type type)
{ return -mce_type_min(type); }

/* Where outputs go and how: the same for all of a call. */
typedef struct mce_sink {
    const mce_tensor *to;
    const mce_requant *requant;
    const mce_conv2d_add *add; /* null (0) without a residual */
    const uint8_t *r;          /* the residual, of y's shape */
    uint8_t *y;
    int32_t elements; /* of y */
    int32_t zero;     /* of y, in offset binary */
    int32_t step;     /* from one multiplier to the next */
    uint32_t flip;    /* the sign bits of two outputs of a signed type */
    int64_t rounding; /* with a residual: half, less what its zero point would add */
} mce_sink;

MCE_INLINE mce_sink mce_sink_of(const mce_tensor *to, const mce_requant *requant, const mce_conv2d_add *add,
                                const uint8_t *r, uint8_t *y)
{
    const int32_t zero = to->zero + mce_offset_binary(to->type);
    const uint32_t flip = to->type == MCE_S4 ? 0x88u : to->type == MCE_S8 ? 0x8080u : 0;
    int64_t rounding = (int64_t)1 << 31;
    if (add != 0) {
        rounding -= (int64_t)(add->r.zero * ((int32_t)1 << add->r_shift)) * add->r_multiplier;
    }
    const mce_sink sink = {to,   requant, add, r, y, to->h * to->w * to->c, zero, requant->per_channel != 0 ? 1 : 0,
                           flip, rounding};
    return sink;
}

/* Whether outputs come in whole pairs, an even number of channels in each group. */
MCE_INLINE int32_t mce_sink_is_paired(const mce_sink *s, int32_t outputs)
{
    const int32_t same = s->add == 0 || mce_is_packed(s->add->r.type) == mce_is_packed(s->to->type);
    return (outputs & 1) == 0 && same;
}

/* Whether they need no shift, too: the short way. */
MCE_INLINE int32_t mce_sink_is_plain(const mce_sink *s, int32_t outputs)
{ return mce_sink_is_paired(s, outputs) && s->requant->shift == 0; }

/* The value that is clamped, in offset binary: zero + q32(acc), or with the residual element r as in SPEC.md 4.12. */
MCE_INLINE int32_t mce_sink_value(const mce_sink *s, int32_t acc, int32_t m, int32_t r)
{
    if (s->add == 0) {
        return mce_smmlar(acc, m, s->zero);
    }
    const int32_t residual = r * ((int32_t)1 << s->add->r_shift);                /* its zero point is in `rounding` */
    const int64_t more = s->rounding + (int64_t)residual * s->add->r_multiplier; /* |both products| < 2^62 */
    return s->zero + mce_multiply_more(acc, m, more);
}

/* For each code of a 4-bit residual, the 64-bit number that it, y's zero point and the rounding add to acc * m. The sums
 * fit: y has 4 bits there, |zero| < 2^4. */
MCE_INLINE void mce_sink_residuals(const mce_sink *s, int64_t *residual /* [16] */)
{
    for (int32_t code = 0; code < 16; code++) {
        const int32_t r = mce_nibble(s->add->r.type, code) * ((int32_t)1 << s->add->r_shift);
        residual[code] = s->rounding + (int64_t)s->zero * ((int64_t)1 << 32) + (int64_t)r * s->add->r_multiplier;
    }
}

/* That table in `room`, where a residual of 4 bits is added the short way; else null (0). */
MCE_INLINE const int64_t *mce_sink_table(const mce_sink *s, int32_t plain, int64_t *room /* [16] */)
{
    if (s->add == 0 || !plain || !mce_is_packed(s->add->r.type)) {
        return 0;
    }
    mce_sink_residuals(s, room);
    return room;
}

/* Outputs of two neighbouring channels, the short way: a byte, or a halfword's two bytes. `at` is their first byte;
 * packed is a constant. */
MCE_INLINE uint32_t mce_sink_pair(int32_t packed, const mce_sink *s, int32_t at, int32_t a, int32_t b, int32_t ma,
                                  int32_t mb)
{
    int32_t ra = 0, rb = 0;
    if (s->add != 0) {
        const mce_type type = s->add->r.type;
        const uint32_t r = packed ? s->r[at] : *(const mce_half_any *)(s->r + at);
        ra = packed           ? mce_nibble(type, (int32_t)(r & 0x0Fu))
             : type == MCE_S8 ? (int8_t)(r & 0xFFu)
                              : (int32_t)(r & 0xFFu);
        rb = packed ? mce_nibble(type, (int32_t)(r >> 4)) : type == MCE_S8 ? (int8_t)(r >> 8) : (int32_t)(r >> 8);
    }
    const int32_t va = mce_sink_value(s, a, ma, ra), vb = mce_sink_value(s, b, mb, rb);
    return (packed ? mce_usat4(va) | mce_usat4(vb) << 4 : mce_usat8(va) | mce_usat8(vb) << 8) ^ s->flip;
}

MCE_INLINE void mce_sink_store(int32_t packed, uint8_t *y, uint32_t both)
{
    if (packed) {
        *y = (uint8_t)both;
    } else {
        *(mce_half_any *)y = (uint16_t)both;
    }
}

#endif
