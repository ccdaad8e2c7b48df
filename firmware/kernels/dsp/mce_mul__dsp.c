#include "mixcomp/internal/strips_dsp.h"
#include "mixcomp/mul.h"

/* Strips of codes as in pairs.h, or, where all of a, b and y have 4 bits, of nibbles as they lie in memory. The values of b
 * are made of them first, as halfwords 0 2 and 1 3 of each four bytes (of nibbles: 0 4, 2 6, 1 5 and 3 7 of each eight);
 * those of a vector that repeats only once. */

/* How codes in words become values: a flip of four, and the zero point behind it in two halfwords. */
typedef struct worth {
    uint32_t flip, zero;
} worth;

MCE_INLINE worth worth_of(const mce_operand *x, int32_t shift)
{
    const mce_worth w = mce_worth_of(x);
    const int32_t zero = w.zero * ((int32_t)1 << shift);
    const worth words = {w.flip * 0x01010101u, mce_halves(zero, zero)};
    return words;
}

/* to[] = values * 2^shift of the codes or nibbles, n of them, a multiple of 8; they fit in halfwords, as shift is at most 7 */
MCE_SHARED void values(const mce_operand *x, int32_t shift, const uint8_t *from, int32_t n, int32_t nibbles,
                       mce_word *to)
{
    const worth w = worth_of(x, shift);
    for (const mce_word *const end = to + n / 2; to < end; to += 4) {
        uint32_t v = mce_get_word(from), next = v >> 4 & 0x0F0F0F0Fu;
        from += 4;
        if (nibbles) {
            v &= 0x0F0F0F0Fu;
        } else {
            next = mce_get_word(from);
            from += 4;
        }
        v ^= w.flip;
        next ^= w.flip;
        to[0] = mce_ssub16(mce_uxtb16(v) << shift, w.zero);
        to[1] = mce_ssub16(mce_uxtb16_odd(v) << shift, w.zero);
        to[2] = mce_ssub16(mce_uxtb16(next) << shift, w.zero);
        to[3] = mce_ssub16(mce_uxtb16_odd(next) << shift, w.zero);
    }
}

/* How products become y, in offset binary. */
typedef struct scale {
    int32_t m, zero;
} scale;

MCE_INLINE int32_t scaled(scale by, int32_t product)
{ return mce_smmlar(product, by.m, by.zero); }

/* Four of y, one to a byte: of codes v of a, flipped, and values b02 and b13. packed: y has 4 bits. */
MCE_INLINE uint32_t four(int32_t packed, scale by, worth w, uint32_t v, uint32_t b02, uint32_t b13)
{
    const uint32_t a02 = mce_ssub16(mce_uxtb16(v), w.zero), a13 = mce_ssub16(mce_uxtb16_odd(v), w.zero);
    const int32_t y0 = scaled(by, mce_low16(a02) * mce_low16(b02)), y1 = scaled(by, mce_low16(a13) * mce_low16(b13));
    const int32_t y2 = scaled(by, mce_high16(a02) * mce_high16(b02)),
                  y3 = scaled(by, mce_high16(a13) * mce_high16(b13));
    const uint32_t low = packed ? mce_usat4(y0) | mce_usat4(y1) << 8 : mce_usat8(y0) | mce_usat8(y1) << 8;
    const uint32_t high = packed ? mce_usat4(y2) | mce_usat4(y3) << 8 : mce_usat8(y2) | mce_usat8(y3) << 8;
    return low | high << 16;
}

MCE_INLINE scale scale_of(const mce_pair *p)
{
    const scale by = {p->a_multiplier, p->y_zero - mce_type_min(p->y_type)};
    return by;
}

static void to_bytes(const mce_pair *p, const uint8_t *a, const mce_word *b, int32_t n, uint8_t *y)
{
    const worth w = worth_of(&p->a, 0);
    const scale by = scale_of(p);
    const uint32_t flip = p->y_type == MCE_S8 ? 0x80808080u : 0;
    for (const uint8_t *const end = a + n; a < end; a += 8, b += 4, y += 8) {
        mce_put_word(y, four(0, by, w, mce_get_word(a) ^ w.flip, b[0], b[1]) ^ flip);
        mce_put_word(y + 4, four(0, by, w, mce_get_word(a + 4) ^ w.flip, b[2], b[3]) ^ flip);
    }
}

static void of_nibbles(const mce_pair *p, const uint8_t *a, const mce_word *b, int32_t n, uint8_t *y)
{
    const worth w = worth_of(&p->a, 0);
    const scale by = scale_of(p);
    const uint32_t flip = p->y_type == MCE_S4 ? 0x88888888u : 0;
    for (const mce_word *const end = b + n / 2; b < end; a += 4, b += 4, y += 4) {
        const uint32_t v = mce_get_word(a) ^ w.flip * 0x11u;
        const uint32_t even = four(1, by, w, v & 0x0F0F0F0Fu, b[0], b[1]);
        const uint32_t odd = four(1, by, w, v >> 4 & 0x0F0F0F0Fu, b[2], b[3]);
        mce_put_word(y, (even | odd << 4) ^ flip);
    }
}

static void to_nibbles(const mce_pair *p, const uint8_t *a, const mce_word *b, int32_t n, uint8_t *y)
{
    const worth w = worth_of(&p->a, 0);
    const scale by = scale_of(p);
    const uint32_t flip = p->y_type == MCE_S4 ? 0x8888u : 0;
    for (const mce_word *const end = b + n / 2; b < end; a += 4, b += 2, y += 2) {
        const uint32_t v = four(1, by, w, mce_get_word(a) ^ w.flip, b[0], b[1]), pairs = mce_uxtb16(v | v >> 4);
        *(mce_half_any *)y = (uint16_t)((pairs | pairs >> 8) ^ flip);
    }
}

/* y = clamp(y.zero + q32((a - a.zero) * (b - b.zero), m, s))                                          SPEC.md 4.15
 * |a - a.zero| * |b - b.zero| * 2^s < 2^31 (lowering proves it), and s is at most 7. */
void mce_mul__dsp(const mce_pair *p, const uint8_t *a, const uint8_t *b, uint8_t *y /* [n] */, mce_scratch *scratch)
{
    mce_word *const b_values = (mce_word *)(void *)scratch;  /* [MCE_STRIP / 2] */
    uint8_t *const strip = (uint8_t *)(scratch + MCE_STRIP); /* codes of b, then of a, then the end of y */
    const int32_t packed = mce_is_packed(p->y_type);
    const int32_t nibbles = packed && mce_is_packed(p->a.type) && mce_is_packed(p->b.type);
    const int32_t period = mce_period(&p->b), length = period != 0 ? period : MCE_STRIP;
    void (*const multiply)(const mce_pair *, const uint8_t *, const mce_word *, int32_t, uint8_t *) =
        nibbles  ? of_nibbles
        : packed ? to_nibbles
                 : to_bytes;
    for (int32_t start = 0; start < p->n; start += length) {
        const int32_t n = p->n - start < length ? p->n - start : length, whole = (n + 7) & ~7;
        uint8_t *const to = y + mce_pair_bytes(packed, start);
        if (start == 0 || period == 0) {
            values(&p->b, p->shift, mce_strip_codes(&p->b, b, start, n, nibbles, strip), whole, nibbles, b_values);
        }
        const uint8_t *const a_codes = mce_strip_codes(&p->a, a, start, n, nibbles, strip);
        if (n == whole) {
            multiply(p, a_codes, b_values, n, to);
            continue;
        }
        multiply(p, a_codes, b_values, whole, strip);
        if (packed && (n & 1) != 0) {
            strip[n / 2] &= 0x0F;
        }
        for (int32_t i = 0; i < (packed ? (n + 1) / 2 : n); i++) {
            to[i] = strip[i];
        }
    }
}
