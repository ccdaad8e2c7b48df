/* What the depthwise 3x3 layers in kernels/dsp share. */
#ifndef MIXCOMP_INTERNAL_DWCONV2D_TAPS_DSP_H
#define MIXCOMP_INTERNAL_DWCONV2D_TAPS_DSP_H

#include "mixcomp/internal/dsp_output.h"
#include "mixcomp/internal/window.h"
#include "mixcomp/dwconv2d.h"

enum { MCE_DW_TAPS = 9 };

/* One tap of the channels of a word, codes of lane pair j in nibbles j and j + 4: levels to w[pair_words * j]. Without a
 * table a code is its level plus 8; pairs is a constant. */
MCE_INLINE void mce_dw_lanes_of(uint32_t codes, int32_t pairs, const int16_t *level, int32_t pair_words, mce_word *w)
{
    if (level == 0) {
        uint32_t mask = 0x000F000Fu, eight = 0x00080008u;
        MCE_IN_REGISTER(mask);
        MCE_IN_REGISTER(eight);
        for (int32_t j = 0; j < pairs; j++, w += pair_words) {
            *w = mce_ssub16(codes >> 4 * j & mask, eight);
        }
        return;
    }
    for (int32_t j = 0; j < pairs; j++, codes >>= 4, w += pair_words) {
        *w = ((uint32_t)level[codes & 0x0Fu] & 0xFFFFu) | (uint32_t)level[codes >> 16 & 0x0Fu] << 16;
    }
}

#endif
