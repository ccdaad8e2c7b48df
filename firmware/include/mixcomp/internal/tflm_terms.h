/* Contract tflm for two values that become one, each by a factor of its own, in the strips of pairs.h. */
#ifndef MIXCOMP_INTERNAL_TFLM_TERMS_H
#define MIXCOMP_INTERNAL_TFLM_TERMS_H

#include "mixcomp/internal/tflm.h"
#include "mixcomp/internal/pairs.h"

/* What becomes of a less its zero point and b less its, before y's zero point and the clamp. */
typedef int32_t mce_terms_join(const mce_terms *p, int32_t a, int32_t b);

MCE_INLINE void mce_terms_joined(const mce_terms *p, const uint8_t *a, const uint8_t *b, uint8_t *y,
                                 mce_scratch *scratch, mce_terms_join *join)
{
    uint8_t *const a_strip = (uint8_t *)scratch, *const b_strip = a_strip + MCE_STRIP;
    const mce_worth wa = mce_worth_of(&p->a), wb = mce_worth_of(&p->b);
    const mce_type type = p->y_type;
    for (int32_t start = 0; start < p->n; start += MCE_STRIP) {
        const int32_t n = p->n - start < MCE_STRIP ? p->n - start : MCE_STRIP;
        const uint8_t *const u = mce_codes(&p->a, a, start, n, a_strip);
        const uint8_t *const v = mce_codes(&p->b, b, start, n, b_strip);
        for (int32_t k = 0; k < n; k += 2) {
            const int32_t even = mce_end(type, p->y_zero, join(p, mce_value(wa, u[k]), mce_value(wb, v[k])));
            int32_t odd = 0;
            if (k + 1 < n) {
                odd = mce_end(type, p->y_zero, join(p, mce_value(wa, u[k + 1]), mce_value(wb, v[k + 1])));
            }
            mce_store_pair(type, y, start + k, p->n, even, odd);
        }
    }
}

/* A sum or a difference. */
MCE_INLINE int32_t mce_terms_sum(const mce_terms *p, int32_t a, int32_t b)
{
    const int32_t u = mce_term(a, p->a_by.m, p->a_by.shift), v = mce_term(b, p->b_by.m, p->b_by.shift);
    return mce_tflm(p->a_sign * u + p->b_sign * v, p->y_by.m, p->y_by.shift);
}

MCE_INLINE int32_t mce_terms_smaller(const mce_terms *p, int32_t a, int32_t b)
{
    const int32_t u = mce_tflm(a, p->a_by.m, p->a_by.shift), v = mce_tflm(b, p->b_by.m, p->b_by.shift);
    return u < v ? u : v;
}

MCE_INLINE int32_t mce_terms_larger(const mce_terms *p, int32_t a, int32_t b)
{
    const int32_t u = mce_tflm(a, p->a_by.m, p->a_by.shift), v = mce_tflm(b, p->b_by.m, p->b_by.shift);
    return u > v ? u : v;
}

#endif
