/* The body of mce_embedding_<act>_w4__c and _w8__c; type and bits of a code are constants in each of them. */
#ifndef MIXCOMP_INTERNAL_EMBEDDING_W4_H
#define MIXCOMP_INTERNAL_EMBEDDING_W4_H

#include "mixcomp/internal/tokens.h"
#include "mixcomp/embedding.h"

/* y[i,d] = clamp(y.zero + q32(level(code[t,d]), m[t], s)), t = min(x[i], rows - 1)                     SPEC.md 4.30
 * max |level| * 2^s < 2^31 (lowering proves it). Of 16 levels each is requantized once a row, or once where all rows have
 * one multiplier. */
MCE_INLINE void mce_embedding_rows(mce_type type, int32_t bits, const mce_embedding *p, const uint8_t *x, /* tokens */
                                   uint8_t *y /* [tokens][y.c] */)
{
    const int32_t tokens = p->x.h * p->x.w * p->x.c, depth = p->y.c, row_bytes = bits == 4 ? (depth + 1) >> 1 : depth;
    const int32_t packed = mce_is_packed(p->y.type);
    int16_t made[16]; /* the element that each code becomes */
    int32_t made_by = -1, at = 0;
    for (int32_t i = 0; i < tokens; i++) {
        const int32_t token = mce_token(type, x, i), row = token < p->rows ? token : p->rows - 1;
        const int32_t by = p->requant.per_channel != 0 ? row : 0;
        const int32_t m = p->requant.multiplier[by], s = p->requant.shift;
        const uint8_t *const codes = (const uint8_t *)p->codes + row * row_bytes;
        if (bits == 4 && by != made_by) {
            for (int32_t c = 0; c < 16; c++) {
                const int32_t level = ((const int16_t *)p->levels)[c];
                made[c] = (int16_t)mce_requantize(p->y.type, p->y.zero, level, m, s);
            }
            made_by = by;
        }
        int32_t d = 0;
        if (bits == 4 && (packed == 0 || (at & 1) == 0)) { /* a byte of codes makes two bytes of y, or one */
            for (; d + 1 < depth; d += 2, at += 2) {
                const int32_t pair = codes[d >> 1], even = made[pair & 15], odd = made[pair >> 4];
                if (packed) {
                    y[at >> 1] = (uint8_t)((even & 15) | (odd & 15) << 4);
                } else {
                    y[at] = (uint8_t)even;
                    y[at + 1] = (uint8_t)odd;
                }
            }
        }
        for (; d < depth; d++) {
            const int32_t v = bits == 4 ? made[(codes[d >> 1] >> ((d & 1) * 4)) & 15]
                                        : mce_requantize(p->y.type, p->y.zero, (int8_t)codes[d], m, s);
            mce_store_next(p->y.type, y, at++, v);
        }
    }
}

#endif
