/* The patches under the kernel at two output pixels, as the inner loops of kernels/dsp read them: halfwords in the
 * order of the weights, `unit` words (two elements each) of the first pixel, as many of the second, and so on.
 *
 * Order. Bytes come as 0 2 1 3 of each four of a patch, packed elements as 0 4 1 5 2 6 3 7 of each eight where the input
 * channels fill whole words, otherwise as they are: so masks and UXTB16 part a word. sdk/mixcomp_edge/plan/packing packs the
 * weights in the same order. Bytes that do not fill words by channels are copied to a patch of bytes first; so are packed
 * elements whose channels fill bytes, where a kernel can: as bytes of half as many channels, then as if they filled words. */
#ifndef MIXCOMP_INTERNAL_DSP_GATHER_H
#define MIXCOMP_INTERNAL_DSP_GATHER_H

#include "mixcomp/internal/dsp.h"
#include "mixcomp/internal/elements.h"
#include "mixcomp/internal/window.h"
#include "mixcomp/conv2d.h"

/* A patch as it grows. The functions on it take the type of x and the unit, 1 or 2, as constants. */
typedef struct mce_patch {
    int32_t wide; /* 1: the channels fill whole words of x */
    mce_word *to; /* of the patch's pixel: where `next` goes, or its neighbour in the word before */
    int32_t next; /* elements so far */
} mce_patch;

/* Packed types come out as 0..15: u4 as it is, s4 plus 8. */
MCE_INLINE int32_t mce_patch_offset(mce_type type)
{ return type == MCE_S4 ? 8 : 0; }

MCE_INLINE int32_t mce_is_wide(mce_type type, int32_t depth)
{ return depth % (mce_is_packed(type) ? 8 : 4) == 0; }

/* Word i of a patch is that many words from its start. */
MCE_INLINE int32_t mce_patch_word(int32_t unit, int32_t i)
{ return unit == 1 ? 2 * i : i + (i & -2); }

MCE_INLINE void mce_patch_put(int32_t unit, mce_patch *p, int32_t v)
{
    mce_word *const word = p->to + mce_patch_word(unit, p->next >> 1);
    const uint32_t half = (uint32_t)v & 0xFFFFu;
    *word = (p->next & 1) == 0 ? half : *word | half << 16;
    p->next++;
}

MCE_SHARED void mce_patch_fill(int32_t unit, mce_patch *p, int32_t v, int32_t n)
{
    const int32_t end = p->next + n;
    if (p->wide != 0) { /* n is a multiple of 4 */
        const uint32_t both = ((uint32_t)v & 0xFFFFu) * 0x00010001u;
        mce_word *to = p->to + p->next;
        for (p->next = end; n > 0; n -= 4, to += 4) {
            to[0] = both;
            to[unit == 2 ? 1 : 2] = both;
        }
    }
    while (p->next < end) {
        mce_patch_put(unit, p, v);
    }
}

/* Words of x that hold n elements, n a multiple of their number in a word. */
MCE_INLINE void mce_patch_words(mce_type type, int32_t unit, mce_patch *p, const uint8_t *x, int32_t n)
{
    const mce_word_any *from = (const mce_word_any *)x;
    const mce_word_any *const end = from + (mce_is_packed(type) ? n >> 3 : n >> 2);
    mce_word *to = p->to + p->next; /* two pixels of half a word an element */
    p->next += n;
    while (from != end) {
        if (type == MCE_U4 && unit == 2) {
            from = mce_unpack8(from, &to);
        } else if (mce_is_packed(type)) {
            const uint32_t v = type == MCE_S4 ? *from++ ^ 0x88888888u : *from++;
            to[0] = v & 0x000F000Fu;
            to[unit == 2 ? 1 : 2] = v >> 4 & 0x000F000Fu;
            to[4] = v >> 8 & 0x000F000Fu;
            to[unit == 2 ? 5 : 6] = v >> 12 & 0x000F000Fu;
            to += 8;
        } else {
            const uint32_t v = *from++;
            to[0] = type == MCE_S8 ? mce_sxtb16(v) : mce_uxtb16(v);
            to[unit == 2 ? 1 : 2] = type == MCE_S8 ? mce_sxtb16_odd(v) : mce_uxtb16_odd(v);
            to += 4;
        }
    }
}

/* n elements of x from element `at` on; in a wide patch n is a multiple of the channels. */
MCE_SHARED void mce_patch_run(mce_type type, int32_t unit, mce_patch *p, const uint8_t *x, int32_t at, int32_t n)
{
    if (p->wide != 0) {
        mce_patch_words(type, unit, p, x + mce_pair_bytes(mce_is_packed(type), at), n);
    } else {
        for (const int32_t end = at + n; at < end; at++) {
            mce_patch_put(unit, p, mce_load(type, x, at) + mce_patch_offset(type));
        }
    }
}

/* Where the window of a pixel begins in x. */
typedef struct mce_corner {
    int32_t row, column;
} mce_corner;

/* How patches are found; the same for all of a call. */
typedef struct mce_gathering {
    const mce_conv2d *p;
    const uint8_t *x;            /* [x.h][x.w][x.c] */
    int32_t depth;               /* channels of a group */
    uint8_t *bytes;              /* bytes that do not fill words: room for a patch, else null */
    uint32_t rows, columns;      /* corners below these have whole rows under their windows; 0: none has */
    int32_t run, line, pitch;    /* elements in a row of the window; bytes of a row of x, between rows of the window */
    int32_t first, end, advance; /* column of a row's first corner, behind its last, from one to the next */
} mce_gathering;

MCE_INLINE mce_gathering mce_gather_of(mce_type type, const mce_conv2d *p, const uint8_t *x, uint8_t *bytes)
{
    const mce_window *const k = &p->window;
    const int32_t depth = p->x.c / p->groups, packed = mce_is_packed(type);
    const int32_t rows = p->x.h - (k->kh - 1) * k->dh, columns = p->x.w - k->kw + 1;
    const int32_t wide = mce_is_wide(type, depth), regular = p->groups == 1 && k->dw == 1 && rows > 0 && columns > 0;
    const int32_t whole = regular && (wide || !packed);
    const int32_t line = mce_pair_bytes(packed, p->x.w * p->x.c);
    const mce_gathering g = {p,
                             x,
                             depth,
                             wide || packed ? 0 : bytes,
                             whole ? (uint32_t)rows : 0,
                             whole ? (uint32_t)columns : 0,
                             k->kw * depth,
                             line,
                             line * k->dh,
                             -k->left,
                             p->y.w * k->sw - k->left,
                             k->sw};
    return g;
}

MCE_INLINE mce_corner mce_corner_begin(const mce_gathering *g)
{
    const mce_corner at = {-g->p->window.top, g->first};
    return at;
}

/* The next pixel, row by row. */
MCE_INLINE void mce_corner_next(const mce_gathering *g, mce_corner *at)
{
    at->column += g->advance;
    if (at->column == g->end) {
        at->column = g->first;
        at->row += g->p->window.sh;
    }
}

/* Any patch: channels from `channel` on, X is x.zero in the padding. */
MCE_SHARED void mce_gather_any(mce_type type, int32_t unit, const mce_gathering *g, mce_corner at, int32_t channel,
                               mce_word *patch)
{
    const mce_conv2d *const p = g->p;
    const mce_window *const k = &p->window;
    const int32_t depth = g->depth;
    mce_patch to = {mce_is_wide(type, depth), patch, 0};
    const int32_t zero = p->x.zero + mce_patch_offset(type), together = k->dw == 1 && p->groups == 1;
    const mce_span columns = mce_taps_inside(at.column, k->dw, k->kw, p->x.w);
    const int32_t before = columns.first * depth, after = (k->kw - columns.end) * depth;
    for (int32_t i = 0; i < k->kh; i++) {
        const int32_t h = at.row + i * k->dh, from = (h * p->x.w + at.column) * p->x.c + channel;
        if (!mce_inside(h, p->x.h)) {
            mce_patch_fill(unit, &to, zero, k->kw * depth);
            continue;
        }
        if (before != 0) {
            mce_patch_fill(unit, &to, zero, before);
        }
        if (together) {
            mce_patch_run(type, unit, &to, g->x, from + before, k->kw * depth - before - after);
        } else {
            for (int32_t j = columns.first; j < columns.end; j++) {
                mce_patch_run(type, unit, &to, g->x, from + j * k->dw * p->x.c, depth);
            }
        }
        if (after != 0) {
            mce_patch_fill(unit, &to, zero, after);
        }
    }
}

/* These return the end of to. */
MCE_SHARED uint8_t *mce_bytes_fill(uint8_t *to, uint8_t v, int32_t n)
{
    for (; n > 0; n--) {
        *to++ = v;
    }
    return to;
}

MCE_INLINE uint8_t *mce_bytes_copy(uint8_t *to, const uint8_t *from, int32_t n)
{
    for (; n >= 4; n -= 4, to += 4, from += 4) {
        *(mce_word_any *)to = *(const mce_word_any *)from;
    }
    for (; n > 0; n--) {
        *to++ = *from++;
    }
    return to;
}

/* As mce_gather_any, to bytes. */
MCE_ONCE void mce_gather_bytes(const mce_gathering *g, mce_corner at, int32_t channel);
MCE_ONCE void mce_gather_bytes(const mce_gathering *g, mce_corner at, int32_t channel)
{
    const mce_conv2d *const p = g->p;
    const mce_window *const k = &p->window;
    uint8_t *to = g->bytes;
    if ((uint32_t)at.row < g->rows && (uint32_t)at.column < g->columns) {
        const uint8_t *from = g->x + at.row * g->line + at.column * g->depth;
        for (int32_t i = k->kh; i > 0; i--, from += g->pitch) {
            to = mce_bytes_copy(to, from, g->run);
        }
        return;
    }
    const mce_span columns = mce_taps_inside(at.column, k->dw, k->kw, p->x.w);
    const int32_t depth = g->depth, inside = columns.end - columns.first;
    const int32_t before = columns.first * depth, after = (k->kw - columns.end) * depth;
    const int32_t together = k->dw == 1 && p->groups == 1; /* a row is one run, otherwise each tap is */
    const int32_t runs = together ? 1 : inside, run = together ? inside * depth : depth, step = k->dw * p->x.c;
    const uint8_t zero = (uint8_t)((uint32_t)p->x.zero & 0xFFu);
    for (int32_t i = 0; i < k->kh; i++) {
        const int32_t h = at.row + i * k->dh;
        if (!mce_inside(h, p->x.h)) {
            to = mce_bytes_fill(to, zero, g->run);
            continue;
        }
        const uint8_t *from = g->x + h * g->line + (at.column + columns.first * k->dw) * p->x.c + channel;
        to = before != 0 ? mce_bytes_fill(to, zero, before) : to;
        for (int32_t j = 0; j < runs; j++, from += step) {
            to = mce_bytes_copy(to, from, run);
        }
        to = after != 0 ? mce_bytes_fill(to, zero, after) : to;
    }
}

/* Zeros from element `length` to `padded`: gathering does not touch them again. */
MCE_INLINE void mce_gather_begin(int32_t unit, const mce_gathering *g, int32_t length, int32_t padded,
                                 mce_word *patches)
{
    if (g->bytes != 0) {
        mce_bytes_fill(g->bytes + length, 0, padded - length);
        return;
    }
    for (int32_t i = 0; i < 2; i++) {
        mce_patch to = {0, patches + unit * i, length & ~1};
        while (to.next < padded) {
            mce_patch_put(unit, &to, 0);
        }
    }
}

/* patch[i,j,c] = X[row + i*dh, column + j*dw, channel + c], c < depth; X is x.zero in the padding.
 * patch: [padded/2], interleaved */
MCE_INLINE void mce_gather_patch(mce_type type, int32_t unit, const mce_gathering *g, mce_corner at, int32_t channel,
                                 int32_t padded, mce_word *patch)
{
    mce_patch to = {1, patch, 0};
    if (!mce_is_packed(type) && g->bytes != 0) {
        mce_gather_bytes(g, at, channel);
        mce_patch_words(type, unit, &to, g->bytes, padded);
        return;
    }
    if ((uint32_t)at.row >= g->rows || (uint32_t)at.column >= g->columns) {
        mce_gather_any(type, unit, g, at, channel, patch);
        return;
    }
    const uint8_t *from = g->x + at.row * g->line + mce_pair_bytes(mce_is_packed(type), at.column * g->depth);
    for (int32_t i = g->p->window.kh; i > 0; i--, from += g->pitch) {
        mce_patch_words(type, unit, &to, from, g->run);
    }
}

/* Packed elements whose channels fill bytes, but not words. */
MCE_INLINE int32_t mce_is_halved(mce_type type, int32_t depth)
{ return mce_is_packed(type) && depth % 8 != 0 && depth % 2 == 0; }

/* The convolution as one of bytes of half as many channels. */
MCE_INLINE mce_conv2d mce_halved(const mce_conv2d *p)
{
    mce_conv2d halved = *p;
    halved.x.c /= 2;
    halved.x.zero = (int32_t)(((uint32_t)p->x.zero & 0x0Fu) * 0x11u);
    return halved;
}

/* As mce_gather_begin; g: of mce_halved. */
MCE_INLINE void mce_halves_begin(mce_type type, const mce_gathering *g, int32_t length, int32_t padded)
{ mce_bytes_fill(g->bytes + length / 2, type == MCE_S4 ? 0x88u : 0, (padded - length) / 2); }

/* As mce_gather_patch; g: of mce_halved. */
MCE_INLINE void mce_gather_halves(mce_type type, int32_t unit, const mce_gathering *g, mce_corner at, int32_t channel,
                                  int32_t padded, mce_word *patch)
{
    mce_patch to = {1, patch, 0};
    mce_gather_bytes(g, at, channel / 2);
    mce_patch_words(type, unit, &to, g->bytes, padded);
}

#endif
