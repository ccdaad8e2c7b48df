#include "mixcomp/internal/elements.h"
#include "mixcomp/internal/roots.h"
#include "mixcomp/normalize.h"

/* Sum of x - x.zero over the group that starts at `start`, and that of the squares. |S| < 2^28, Q < 2^36. */
MCE_INLINE int32_t mce_group_sums(const mce_normalize *p, const uint8_t *x, int32_t start, uint64_t *squares)
{
    const mce_nest *const k = &p->elements;
    int32_t sum = 0;
    uint64_t q = 0;
    for (int32_t f = 0; f < k->far.n; f++) {
        int32_t from = start + f * k->far.stride;
        for (int32_t n = 0; n < k->near.n; n++, from += k->near.stride) {
            const int32_t d = mce_load(p->x_type, x, from) - p->x_zero;
            sum += d;
            q += (uint32_t)(d * d);
        }
    }
    *squares = q;
    return sum;
}

/* d = x - x.zero,  S = sum d (0 where not centred),  2^16 / sqrt(n sum d^2 - S^2 + epsilon) = r / 2^t
 * z = ((n d - S) r + 2^(t-1)) >> t
 * y = clamp(y.zero + ((z m + offset 2^12 + 2^31) >> 32))                                               SPEC.md 4.23
 * |n d - S| <= 2^28 and r < 2^31, so |z| < 2^27, and all products are below 2^59. */
void mce_normalize__c(const mce_normalize *p, const uint8_t *x, uint8_t *y)
{
    const mce_nest *const k = &p->elements;
    const mce_nest *const by = &p->parameters;
    const int32_t size = p->count * k->outer.n * k->inner.n;
    for (int32_t o = 0; o < k->outer.n; o++) {
        for (int32_t i = 0; i < k->inner.n; i++) {
            const int32_t start = o * k->outer.stride + i * k->inner.stride;
            uint64_t squares;
            const int32_t all = mce_group_sums(p, x, start, &squares), sum = p->centred != 0 ? all : 0;
            const uint64_t of_mean = (uint64_t)((int64_t)sum * sum);
            const uint64_t spread = (uint64_t)p->count * squares - of_mean + (uint64_t)p->epsilon;
            const mce_inverse_root root = mce_invert_root(spread);
            for (int32_t f = 0; f < k->far.n; f++) {
                int32_t from = start + f * k->far.stride;
                int32_t at = o * by->outer.stride + i * by->inner.stride + f * by->far.stride;
                for (int32_t n = 0; n < k->near.n; n++, from += k->near.stride, at += by->near.stride) {
                    const int32_t d = (mce_load(p->x_type, x, from) - p->x_zero) * p->count - sum;
                    const int32_t z = mce_round_wide((int64_t)d * root.r, root.shift);
                    const int64_t shifted = (int64_t)z * p->multiplier[at] + (int64_t)p->offset[at] * 4096;
                    mce_store_any(p->y_type, y, from, size, mce_clamp(p->y_type, p->y_zero + mce_round32(shifted)));
                }
            }
        }
    }
}
