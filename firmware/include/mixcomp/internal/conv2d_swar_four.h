/* The bodies of mce_conv2d_<act>_fx4__v6m and mce_conv2d_add_<act>_fx4__v6m; type is a constant in each of them. Four
 * pixels meet two channels at a time: their bytes lie side by side, a word an element, so that one pointer reaches all and
 * a lane, once it is parted from its word, serves four products. */
#ifndef MIXCOMP_INTERNAL_CONV2D_SWAR_FOUR_H
#define MIXCOMP_INTERNAL_CONV2D_SWAR_FOUR_H

#include "mixcomp/internal/conv2d_swar.h"

enum { MCE_SWAR_FOUR_PIXELS = 4 };

#if MCE_THUMB_LOOPS == 1

/* A product of two channels at a pixel in 3 instructions: MULS leaves the lane and takes the element. */
#define MCE_FOUR_PIXEL(t, k)                                                                                           \
    "ldrb %[at], [%[x], #" k "]\n\t"                                                                                   \
    "muls %[at], %[l], %[at]\n\t"                                                                                      \
    "add %[" t "], %[" t "], %[at]\n\t"
#define MCE_FOUR_LANE(make, k0, k1, k2, k3)                                                                            \
    make "ands %[l], %[l], %[m]\n\t" MCE_FOUR_PIXEL("t0", k0) MCE_FOUR_PIXEL("t1", k1) MCE_FOUR_PIXEL("t2", k2)        \
        MCE_FOUR_PIXEL("t3", k3)
#define MCE_FOUR_WORDS                                                                                                 \
    "ldmia %[w]!, {%[v]}\n\t" MCE_FOUR_LANE("movs %[l], %[v]\n\t", "0", "1", "2", "3") MCE_FOUR_LANE(                  \
        "lsrs %[l], %[v], #4\n\t", "4", "5", "6", "7") MCE_FOUR_LANE("lsrs %[l], %[v], #8\n\t", "8", "9", "10", "11")  \
        MCE_FOUR_LANE("lsrs %[l], %[v], #12\n\t", "12", "13", "14",                                                    \
                      "15") "ldmia %[w]!, {%[v]}\n\t" MCE_FOUR_LANE("movs %[l], %[v]\n\t", "16", "17", "18", "19")     \
            MCE_FOUR_LANE("lsrs %[l], %[v], #4\n\t", "20", "21", "22", "23")                                           \
                MCE_FOUR_LANE("lsrs %[l], %[v], #8\n\t", "24", "25", "26", "27")                                       \
                    MCE_FOUR_LANE("lsrs %[l], %[v], #12\n\t", "28", "29", "30", "31")

/* size products (a multiple of 8) of a pair of channels at four pixels; the pointers advance. */
MCE_INLINE void mce_swar_2x4(const uint8_t **patch, const mce_swar_word **from, int32_t size, uint32_t *t /* [4] */)
{
    const uint8_t *x = *patch;
    const mce_swar_word *w = *from, *const end = w + size / 4;
    uint32_t t0 = 0, t1 = 0, t2 = 0, t3 = 0, v, at, l;
    __asm__(".syntax unified\n\t1:\n\t" MCE_FOUR_WORDS "adds %[x], %[x], #32\n\t"
            "cmp %[w], %[end]\n\t"
            "bne 1b"
            : [t0] "+h"(t0), [t1] "+h"(t1), [t2] "+h"(t2), [t3] "+h"(t3), [x] "+l"(x), [w] "+l"(w), [v] "=&l"(v),
              [at] "=&l"(at), [l] "=&l"(l)
            : [m] "l"(0x000F000Fu), [end] "h"(end)
            : "memory", "cc");
    t[0] = t0, t[1] = t1, t[2] = t2, t[3] = t3;
    *patch = x, *from = w;
}

#else

MCE_INLINE void mce_swar_2x4(const uint8_t **patch, const mce_swar_word **from, int32_t size, uint32_t *t /* [4] */)
{
    const uint8_t *x = *patch;
    const mce_swar_word *w = *from;
    t[0] = t[1] = t[2] = t[3] = 0;
    for (const uint8_t *const end = x + 4 * size; x != end; w++) {
        for (int32_t i = 0; i < 4; i++, x += 4) {
            for (int32_t pixel = 0; pixel < 4; pixel++) {
                t[pixel] += (*w >> 4 * i & 0x000F000Fu) * x[pixel];
            }
        }
    }
    *patch = x, *from = w;
}

#endif

/* n elements of x from `at` on to every fourth byte, signed ones plus 8 or 128, in the order of mce_swar_bytes. Returns
 * what follows. */
MCE_INLINE uint8_t *mce_swar_spread(mce_type type, int32_t wide, const uint8_t *x, int32_t at, int32_t n, uint8_t *to)
{
    if (mce_is_packed(type) && wide) {
        const mce_swar_word *from = (const mce_swar_word *)(const void *)(x + (at >> 1));
        const uint32_t flip = type == MCE_S4 ? 0x88888888u : 0;
        for (const uint8_t *const end = to + 4 * n; to != end; to += 32) {
            const uint32_t v = *from++ ^ flip;
            uint32_t even = v & 0x0F0F0F0Fu, odd = v >> 4 & 0x0F0F0F0Fu;
            to[0] = (uint8_t)even, to[16] = (uint8_t)odd, even >>= 8, odd >>= 8;
            to[4] = (uint8_t)even, to[20] = (uint8_t)odd, even >>= 8, odd >>= 8;
            to[8] = (uint8_t)even, to[24] = (uint8_t)odd, even >>= 8, odd >>= 8;
            to[12] = (uint8_t)even, to[28] = (uint8_t)odd;
        }
        return to;
    }
    if (mce_is_packed(type)) {
        for (const int32_t end = at + n; at < end; at++, to += 4) {
            *to = (uint8_t)(mce_load(type, x, at) + mce_swar_offset(type));
        }
        return to;
    }
    const uint8_t *from = x + at;
    for (const uint8_t *const end = from + n; from != end; to += 4) {
        *to = (uint8_t)(*from++ ^ (type == MCE_S8 ? 0x80u : 0u));
    }
    return to;
}

MCE_INLINE uint8_t *mce_swar_spread_fill(uint8_t *to, int32_t v, int32_t n)
{
    for (const uint8_t *const end = to + 4 * n; to != end; to += 4) {
        *to = (uint8_t)v;
    }
    return to;
}

/* As mce_swar_gather, to every fourth byte. */
MCE_INLINE void mce_swar_gather_four(mce_type type, const mce_conv2d *p, const uint8_t *x, mce_cursor pixel,
                                     int32_t channel, int32_t depth, uint8_t *patch)
{
    const mce_window *const k = &p->window;
    const int32_t row = pixel.h * k->sh - k->top, column = pixel.w * k->sw - k->left;
    const int32_t zero = p->x.zero + mce_swar_offset(type), wide = depth % 8 == 0;
    const int32_t together = k->dw == 1 && p->groups == 1;
    const mce_span columns = mce_taps_inside(column, k->dw, k->kw, p->x.w);
    for (int32_t i = 0; i < k->kh; i++) {
        const int32_t h = row + i * k->dh, at = (h * p->x.w + column) * p->x.c + channel;
        if (!mce_inside(h, p->x.h)) {
            patch = mce_swar_spread_fill(patch, zero, k->kw * depth);
            continue;
        }
        patch = mce_swar_spread_fill(patch, zero, columns.first * depth);
        for (int32_t j = columns.first; j < columns.end; j += together ? k->kw : 1) {
            const int32_t n = together ? (columns.end - columns.first) * depth : depth;
            patch = mce_swar_spread(type, wide, x, at + j * k->dw * p->x.c, n, patch);
        }
        patch = mce_swar_spread_fill(patch, zero, (k->kw - columns.end) * depth);
    }
}

/* -8 * sum of n elements (a multiple of 8) of each of four pixels, modulo 2^32. narrow: they are at most 15. */
MCE_INLINE void mce_swar_corrections(int32_t narrow, const uint8_t *patch, int32_t n, uint32_t *sums /* [4] */)
{
    const mce_swar_word *word = (const mce_swar_word *)(const void *)patch;
    const int32_t most = narrow ? 16 : 256; /* words that four bytes, or two halves, can sum up */
    sums[0] = sums[1] = sums[2] = sums[3] = 0;
    for (; n > 0; n -= most) {
        uint32_t even = 0, odd = 0;
        for (const mce_swar_word *const end = word + (n < most ? n : most); word != end;) {
            if (narrow) {
                even += *word++;
            } else {
                const uint32_t v = *word++;
                even += v & 0x00FF00FFu;
                odd += v >> 8 & 0x00FF00FFu;
            }
        }
        if (narrow) {
            odd = even >> 8 & 0x00FF00FFu;
            even &= 0x00FF00FFu;
        }
        sums[0] -= 8 * (even & 0xFFFFu), sums[1] -= 8 * (odd & 0xFFFFu);
        sums[2] -= 8 * (even >> 16), sums[3] -= 8 * (odd >> 16);
    }
}

/* Channels o and o + 1 of `count` pixels; v: [2 channels][4 pixels]. at: bytes to the first pixel's outputs. residual: null
 * (0), or for each code of a 4-bit residual what it adds. */
MCE_INLINE void mce_swar_output_four(const mce_sink *s, int32_t packed, const int64_t *residual, int32_t at,
                                     int32_t pitch, int32_t count, int32_t o, const uint32_t *v)
{
    const int32_t *const m = s->requant->multiplier + o * s->step, ma = m[0], mb = m[s->step];
    at += mce_pair_bytes(packed, o);
    if (packed && residual != 0) {
        for (int32_t i = 0; i < count; i++, at += pitch) {
            const uint32_t r = s->r[at];
            const int32_t va = mce_multiply_more((int32_t)v[i], ma, residual[r & 0x0Fu]);
            const int32_t vb = mce_multiply_more((int32_t)v[4 + i], mb, residual[r >> 4]);
            s->y[at] = (uint8_t)((mce_usat4(va) | mce_usat4(vb) << 4) ^ s->flip);
        }
        return;
    }
    for (int32_t i = 0; i < count; i++, at += pitch) {
        mce_sink_store(packed, s->y + at, mce_sink_pair(packed, s, at, (int32_t)v[i], (int32_t)v[4 + i], ma, mb));
    }
}

/* As mce_conv2d_swar, with bounds as there. packing swar2: scratch [n][4] bytes. */
MCE_INLINE void mce_conv2d_swar_four(mce_type type, const mce_conv2d *p, const mce_conv2d_add *add, const uint8_t *x,
                                     const uint8_t *r, uint8_t *y, mce_scratch *scratch)
{
    const int32_t depth = p->x.c / p->groups, outputs = p->y.c / p->groups, pixels = p->y.h * p->y.w;
    const int32_t length = p->window.kh * p->window.kw * depth, n = (length + 7) & ~7;
    const mce_sink sink = mce_sink_of(&p->y, &p->requant, add, r, y);
    const int32_t plain = mce_sink_is_paired(&sink, outputs), packed = mce_is_packed(p->y.type);
    const int32_t pitch = mce_pair_bytes(packed, p->y.c);
    uint8_t *const patches = (uint8_t *)(void *)scratch;
    const mce_swar_word *w = (const mce_swar_word *)p->codes, *group = w;
    int64_t room[16];
    const int64_t *const residual = mce_sink_table(&sink, plain, room);
    mce_swar_fill(patches, 0, 4 * n);
    for (int32_t first = 0; first < p->y.c; first += outputs, group = w) {
        mce_cursor corner = {0, 0};
        for (int32_t pixel = 0; pixel < pixels; pixel += MCE_SWAR_FOUR_PIXELS) {
            const int32_t last = first + outputs, count = pixels - pixel < 4 ? pixels - pixel : 4;
            uint32_t correction[4];
            for (int32_t i = 0; i < count; i++) {
                mce_swar_gather_four(type, p, x, corner, first / outputs * depth, depth, patches + i);
                mce_cursor_next(&corner, p->y.w);
            }
            mce_swar_corrections(mce_is_packed(type), patches, n, correction);
            w = group;
            for (int32_t o = first; o < last; o += 2) {
                const int32_t second = last - o > 1;
                const uint32_t a = (uint32_t)p->bias[o], b = (uint32_t)(second ? p->bias[o + 1] : 0);
                const uint8_t *patch = patches;
                uint32_t v[8], t[4];
                v[0] = a + correction[0], v[4] = b + correction[0];
                v[1] = a + correction[1], v[5] = b + correction[1];
                v[2] = a + correction[2], v[6] = b + correction[2];
                v[3] = a + correction[3], v[7] = b + correction[3];
                for (const uint8_t *lengths = p->blocks; *lengths != 0; lengths++) {
                    mce_swar_2x4(&patch, &w, 8 * *lengths, t);
                    v[0] += t[0] & 0xFFFFu, v[4] += t[0] >> 16;
                    v[1] += t[1] & 0xFFFFu, v[5] += t[1] >> 16;
                    v[2] += t[2] & 0xFFFFu, v[6] += t[2] >> 16;
                    v[3] += t[3] & 0xFFFFu, v[7] += t[3] >> 16;
                }
                if (plain && p->requant.shift != 0) {
                    for (int32_t i = 0; i < 8; i++) {
                        v[i] <<= p->requant.shift;
                    }
                }
                if (!plain) {
                    for (int32_t i = 0; i < count; i++) {
                        mce_sink_any(&sink, pixel + i, o, second, (int32_t)v[i], (int32_t)v[4 + i]);
                    }
                } else if (packed) {
                    mce_swar_output_four(&sink, 1, residual, pixel * pitch, pitch, count, o, v);
                } else {
                    mce_swar_output_four(&sink, 0, 0, pixel * pitch, pitch, count, o, v);
                }
            }
        }
    }
}

#endif
