/* Weights of kernels/mve. Two channels share a byte: the lower nibble is one's, the upper the other's. fixp4: byte << 4 and
 * byte & 0xF0 are 16 times the weight, as signed bytes, without a table; the sums hold 16 times their value, which fits in
 * 32 bits (plan/packing proves it). Other codebooks: each nibble through a table of bytes. */
#ifndef MIXCOMP_INTERNAL_WEIGHTS_MVE_H
#define MIXCOMP_INTERNAL_WEIGHTS_MVE_H

#include "mixcomp/internal/mve.h"

/* The levels as bytes; a layer with others has another kernel. */
MCE_INLINE void mce_mve_table(const void *levels, int8_t *table /* [16] */)
{
    for (int32_t i = 0; i < 16; i++) {
        table[i] = (int8_t)((const int16_t *)levels)[i];
    }
}

/* The weights of two channels in 16 bytes; table is null (0) for fixp4, as a constant. */
MCE_INLINE void mce_mve_weights(const int8_t *table, mce_q v, mce_q *a, mce_q *b)
{
    if (table == 0) {
        *a = mce_q_low_up(v);
        *b = mce_q_and(v, mce_q_bytes(0xF0));
    } else {
        *a = mce_q_lookup(table, mce_q_and(v, mce_q_bytes(0x0F)));
        *b = mce_q_lookup(table, mce_q_high_down(v));
    }
}

#endif
