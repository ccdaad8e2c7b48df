/* Contract tflm for kernels that end in C, by the functions of dsp_output.h, output_any.h and dense_ends.h: what stands there
 * for a multiplier is its place among the words of the requantizer. */
#ifndef MIXCOMP_INTERNAL_TFLM_SINK_H
#define MIXCOMP_INTERNAL_TFLM_SINK_H

#include "mixcomp/internal/dense_ends.h"
#include "mixcomp/internal/output_any.h"
#include "mixcomp/internal/tflm_residual.h"

/* Element `at` of y, whose multiplier is at that place. */
MCE_INLINE int32_t mce_tflm_sink_value(const mce_sink *s, int32_t at, int32_t acc, int32_t place)
{
    const int32_t *const words = s->requant->multiplier;
    int32_t v = mce_tflm(acc, words[place], words[place + 1]);
    if (s->add != 0) {
        v = mce_tflm_sum(words, v, mce_load(s->add->r.type, s->r, at) - s->add->r.zero);
    }
    return mce_end(s->to->type, s->to->zero, v);
}

MCE_INLINE uint32_t mce_tflm_sink_pair(int32_t packed, const mce_sink *s, int32_t at, int32_t a, int32_t b,
                                       int32_t place_a, int32_t place_b)
{
    const int32_t element = packed ? 2 * at : at;
    const uint32_t va = (uint32_t)mce_tflm_sink_value(s, element, a, place_a);
    const uint32_t vb = (uint32_t)mce_tflm_sink_value(s, element + 1, b, place_b);
    return packed ? (va & 0x0Fu) | (vb & 0x0Fu) << 4 : (va & 0xFFu) | (vb & 0xFFu) << 8;
}

MCE_SHARED void mce_tflm_sink_any(const mce_sink *s, int32_t pixel, int32_t o, int32_t second, int32_t a, int32_t b)
{
    const int32_t *const place = s->requant->multiplier + o * s->step;
    for (int32_t c = 0; c <= second; c++) {
        const int32_t at = pixel * s->to->c + o + c;
        const int32_t v = mce_tflm_sink_value(s, at, c == 0 ? a : b, place[c * s->step]);
        mce_store_any(s->to->type, s->y, at, s->elements, v);
    }
}

MCE_INLINE void mce_tflm_dense_store(const mce_sink *s, int32_t o, int32_t outputs, int32_t a, int32_t b)
{
    const int32_t *const place = s->requant->multiplier + o * s->step;
    const int32_t even = mce_tflm_sink_value(s, o, a, place[0]);
    const int32_t odd = o + 1 < outputs ? mce_tflm_sink_value(s, o + 1, b, place[s->step]) : 0;
    mce_store_pair(s->to->type, s->y, o, outputs, even, odd);
}

#define mce_sink_pair mce_tflm_sink_pair
#define mce_sink_table(sink, plain, room) ((const int64_t *)((void)(room), (void *)0))
#define mce_sink_any mce_tflm_sink_any
#define mce_dense_store mce_tflm_dense_store
/* Bodies that kernels of a program share, by names of their own. */
#define mce_conv2d_pair_u4 mce_tflm_conv2d_pair_u4
#define mce_conv2d_pair_s4 mce_tflm_conv2d_pair_s4
#define mce_conv2d_pair_u8 mce_tflm_conv2d_pair_u8
#define mce_conv2d_pair_s8 mce_tflm_conv2d_pair_s8

#endif
