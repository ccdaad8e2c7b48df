#include "mixcomp/internal/dsp.h"
#include "mixcomp/internal/elements.h"
#include "mixcomp/internal/roots.h"
#include "mixcomp/normalize.h"

/* zero + ((z * m + offset * 2^12 + 2^31) >> 32) */
MCE_INLINE int32_t scaled(int32_t z, int32_t m, int32_t offset, int32_t zero)
{
#if MCE_DSP
    uint32_t low = (uint32_t)offset << 12;
    int32_t high = zero + (offset >> 20);
    __asm__("smlal %0, %1, %2, %3" : "+r"(low), "+r"(high) : "r"(z), "r"(m));
    return high + (int32_t)(low >> 31);
#else
    return zero + mce_round32((int64_t)z * m + (int64_t)offset * 4096);
#endif
}

/* What is the same for all elements of a group: z = (x * factor + add) * r / 2^32, rounded; zero is y's. */
typedef struct group {
    uint32_t factor, add;
    int32_t r, zero;
} group;

MCE_INLINE int32_t element(const group *g, uint32_t x, int32_t m, int32_t offset)
{ return scaled(mce_smmlar((int32_t)(x * g->factor + g->add), g->r, 0), m, offset, g->zero); }

/* n elements, a multiple of 4, of bytes with these sign bits; packed is a constant: y has 4-bit elements. */
MCE_INLINE void normalize(int32_t packed, const mce_normalize *p, group g, const uint8_t *x, uint32_t flip, uint8_t *y)
{
    const int32_t *m = p->multiplier, *offset = p->offset;
    const uint32_t signs = (uint32_t)-mce_type_min(p->y_type) * (packed ? 0x1111u : 0x01010101u);
    for (const uint8_t *const end = x + p->count; x != end; x += 4, m += 4, offset += 4) {
        const uint32_t v = *(const mce_word_any *)x ^ flip;
        const int32_t a = element(&g, v & 0xFFu, m[0], offset[0]), b = element(&g, v >> 8 & 0xFFu, m[1], offset[1]);
        const int32_t c = element(&g, v >> 16 & 0xFFu, m[2], offset[2]), d = element(&g, v >> 24, m[3], offset[3]);
        if (packed) {
            const uint32_t four = mce_usat4(a) | mce_usat4(b) << 4 | mce_usat4(c) << 8 | mce_usat4(d) << 12;
            *(mce_half_any *)y = (uint16_t)(four ^ signs);
            y += 2;
        } else {
            *(mce_word_any *)y = (mce_usat8(a) | mce_usat8(b) << 8 | mce_usat8(c) << 16 | mce_usat8(d) << 24) ^ signs;
            y += 4;
        }
    }
}

/* d = x - x.zero,  S = sum d (0 where not centred),  2^16 / sqrt(n sum d^2 - S^2 + epsilon) = r / 2^t
 * z = ((n d - S) r + 2^(t-1)) >> t
 * y = clamp(y.zero + ((z m + offset 2^12 + 2^31) >> 32))                                               SPEC.md 4.23
 * Groups lie one behind the other, n elements of 8 bits each; what is below the root is less than 2^36, so that t <= 32.
 * |z| <= 2^26 and r >= 2^30, so |n d - S| 2^(32-t) <= 2^28, and its sums may wrap on the way. */
void mce_normalize__dsp(const mce_normalize *p, const uint8_t *x, uint8_t *y)
{
    const int32_t n = p->count, low = mce_type_min(p->x_type), zero = p->x_zero - low;
    const int32_t packed = mce_is_packed(p->y_type), size = packed ? n >> 1 : n;
    const uint32_t flip = (uint32_t)-low * 0x01010101u, zeros = mce_halves(zero, zero);
    for (int32_t left = p->elements.outer.n * p->elements.inner.n; left > 0; left--, x += n, y += size) {
        int32_t sum = 0, squares = 0;
        for (int32_t i = 0; i < n; i += 4) {
            const uint32_t v = *(const mce_word_any *)(x + i) ^ flip;
            const uint32_t even = mce_ssub16(mce_uxtb16(v), zeros), odd = mce_ssub16(mce_uxtb16_odd(v), zeros);
            squares = mce_smlad(odd, odd, mce_smlad(even, even, squares));
            sum = mce_smlad(odd, 0x00010001u, mce_smlad(even, 0x00010001u, sum));
        }
        sum = p->centred != 0 ? sum : 0;
        const uint64_t of_mean = (uint64_t)((int64_t)sum * sum);
        const mce_inverse_root root =
            mce_invert_root((uint64_t)(uint32_t)n * (uint32_t)squares - of_mean + (uint64_t)p->epsilon);
        const int32_t up = root.r != 0 ? 32 - root.shift : 0;
        const group g = {(uint32_t)n << up, (uint32_t)(-n * zero - sum) << up, root.r,
                         p->y_zero - mce_type_min(p->y_type)};
        if (packed) {
            normalize(1, p, g, x, flip, y);
        } else {
            normalize(0, p, g, x, flip, y);
        }
    }
}
