/* The body of mce_dense_<act>_w4__c and _w8__c; type and bits of a code are constants in each of them. */
#ifndef MIXCOMP_INTERNAL_DENSE_W4_H
#define MIXCOMP_INTERNAL_DENSE_W4_H

#include "mixcomp/internal/dot_w4.h"
#include "mixcomp/dense.h"

/* acc[o] = bias[o] + sum_i level(code[o,i]) * x[i]
 * y[o] = clamp(y.zero + q32(acc[o], m[o], s))                                                          SPEC.md 4.3
 * (|bias| + sum |level| * max|x|) * 2^s < 2^31 (lowering proves it), so no partial sum leaves int32. */
MCE_INLINE void mce_dense_rows(mce_type type, int32_t bits, const mce_dense *p, const uint8_t *x, /* [inputs] */
                               uint8_t *y /* [outputs] */)
{
    const int32_t inputs = p->x.h * p->x.w * p->x.c, outputs = p->y.h * p->y.w * p->y.c;
    const uint8_t *codes = (const uint8_t *)p->codes; /* row o: [mce_row_bytes] */
    for (int32_t o = 0; o < outputs; o++) {
        int32_t acc;
        if (bits == 8 && o + 1 < outputs) {
            const mce_two_sums two = mce_dot2_w8((int32_t)type, p->bias + o, x, codes, inputs);
            mce_store_output(&p->y, &p->requant, y, o, two.first, o);
            codes += inputs;
            o++;
            acc = two.second;
        } else if (bits == 8) {
            acc = mce_dot_w8((int32_t)type, p->bias[o], x, codes, inputs);
        } else {
            acc = mce_dot_w4((int32_t)type, p->bias[o], x, codes, (const int16_t *)p->levels, inputs);
        }
        mce_store_output(&p->y, &p->requant, y, o, acc, o);
        codes += mce_row_bytes(bits, inputs);
    }
}

#endif
