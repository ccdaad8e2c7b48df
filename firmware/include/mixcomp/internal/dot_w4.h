/* The inner loop of conv2d and dense. */
#ifndef MIXCOMP_INTERNAL_DOT_W4_H
#define MIXCOMP_INTERNAL_DOT_W4_H

#include "mixcomp/internal/elements.h"

/* What a dot product reads: a tensor of one of the types of mce_type, or int16_t scratch. */
enum { MCE_SCRATCH = -1 };

MCE_INLINE int32_t mce_dot_even(int32_t kind, const void *x, int32_t k) /* element 2*k */
{ return kind == MCE_SCRATCH ? ((const mce_scratch *)x)[2 * k] : mce_load_even((mce_type)kind, (const uint8_t *)x, k); }

MCE_INLINE int32_t mce_dot_odd(int32_t kind, const void *x, int32_t k) /* element 2*k + 1 */
{
    return kind == MCE_SCRATCH ? ((const mce_scratch *)x)[2 * k + 1]
                               : mce_load_odd((mce_type)kind, (const uint8_t *)x, k);
}

/* acc + sum_i x[i] * level(codes[i]), i < n: a byte of codes meets two elements of x; an odd row ends in the low nibble
 * of its last byte. kind is a constant. The caller's bound on the whole sum is one on every partial sum. */
MCE_INLINE int32_t mce_dot_w4(int32_t kind, int32_t acc, const void *x, /* [n] */
                              const uint8_t *codes,                     /* [ceil(n/2)] */
                              const int16_t *level,                     /* [16] */
                              int32_t n)
{
    const int32_t pairs = n >> 1;
    for (int32_t k = 0; k < pairs; k++) {
        const int32_t byte = codes[k];
        acc += mce_dot_even(kind, x, k) * level[byte & 0x0F];
        acc += mce_dot_odd(kind, x, k) * level[byte >> 4];
    }
    if ((n & 1) != 0) {
        acc += mce_dot_even(kind, x, pairs) * level[codes[pairs] & 0x0F];
    }
    return acc;
}

/* The same with bytes, each a level itself. */
MCE_INLINE int32_t mce_dot_w8(int32_t kind, int32_t acc, const void *x, /* [n] */
                              const uint8_t *codes,                     /* [n] */
                              int32_t n)
{
    const int8_t *const level = (const int8_t *)codes;
    const int32_t pairs = n >> 1;
    for (int32_t k = 0; k < pairs; k++) {
        acc += mce_dot_even(kind, x, k) * level[2 * k];
        acc += mce_dot_odd(kind, x, k) * level[2 * k + 1];
    }
    if ((n & 1) != 0) {
        acc += mce_dot_even(kind, x, pairs) * level[n - 1];
    }
    return acc;
}

/* Sums of two rows. */
typedef struct mce_two_sums {
    int32_t first, second;
} mce_two_sums;

/* Two neighbouring rows of n bytes: each element of x is read once for both. */
MCE_INLINE mce_two_sums mce_dot2_w8(int32_t kind, const int32_t *bias /* [2] */, const void *x, /* [n] */
                                    const uint8_t *codes,                                       /* [2][n] */
                                    int32_t n)
{
    const int8_t *const a = (const int8_t *)codes, *const b = a + n;
    const int32_t pairs = n >> 1;
    mce_two_sums sum = {bias[0], bias[1]};
    for (int32_t k = 0; k < pairs; k++) {
        const int32_t even = mce_dot_even(kind, x, k), odd = mce_dot_odd(kind, x, k);
        sum.first += even * a[2 * k];
        sum.first += odd * a[2 * k + 1];
        sum.second += even * b[2 * k];
        sum.second += odd * b[2 * k + 1];
    }
    if ((n & 1) != 0) {
        const int32_t last = mce_dot_even(kind, x, pairs);
        sum.first += last * a[n - 1];
        sum.second += last * b[n - 1];
    }
    return sum;
}

/* Bytes of a row of n codes. bits, a constant, is 4 or 8. */
MCE_INLINE int32_t mce_row_bytes(int32_t bits, int32_t n)
{ return bits == 8 ? n : (n + 1) >> 1; }

#endif
