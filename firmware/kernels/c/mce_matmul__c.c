#include "mixcomp/internal/elements.h"
#include "mixcomp/matmul.h"

/* The bits of element i of a tensor. */
MCE_INLINE int32_t mce_bits(int32_t packed, const uint8_t *x, int32_t i)
{ return packed ? (x[i >> 1] >> ((i & 1) * 4)) & 0x0F : x[i]; }

/* What turns the bits of an element into its value: (bits ^ sign) - sign. */
MCE_INLINE int32_t mce_sign_bit(mce_type type)
{ return type == MCE_S4 ? 8 : type == MCE_S8 ? 128 : 0; }

/* Sum of the products of the elements that start at `from` in a and in b. */
MCE_INLINE int32_t mce_sum_products(const mce_matmul *p, int32_t a_packed, int32_t b_packed, const uint8_t *a,
                                    const uint8_t *b, int32_t a_from, int32_t b_from)
{
    const mce_pair_loop far = p->summed[0], near = p->summed[1];
    const int32_t a_sign = mce_sign_bit(p->a_type), b_sign = mce_sign_bit(p->b_type);
    const int32_t a_zero = p->a_zero + a_sign, b_zero = p->b_zero + b_sign;
    int32_t sum = 0;
    for (int32_t f = 0; f < far.n; f++) {
        int32_t i = a_from + f * far.a, j = b_from + f * far.b;
        for (int32_t n = 0; n < near.n; n++, i += near.a, j += near.b) {
            sum += ((mce_bits(a_packed, a, i) ^ a_sign) - a_zero) * ((mce_bits(b_packed, b, j) ^ b_sign) - b_zero);
        }
    }
    return sum;
}

/* y = clamp(y.zero + q32(sum (a - a.zero) * (b - b.zero), m, s))                                       SPEC.md 4.24
 * Lowering proves that |sum| * 2^s < 2^31. */
void mce_matmul__c(const mce_matmul *p, const uint8_t *a, const uint8_t *b, uint8_t *y)
{
    const mce_pair_loop *const k = p->kept;
    const int32_t a_packed = mce_is_packed(p->a_type), b_packed = mce_is_packed(p->b_type);
    int32_t at = 0;
    for (int32_t t = 0; t < k[0].n * k[1].n * k[2].n; t++) {
        const int32_t outer = t / (k[1].n * k[2].n), middle = t / k[2].n % k[1].n, inner = t % k[2].n;
        int32_t i = outer * k[0].a + middle * k[1].a + inner * k[2].a;
        int32_t j = outer * k[0].b + middle * k[1].b + inner * k[2].b;
        for (int32_t n = 0; n < k[3].n; n++, i += k[3].a, j += k[3].b) {
            const int32_t sum = a_packed != 0   ? b_packed != 0 ? mce_sum_products(p, 1, 1, a, b, i, j)
                                                                : mce_sum_products(p, 1, 0, a, b, i, j)
                                : b_packed != 0 ? mce_sum_products(p, 0, 1, a, b, i, j)
                                                : mce_sum_products(p, 0, 0, a, b, i, j);
            mce_store_next(p->y_type, y, at++,
                           mce_requantize(p->y_type, p->y_zero, sum, p->requant.multiplier[0], p->requant.shift));
        }
    }
}
