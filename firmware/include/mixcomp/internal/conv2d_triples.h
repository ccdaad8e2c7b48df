/* The body of the convolutions whose rows of taps are products of polynomials, internal/triple_row.h; for cores with and
 * without the DSP extension. */
#ifndef MIXCOMP_INTERNAL_CONV2D_TRIPLES_H
#define MIXCOMP_INTERNAL_CONV2D_TRIPLES_H

#include "mixcomp/internal/dsp_output.h"
#include "mixcomp/internal/triple_row.h"
#include "mixcomp/internal/window.h"

/* Row h of x, or of zero points where there is none, as [triples][depth]: pixel i of triple t is x[h, 3*t + i - lead].
 * zeros: a pixel of zero points. */
MCE_INLINE void mce_triple_gather(mce_type type, const mce_tensor *in, const uint8_t *x, int32_t h, int32_t lead,
                                  const mce_word *zeros, int32_t triples, mce_word *to)
{
    const int32_t bytes = in->c / 2, width = mce_inside(h, in->h) ? in->w : 0; /* width 0: nothing is inside */
    for (int32_t q = -lead; triples > 0; triples--, q += 3, to += in->c) {
        const mce_word_any *pixel[3];
        for (int32_t i = 0; i < 3; i++) {
            pixel[i] = (const mce_word_any *)zeros;
            if (mce_inside(q + i, width)) {
                pixel[i] = (const mce_word_any *)(x + (h * in->w + q + i) * bytes);
            }
        }
        mce_triple_make(to, to + in->c, pixel[0], pixel[1], pixel[2], type == MCE_S4 ? 0x88888888u : 0);
    }
}

MCE_INLINE uint32_t mce_triple_by_table(const int16_t *levels, uint32_t a, uint32_t b, uint32_t c)
{
    return (uint32_t)(int32_t)levels[a & 0x0Fu] + ((uint32_t)(int32_t)levels[b & 0x0Fu] << 13) +
           ((uint32_t)(int32_t)levels[c & 0x0Fu] << 26);
}

/* Four channels: from codes [blocks][4 bytes], how their fields begin, in 32, then [3][n/2] words, nibble i of word j of a
 * row the tap of channel i % 4 and element 2*j + i / 4. starts: [blocks], then [n][4] words. levels: null (0) for fixp4.
 * Returns the end of codes. */
MCE_INLINE const mce_word *mce_triple_decode(const mce_word *codes, const int16_t *levels, int32_t blocks, int32_t n,
                                             mce_triple_sums *starts)
{
    for (const mce_triple_sums *const end = starts + blocks; starts != end; starts++, codes++) {
        for (int32_t c = 0; c < 4; c++) {
            const uint32_t start = (*codes >> 8 * c & 0xFFu) << 5, last = start >> 1;
            starts->low[c] = (start - last) << 13 | start << 26;
            starts->high[c] = start >> 6 | start << 7 | last << 20;
        }
    }
    mce_word *w = (mce_word *)(void *)starts;
    const mce_word *const second = codes + n / 2, *const third = codes + n;
    if (levels == 0) {
        mce_triple_make(w, w + 4 * n, (const mce_word_any *)codes, (const mce_word_any *)second,
                        (const mce_word_any *)third, 0x88888888u);
        return third + n / 2;
    }
    for (int32_t k = 0; k < n / 2; k++) {
        uint32_t a = codes[k], b = second[k], c = third[k];
        for (int32_t i = 0; i < 4; i++, a >>= 8, b >>= 8, c >>= 8, w += 2) {
            w[0] = mce_triple_by_table(levels, a, b, c);
            w[1] = mce_triple_by_table(levels, a >> 4, b >> 4, c >> 4);
        }
    }
    return third + n / 2;
}

/* The pieces of a reduction over kh rows of depth elements: row i lies in slot (first + i) % slots. lengths as in
 * mce_conv2d. */
MCE_INLINE void mce_triple_pieces(int32_t words, int32_t first, int32_t slots, int32_t kh, int32_t depth,
                                  const uint8_t *lengths, mce_triple_piece *piece)
{
    int32_t left = 8 * *lengths;
    for (int32_t i = first; i < first + kh; i++) {
        const int32_t row = i % slots * words;
        for (int32_t c = 0, n; c < depth; c += n, piece++) {
            n = left < depth - c ? left : depth - c;
            left -= n;
            piece->at = 4 * (row + c);
            piece->span = 16 * n - 4;
            if (left == 0) {
                left = 8 * *++lengths;
                piece->span += left == 0 ? MCE_TRIPLE_LAST : MCE_TRIPLE_MORE;
            }
        }
    }
}

/* n bytes, an even number, of each pixel, from one pitch to another, with the bits of flip turned. */
MCE_SHARED void mce_triple_copy(uint8_t *to, int32_t to_pitch, const uint8_t *from, int32_t from_pitch, int32_t n,
                                int32_t pixels, uint32_t flip)
{
    if (to_pitch == n && from_pitch == n) {
        n *= pixels, pixels = 1;
    }
    for (; pixels > 0; pixels--, to += to_pitch, from += from_pitch) {
        const uint8_t *x = from;
        uint8_t *y = to;
        for (const uint8_t *const end = x + (n & ~3); x != end; x += 4, y += 4) {
            *(mce_word_any *)y = *(const mce_word_any *)x ^ flip;
        }
        if ((n & 2) != 0) {
            *(mce_half_any *)y = (uint16_t)(*(const mce_half_any *)x ^ (flip & 0xFFFFu));
        }
    }
}

/* acc[o] = bias[o] + sum_{i,j,c} level(o,i,j,c) * X[h*sh - top + i, w*sw - left + j, c], kw = 3
 * y[h,w,o] = clamp(y.zero + q32(acc[o], m[o], 0)), or with a residual as in SPEC.md 4.12               SPEC.md 4.1
 * No groups, input channels in whole words of x, outputs in fours; y and r have 4-bit elements, no shift. add and r are
 * null (0) in conv2d. p->blocks: how many times four channels are decoded together, how many rows of x are kept, lengths
 * of blocks, 0. scratch, with t triples a row and K = kh*depth: a pixel of zero points; [rows][t][depth] words of x,
 * [kh + blocks] pieces, [blocks] sums; for each four channels [blocks] sums and [K][4] words; then [3t][channels decoded
 * together] outputs of a row. If all rows that the outputs meet are kept, each is gathered but once. */
MCE_INLINE void mce_conv2d_triples(mce_type type, const mce_conv2d *p, const mce_conv2d_add *add, const uint8_t *x,
                                   const uint8_t *r, uint8_t *y, mce_scratch *scratch)
{
    const int32_t depth = p->x.c, kh = p->window.kh, left = p->window.left, slots = p->blocks[1];
    const int32_t lead = p->x.zero != 0 ? left : left > 2 ? left - 2 : 0; /* triples begin in the padding */
    const int32_t before = 2 - left + lead;                               /* positions before the first output */
    const int32_t sh = p->window.sh, step = p->window.sw;                 /* positions from one output to the next */
    const int32_t triples = ((p->y.w - 1) * step + before + 3) / 3, words = triples * depth, line = p->y.c / 2;
    const uint8_t *const lengths = p->blocks + 2;
    const mce_sink sink = mce_sink_of(&p->y, &p->requant, add, r, y);
    const int32_t one = p->requant.multiplier[0], m4[4] = {one, one, one, one};
    int64_t residual[16];
    if (add != 0) {
        mce_sink_residuals(&sink, residual);
    }
    int32_t blocks = 0;
    while (lengths[blocks] != 0) {
        blocks++;
    }
    mce_word *const zeros = (mce_word *)(void *)scratch, *const rows = zeros + depth / 8;
    for (int32_t i = 0; i < depth / 8; i++) {
        zeros[i] = ((uint32_t)p->x.zero & 0x0Fu) * 0x11111111u;
    }
    mce_triple_piece *const pieces = (mce_triple_piece *)(void *)(rows + slots * words);
    mce_triple_sums *const sums = (mce_triple_sums *)(void *)(pieces + kh + blocks), *const group = sums + blocks;
    const int32_t n = kh * depth, four = blocks + n / 2; /* the size of four channels, in units of mce_triple_sums */
    const mce_word *codes = (const mce_word *)p->codes;
    mce_triple_job job = {0,         pieces, 0, sums,      0,    m4,           blocks,
                          sink.zero, 0,      0, 4 * depth, rows, rows + words, add != 0 ? residual : 0};
    for (int32_t first = 0, last, have = 0; first < p->y.c; first = last) {
        last = first + 4 * p->blocks[0] < p->y.c ? first + 4 * p->blocks[0] : p->y.c;
        mce_triple_sums *const end = group + (last - first) / 4 * four;
        for (mce_triple_sums *at = group; at != end; at += four) {
            codes = mce_triple_decode(codes, (const int16_t *)p->levels, blocks, n, at);
        }
        job.pitch = (last - first) / 2;
        uint8_t *const outputs = (uint8_t *)end, *const begin = outputs + before * job.pitch;
        have = slots < (p->y.h - 1) * sh + kh ? 0 : have;
        for (int32_t h = 0, at = first / 2; h < p->y.h; h++, at += p->y.w * line) {
            for (; have < h * sh + kh; have++) {
                mce_triple_gather(type, &p->x, x, have - p->window.top, lead, zeros, triples,
                                  rows + have % slots * words);
            }
            mce_triple_pieces(words, h * sh, slots, kh, depth, lengths, pieces);
            if (add != 0) {
                mce_triple_copy(begin, step * job.pitch, r + at, line, job.pitch, p->y.w, 0);
            }
            job.y = outputs;
            job.starts = group;
            for (int32_t o = first; o < last; o += 4, job.y += 2, job.starts += four) {
                job.w = (const mce_word *)(const void *)(job.starts + blocks);
                job.bias = p->bias + o;
                job.m = sink.step != 0 ? p->requant.multiplier + o : m4;
                mce_triple_row(&job);
            }
            mce_triple_copy(y + at, line, begin, step * job.pitch, job.pitch, p->y.w, sink.flip * 0x01010101u);
        }
    }
}

/* Defines mce_conv2d_triples_<act>, one for both kernels with that type of x. */
#define MCE_CONV2D_TRIPLES(act, type)                                                                                  \
    MCE_ONCE void mce_conv2d_triples_##act(const mce_conv2d *p, const mce_conv2d_add *add, const uint8_t *x,           \
                                           const uint8_t *r, uint8_t *y, mce_scratch *scratch);                        \
    MCE_ONCE void mce_conv2d_triples_##act(const mce_conv2d *p, const mce_conv2d_add *add, const uint8_t *x,           \
                                           const uint8_t *r, uint8_t *y, mce_scratch *scratch)                         \
    { mce_conv2d_triples(type, p, add, x, r, y, scratch); }

#endif
