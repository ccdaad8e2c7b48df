#include "mixcomp/internal/dsp.h"
#include "mixcomp/internal/elements.h"
#include "mixcomp/matmul.h"

/* SMLAD takes two products of halfwords. Up to eight vectors of one operand, its rows, are made halfwords once, four side by
 * side, word by word; each vector of the other meets all of them. The elements of a vector lie as 0 2 1 3 of each four. */

#define SCRATCH 2048 /* bytes, packing rows_in_halves */

/* How an operand's vectors lie: elements i*step, n of them, far.n times, far.step apart. */
typedef struct side {
    const uint8_t *x;
    int32_t packed;
    uint32_t flip, zero; /* of the codes of two halfwords; behind the flip */
    int32_t far_n, far_step, n, step;
} side;

static side side_of(mce_type type, int32_t x_zero, const uint8_t *x, int32_t far_n, int32_t far_step, int32_t n,
                    int32_t step)
{
    const int32_t half = -mce_type_min(type), zero = x_zero + half;
    const int32_t one = far_step == n * step; /* loop */
    const side made = {x,
                       mce_is_packed(type),
                       (uint32_t)half * 0x00010001u,
                       mce_halves(zero, zero),
                       one ? 1 : far_n,
                       far_step,
                       one ? far_n * n : n,
                       step};
    return made;
}

MCE_INLINE uint32_t code(int32_t packed, const uint8_t *x, int32_t i)
{ return packed ? (uint32_t)x[i >> 1] >> (i & 1) * 4 & 0x0Fu : x[i]; }

MCE_INLINE void put(uint32_t flip, uint32_t zero, uint32_t even, uint32_t odd, mce_word *to, int32_t gap)
{
    to[0] = mce_ssub16(even ^ flip, zero);
    to[gap] = mce_ssub16(odd ^ flip, zero);
}

/* Four at a time of a vector that is one loop, as many as there are; returns how many. */
MCE_INLINE int32_t fours(const side *s, int32_t at, mce_word *to, int32_t gap)
{
    const int32_t n = s->n, step = s->step;
    const uint32_t flip = s->flip, zero = s->zero;
    const uint8_t *const from = s->x;
    int32_t left = n;
    if (s->packed && step == 1 && (at & 1) == 0) {
        for (const uint8_t *x = from + (at >> 1); left >= 4; left -= 4, x += 2, to += 2 * gap) {
            const uint32_t v = *(const mce_half_any *)x;
            put(flip, zero, (v | v << 8) & 0x000F000Fu, (v >> 4 | v << 4) & 0x000F000Fu, to, gap);
        }
    } else if (s->packed) {
        for (; left >= 4; left -= 4, at += 4 * step, to += 2 * gap) {
            const uint32_t even = code(1, from, at) | code(1, from, at + 2 * step) << 16;
            put(flip, zero, even, code(1, from, at + step) | code(1, from, at + 3 * step) << 16, to, gap);
        }
    } else if (step == 1) {
        for (const uint8_t *x = from + at; left >= 4; left -= 4, x += 4, to += 2 * gap) {
            const uint32_t v = *(const mce_word_any *)x;
            put(flip, zero, mce_uxtb16(v), mce_uxtb16_odd(v), to, gap);
        }
    } else {
        const int32_t step2 = 2 * step, step3 = 3 * step;
        for (const uint8_t *x = from + at; left >= 4; left -= 4, x += step2 + step2, to += 2 * gap) {
            put(flip, zero, x[0] | (uint32_t)x[step2] << 16, x[step] | (uint32_t)x[step3] << 16, to, gap);
        }
    }
    return n - left;
}

/* The values of the vector that starts at element `at` to words `gap` apart, filled up with zeros to whole fours. */
MCE_SHARED void gather(const side *s, int32_t at, mce_word *to, int32_t gap)
{
    const int32_t n = s->far_n * s->n;
    int32_t k = s->far_n == 1 ? fours(s, at, to, gap) : 0, near = k, far = 0;
    to += (k >> 1) * gap;
    for (; k < n; k += 4, to += 2 * gap) {
        int32_t value[4] = {0, 0, 0, 0};
        for (int32_t t = 0; t < 4 && k + t < n; t++) {
            const uint32_t c = code(s->packed, s->x, at + far * s->far_step + near * s->step);
            value[t] = (int32_t)(c ^ (s->flip & 0xFFFFu)) - (int32_t)(s->zero & 0xFFFFu);
            if (++near == s->n) {
                near = 0;
                far++;
            }
        }
        to[0] = mce_halves(value[0], value[2]);
        to[gap] = mce_halves(value[1], value[3]);
    }
}

/* How sums become y, in offset binary, and where: y[at + i*step]. */
typedef struct sink {
    int32_t shift, m, zero, packed;
    uint32_t flip;
    uint8_t *y;
} sink;

/* y[at + i*step] of the n sums; the other half of a byte is kept. */
MCE_INLINE void store(const sink *s, const int32_t *sums, int32_t n, int32_t at, int32_t step)
{
    const int32_t shift = s->shift, m = s->m, zero = s->zero;
    const uint32_t flip = s->flip;
    const int32_t *const end = sums + n;
    if (s->packed) {
        uint8_t *const y = s->y;
        for (; sums < end; at += step) {
            const uint32_t v = mce_usat4(mce_smmlar((int32_t)((uint32_t)*sums++ << shift), m, zero)) ^ flip;
            const uint32_t both = y[at >> 1];
            y[at >> 1] = (uint8_t)((at & 1) != 0 ? (both & 0x0Fu) | v << 4 : (both & 0xF0u) | v);
        }
    } else {
        for (uint8_t *y = s->y + at; sums < end; y += step) {
            *y = (uint8_t)(mce_usat8(mce_smmlar((int32_t)((uint32_t)*sums++ << shift), m, zero)) ^ flip);
        }
    }
}

/* Four neighbours y[at], at even in packed y, of sums a to d. */
MCE_INLINE void store4(const sink *s, int32_t a, int32_t b, int32_t c, int32_t d, int32_t at)
{
    const int32_t shift = s->shift, m = s->m, zero = s->zero;
    a = mce_smmlar((int32_t)((uint32_t)a << shift), m, zero), b = mce_smmlar((int32_t)((uint32_t)b << shift), m, zero);
    c = mce_smmlar((int32_t)((uint32_t)c << shift), m, zero), d = mce_smmlar((int32_t)((uint32_t)d << shift), m, zero);
    if (s->packed) {
        const uint32_t four = mce_usat4(a) | mce_usat4(b) << 4 | mce_usat4(c) << 8 | mce_usat4(d) << 12;
        *(mce_half_any *)(s->y + (at >> 1)) = (uint16_t)(four ^ s->flip * 0x1111u);
    } else {
        const uint32_t four = mce_usat8(a) | mce_usat8(b) << 8 | mce_usat8(c) << 16 | mce_usat8(d) << 24;
        *(mce_word_any *)(s->y + at) = four ^ s->flip * 0x01010101u;
    }
}

/* n rows, four of them [words][4], by a vector [words], an even number: y[at + i*step], i < n. */
MCE_SHARED void multiply(const sink *s, const mce_word *rows, const mce_word *vector, int32_t words, int32_t at,
                         int32_t step, int32_t n)
{
    for (; n > 0; n -= 4, at += 4 * step) {
        int32_t a = 0, b = 0, c = 0, d = 0;
        for (const mce_word *w = vector, *const end = vector + words; w < end; w += 2) {
            uint32_t v = w[0], x, y;
            rows = mce_load2(rows, &x, &y);
            a = mce_smlad(x, v, a);
            b = mce_smlad(y, v, b);
            rows = mce_load2(rows, &x, &y);
            c = mce_smlad(x, v, c);
            d = mce_smlad(y, v, d);
            v = w[1];
            rows = mce_load2(rows, &x, &y);
            a = mce_smlad(x, v, a);
            b = mce_smlad(y, v, b);
            rows = mce_load2(rows, &x, &y);
            c = mce_smlad(x, v, c);
            d = mce_smlad(y, v, d);
        }
        if (step == 1 && n >= 4 && (at & s->packed) == 0) {
            store4(s, a, b, c, d, at);
        } else {
            const int32_t sums[4] = {a, b, c, d};
            store(s, sums, n < 4 ? n : 4, at, step);
        }
    }
}

/* A loop over y: how often, and how many elements further in the rows' operand, in the other and in y. */
typedef struct axis {
    int32_t n, row, vector, y;
} axis;

/* The longest loop along which only one operand moves: its number, 4 where there is none. */
static int32_t lonely(const mce_pair_loop *kept, int32_t of_a)
{
    int32_t best = 4;
    for (int32_t i = 0; i < 4; i++) {
        const int32_t other = of_a ? kept[i].b : kept[i].a;
        if (kept[i].n > 1 && other == 0 && (best == 4 || kept[i].n > kept[best].n)) {
            best = i;
        }
    }
    return best;
}

/* y = clamp(y.zero + q32(sum (a - a.zero) * (b - b.zero), m, s))                                       SPEC.md 4.24
 * Lowering proves that |sum| * 2^s < 2^31. */
void mce_matmul__dsp(const mce_matmul *p, const uint8_t *a, const uint8_t *b, uint8_t *y, mce_scratch *scratch)
{
    const mce_pair_loop far = p->summed[0], near = p->summed[1];
    const side sides[2] = {side_of(p->a_type, p->a_zero, a, far.n, far.a, near.n, near.a),
                           side_of(p->b_type, p->b_zero, b, far.n, far.b, near.n, near.b)};
    int32_t last = 3; /* the loop along which y's neighbours lie */
    while (last > 0 && p->kept[last].n == 1) {
        last--;
    }
    /* Rows are a's where b is quick to make again and again, which the other one is; where either is, what y's neighbours
     * are made of. */
    const int32_t by_a = sides[0].step != 1 || (sides[1].step == 1 && p->kept[last].a != 0);
    const side *const row = &sides[by_a ? 0 : 1], *const vector = &sides[by_a ? 1 : 0];
    const int32_t words = (far.n * near.n + 3) / 4 * 2, height = words * 4 * 9 <= SCRATCH ? 8 : 4;
    mce_word *const rows = (mce_word *)(void *)scratch, *const values = rows + height * words;

    axis axes[5] = {{0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}, {1, 0, 0, 0}};
    int32_t total = 1;
    for (int32_t i = 3; i >= 0; i--) {
        const mce_pair_loop k = p->kept[i];
        const axis made = {k.n, by_a ? k.a : k.b, by_a ? k.b : k.a, total};
        axes[i] = made;
        total *= k.n;
    }
    const int32_t down = lonely(p->kept, by_a), across = lonely(p->kept, !by_a);
    const axis of_rows = axes[down], of_vectors = axes[across];
    axes[down].n = axes[across].n = 1;

    const int32_t packed = mce_is_packed(p->y_type), low = mce_type_min(p->y_type);
    const sink to = {p->requant.shift, p->requant.multiplier[0], p->y_zero - low, packed, (uint32_t)-low, y};
    for (int32_t t = 0; t < axes[0].n * axes[1].n * axes[2].n * axes[3].n; t++) {
        int32_t rest = t, row_at = 0, vector_at = 0, y_at = 0;
        for (int32_t i = 3; i >= 0; i--) {
            const int32_t index = rest % axes[i].n;
            rest /= axes[i].n;
            row_at += index * axes[i].row;
            vector_at += index * axes[i].vector;
            y_at += index * axes[i].y;
        }
        for (int32_t r = 0; r < of_rows.n; r += height) {
            const int32_t left = of_rows.n - r, n = left < height ? left : height;
            for (int32_t i = 0; i < n; i++) {
                gather(row, row_at + (r + i) * of_rows.row, rows + (i >> 2) * 4 * words + (i & 3), 4);
            }
            for (int32_t v = 0; v < of_vectors.n; v++) {
                gather(vector, vector_at + v * of_vectors.vector, values, 1);
                multiply(&to, rows, values, words, y_at + r * of_rows.y + v * of_vectors.y, of_rows.y, n);
            }
        }
    }
    if (packed && (total & 1) != 0) {
        y[total >> 1] &= 0x0F;
    }
}
