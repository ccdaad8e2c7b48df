/* Outputs of any shape: with DSP one body for all kernels of a program. Elsewhere one a kernel, which gcc can look into:
 * before a call into the unknown it keeps the sink in memory, which costs M3's depthwise layers a tenth. */
#ifndef MIXCOMP_INTERNAL_OUTPUT_ANY_H
#define MIXCOMP_INTERNAL_OUTPUT_ANY_H

#include "mixcomp/internal/dsp_output.h"

#if MCE_DSP
#define MCE_SINK_ANY MCE_ONCE
#else
#define MCE_SINK_ANY MCE_SHARED
#endif

/* y[pixel, o], and y[pixel, o + 1] where there is a second channel: any shape, any shift. */
MCE_SINK_ANY void mce_sink_any(const mce_sink *s, int32_t pixel, int32_t o, int32_t second, int32_t a, int32_t b);
MCE_SINK_ANY void mce_sink_any(const mce_sink *s, int32_t pixel, int32_t o, int32_t second, int32_t a, int32_t b)
{
    const int32_t shift = s->requant->shift, *const m = s->requant->multiplier + o * s->step;
    for (int32_t c = 0; c <= second; c++) {
        const int32_t at = pixel * s->to->c + o + c, acc = (int32_t)((uint32_t)(c == 0 ? a : b) << shift);
        const int32_t r = s->add != 0 ? mce_load(s->add->r.type, s->r, at) : 0;
        const int32_t v = mce_sink_value(s, acc, m[c * s->step], r) - mce_offset_binary(s->to->type);
        mce_store_any(s->to->type, s->y, at, s->elements, mce_clamp(s->to->type, v));
    }
}

#endif
