#include "mixcomp/internal/strips_dsp.h"
#include "mixcomp/mul.h"

/* Strips of codes as in pairs.h, or of nibbles as they lie in memory. The values of b are made of them first, as halfwords
 * 0 2 and 1 3 of each four (where a has 4 bits, too: 0 4, 2 6, 1 5 and 3 7 of each eight); those of a vector that repeats
 * only once. Where one operand has 4 bits and the other 8, b is the one of 4. */

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

/* to[] = values * 2^shift of the codes or nibbles, n of them, a multiple of 8; they fit in halfwords, as shift is at most 7.
 * Nibbles in the order of a's, where that has some, too. The last two are constants. */
MCE_INLINE void values_of(const mce_operand *x, int32_t shift, const uint8_t *from, int32_t n, mce_word *to,
                          int32_t nibbles, int32_t a_nibbles)
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
        uint32_t v02 = mce_uxtb16(v), v13 = mce_uxtb16_odd(v), v46 = mce_uxtb16(next), v57 = mce_uxtb16_odd(next);
        if (nibbles && !a_nibbles) { /* 0 4, 2 6, 1 5 and 3 7 so far */
            const uint32_t v04 = v02, v26 = v13, v15 = v46, v37 = v57;
            v02 = (v04 & 0xFFFFu) | v26 << 16;
            v13 = (v15 & 0xFFFFu) | v37 << 16;
            v46 = v04 >> 16 | (v26 & 0xFFFF0000u);
            v57 = v15 >> 16 | (v37 & 0xFFFF0000u);
        }
        to[0] = mce_ssub16(v02 << shift, w.zero);
        to[1] = mce_ssub16(v13 << shift, w.zero);
        to[2] = mce_ssub16(v46 << shift, w.zero);
        to[3] = mce_ssub16(v57 << shift, w.zero);
    }
}

static void values(const mce_operand *x, int32_t shift, const uint8_t *from, int32_t n, int32_t a_nibbles, mce_word *to)
{
    if (!mce_is_packed(x->type)) {
        values_of(x, shift, from, n, to, 0, 0);
    } else if (a_nibbles) {
        values_of(x, shift, from, n, to, 1, 1);
    } else {
        values_of(x, shift, from, n, to, 1, 0);
    }
}

/* How products become y, in offset binary. */
typedef struct scale {
    int32_t m, zero;
} scale;

MCE_INLINE int32_t scaled(scale by, int32_t product)
{ return mce_smmlar(product, by.m, by.zero); }

/* Four of y, `bits` bits each: of codes v of a, flipped, and values b02 and b13. packed: y has 4 bits. */
MCE_INLINE uint32_t four(int32_t packed, uint32_t bits, scale by, worth w, uint32_t v, uint32_t b02, uint32_t b13)
{
    const uint32_t a02 = mce_ssub16(mce_uxtb16(v), w.zero), a13 = mce_ssub16(mce_uxtb16_odd(v), w.zero);
    const int32_t y0 = scaled(by, mce_low16(a02) * mce_low16(b02)), y1 = scaled(by, mce_low16(a13) * mce_low16(b13));
    const int32_t y2 = scaled(by, mce_high16(a02) * mce_high16(b02)),
                  y3 = scaled(by, mce_high16(a13) * mce_high16(b13));
    const uint32_t low = packed ? mce_usat4(y0) | mce_usat4(y1) << bits : mce_usat8(y0) | mce_usat8(y1) << bits;
    const uint32_t high = packed ? mce_usat4(y2) | mce_usat4(y3) << bits : mce_usat8(y2) | mce_usat8(y3) << bits;
    return low | high << 2 * bits;
}

MCE_INLINE scale scale_of(const mce_pair *p)
{
    const scale by = {p->a_multiplier, p->y_zero - mce_type_min(p->y_type)};
    return by;
}

static void to_bytes(const mce_pair *p, worth w, const uint8_t *a, const mce_word *b, int32_t n, uint8_t *y)
{
    const scale by = scale_of(p);
    const uint32_t flip = p->y_type == MCE_S8 ? 0x80808080u : 0;
    for (const uint8_t *const end = a + n; a < end; a += 8, b += 4, y += 8) {
        mce_put_word(y, four(0, 8, by, w, mce_get_word(a) ^ w.flip, b[0], b[1]) ^ flip);
        mce_put_word(y + 4, four(0, 8, by, w, mce_get_word(a + 4) ^ w.flip, b[2], b[3]) ^ flip);
    }
}

/* Of nibbles; packed is a constant. */
MCE_INLINE void of_nibbles(int32_t packed, const mce_pair *p, worth w, const uint8_t *a, const mce_word *b, int32_t n,
                           uint8_t *y)
{
    const scale by = scale_of(p);
    const uint32_t flip = p->y_type == MCE_S4 ? 0x88888888u : p->y_type == MCE_S8 ? 0x80808080u : 0;
    for (const mce_word *const end = b + n / 2; b < end; a += 4, b += 4, y += packed ? 4 : 8) {
        const uint32_t v = mce_get_word(a) ^ w.flip * 0x11u;
        const uint32_t even = four(packed, 8, by, w, v & 0x0F0F0F0Fu, b[0], b[1]);
        const uint32_t odd = four(packed, 8, by, w, v >> 4 & 0x0F0F0F0Fu, b[2], b[3]);
        if (packed) {
            mce_put_word(y, (even | odd << 4) ^ flip);
        } else {
            const uint32_t outer = mce_uxtb16(even) | mce_uxtb16(odd) << 8;
            const uint32_t inner = mce_uxtb16_odd(even) | mce_uxtb16_odd(odd) << 8;
            mce_put_word(y, ((outer & 0xFFFFu) | inner << 16) ^ flip);
            mce_put_word(y + 4, (outer >> 16 | (inner & 0xFFFF0000u)) ^ flip);
        }
    }
}

static void nibbles_to_nibbles(const mce_pair *p, worth w, const uint8_t *a, const mce_word *b, int32_t n, uint8_t *y)
{ of_nibbles(1, p, w, a, b, n, y); }
static void nibbles_to_bytes(const mce_pair *p, worth w, const uint8_t *a, const mce_word *b, int32_t n, uint8_t *y)
{ of_nibbles(0, p, w, a, b, n, y); }

static void to_nibbles(const mce_pair *p, worth w, const uint8_t *a, const mce_word *b, int32_t n, uint8_t *y)
{
    const scale by = scale_of(p);
    const uint32_t flip = p->y_type == MCE_S4 ? 0x8888u : 0;
    for (const mce_word *const end = b + n / 2; b < end; a += 4, b += 2, y += 2) {
        *(mce_half_any *)y = (uint16_t)(four(1, 4, by, w, mce_get_word(a) ^ w.flip, b[0], b[1]) ^ flip);
    }
}

/* y = clamp(y.zero + q32((a - a.zero) * (b - b.zero), m, s))                                          SPEC.md 4.15
 * |a - a.zero| * |b - b.zero| * 2^s < 2^31 (lowering proves it), and s is at most 7. */
void mce_mul__dsp(const mce_pair *p, const uint8_t *a, const uint8_t *b, uint8_t *y /* [n] */, mce_scratch *scratch)
{
    mce_word *const b_values = (mce_word *)(void *)scratch;  /* [MCE_STRIP / 2] */
    uint8_t *const strip = (uint8_t *)(scratch + MCE_STRIP); /* codes of b, then of a, then the end of y */
    const mce_operand *first = &p->a, *second = &p->b;
    if (mce_is_packed(first->type) && !mce_is_packed(second->type)) {
        const uint8_t *const other = a;
        a = b, b = other;
        first = &p->b, second = &p->a;
    }
    const int32_t packed = mce_is_packed(p->y_type), a_nibbles = mce_is_packed(first->type);
    const int32_t b_nibbles = mce_is_packed(second->type), period = mce_period(second);
    const int32_t length = period != 0 ? period : MCE_STRIP;
    const int32_t a_lies = mce_lies(first, p->n, a_nibbles), b_lies = mce_lies(second, p->n, b_nibbles);
    void (*const multiply)(const mce_pair *, worth, const uint8_t *, const mce_word *, int32_t, uint8_t *) =
        a_nibbles ? packed ? nibbles_to_nibbles : nibbles_to_bytes
        : packed  ? to_nibbles
                  : to_bytes;
    const worth w = worth_of(first, 0);
    uint8_t *const a_strip = strip + (a_nibbles ? MCE_STRIP / 2 : 0); /* y follows behind */
    for (int32_t start = 0; start < p->n; start += length) {
        const int32_t n = p->n - start < length ? p->n - start : length, whole = (n + 7) & ~7;
        uint8_t *const to = y + mce_pair_bytes(packed, start);
        if (start == 0 || period == 0) {
            const uint8_t *const b_codes = b_lies && n == whole
                                               ? b + mce_pair_bytes(b_nibbles, start)
                                               : mce_strip_codes(second, b, start, n, b_nibbles, strip);
            values(second, p->shift, b_codes, whole, a_nibbles, b_values);
        }
        const uint8_t *const a_codes = a_lies && n == whole ? a + mce_pair_bytes(a_nibbles, start)
                                                            : mce_strip_codes(first, a, start, n, a_nibbles, a_strip);
        if (n == whole) {
            multiply(p, w, a_codes, b_values, n, to);
            continue;
        }
        multiply(p, w, a_codes, b_values, whole, strip);
        if (packed && (n & 1) != 0) {
            strip[n / 2] &= 0x0F;
        }
        for (int32_t i = 0; i < (packed ? (n + 1) / 2 : n); i++) {
            to[i] = strip[i];
        }
    }
}
