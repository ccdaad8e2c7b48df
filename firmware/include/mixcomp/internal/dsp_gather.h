/* The patches under the kernel at two output pixels, as the inner loops of kernels/dsp read them: halfwords in the
 * order of the weights, `unit` words (two elements each) of the first pixel, as many of the second, and so on.
 *
 * Order. Along the input channels of one kernel position, where they fill whole words: packed elements 0 4 1 5 2 6 3 7 of
 * each eight, bytes 0 2 1 3 of each four; that is how masks and UXTB16 part a word. Otherwise as they come.
 * sdk/mixcomp_edge/plan/packing packs the weights in the same order. */
#ifndef MIXCOMP_INTERNAL_DSP_GATHER_H
#define MIXCOMP_INTERNAL_DSP_GATHER_H

#include "mixcomp/internal/dsp.h"
#include "mixcomp/internal/elements.h"
#include "mixcomp/internal/window.h"
#include "mixcomp/kernels.h"

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

/* n bytes of x in their order. unit is 1. */
MCE_INLINE void mce_patch_bytes(mce_type type, int32_t unit, mce_patch *p, const uint8_t *x, int32_t n)
{
    const uint8_t *const end = x + n;
    if ((p->next & 1) != 0 && n > 0) {
        mce_patch_put(unit, p, type == MCE_S8 ? (int8_t)*x : *x);
        x++;
    }
    mce_word *to = p->to + p->next;
    p->next += (int32_t)(end - x);
    for (; x + 1 < end; x += 2, to += 2) {
        const uint32_t low = type == MCE_S8 ? (uint32_t)(int8_t)x[0] & 0xFFFFu : x[0];
        const uint32_t high = type == MCE_S8 ? (uint32_t)(int8_t)x[1] : x[1];
        *to = low | high << 16;
    }
    if (x != end) {
        *to = type == MCE_S8 ? (uint32_t)(int8_t)*x & 0xFFFFu : *x;
    }
}

/* n elements of x from element `at` on; in a wide patch n is a multiple of the channels. */
MCE_SHARED void mce_patch_run(mce_type type, int32_t unit, mce_patch *p, const uint8_t *x, int32_t at, int32_t n)
{
    if (p->wide != 0) {
        mce_patch_words(type, unit, p, x + mce_pair_bytes(mce_is_packed(type), at), n);
    } else if (!mce_is_packed(type) && unit == 1) {
        mce_patch_bytes(type, unit, p, x + at, n);
    } else {
        for (const int32_t end = at + n; at < end; at++) {
            mce_patch_put(unit, p, mce_load(type, x, at) + mce_patch_offset(type));
        }
    }
}

/* Zeros from element `length` to `padded` in both patches: gathering does not touch them again. */
MCE_INLINE void mce_dsp_gather_begin(int32_t unit, int32_t length, int32_t padded, mce_word *patches)
{
    for (int32_t i = 0; i < 2; i++) {
        mce_patch to = {0, patches + unit * i, length & ~1};
        while (to.next < padded) {
            mce_patch_put(unit, &to, 0);
        }
    }
}

/* Where the window of a pixel begins in x. */
typedef struct mce_corner {
    int32_t row, column;
} mce_corner;

/* How patches are found; the same for all of a call. */
typedef struct mce_gather {
    const mce_conv2d *p;
    const uint8_t *x;            /* [x.h][x.w][x.c] */
    int32_t depth;               /* channels of a group */
    uint32_t rows, columns;      /* corners below these have whole rows of words under their windows; 0: none has */
    int32_t run, line, pitch;    /* elements in a row of the window; bytes of a row of x, between rows of the window */
    int32_t first, end, advance; /* column of a row's first corner, behind its last, from one to the next */
} mce_gather;

MCE_INLINE mce_gather mce_gather_of(mce_type type, const mce_conv2d *p, const uint8_t *x)
{
    const mce_window *const k = &p->window;
    const int32_t depth = p->x.c / p->groups, packed = mce_is_packed(type);
    const int32_t rows = p->x.h - (k->kh - 1) * k->dh, columns = p->x.w - k->kw + 1;
    const int32_t whole = mce_is_wide(type, depth) && p->groups == 1 && k->dw == 1 && rows > 0 && columns > 0;
    const int32_t line = mce_pair_bytes(packed, p->x.w * p->x.c);
    const mce_gather g = {p,
                          x,
                          depth,
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

MCE_INLINE mce_corner mce_corner_begin(const mce_gather *g)
{
    const mce_corner at = {-g->p->window.top, g->first};
    return at;
}

/* The next pixel, row by row. */
MCE_INLINE void mce_corner_next(const mce_gather *g, mce_corner *at)
{
    at->column += g->advance;
    if (at->column == g->end) {
        at->column = g->first;
        at->row += g->p->window.sh;
    }
}

/* Any patch: channels from `channel` on, X is x.zero in the padding. */
MCE_SHARED void mce_gather_any(mce_type type, int32_t unit, const mce_gather *g, mce_corner at, int32_t channel,
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

/* patch[i,j,c] = X[row + i*dh, column + j*dw, channel + c], c < depth; X is x.zero in the padding.
 * patch: [padded/2], interleaved */
MCE_INLINE void mce_gather_patch(mce_type type, int32_t unit, const mce_gather *g, mce_corner at, int32_t channel,
                                 mce_word *patch)
{
    if ((uint32_t)at.row >= g->rows || (uint32_t)at.column >= g->columns) {
        mce_gather_any(type, unit, g, at, channel, patch);
        return;
    }
    const uint8_t *from = g->x + at.row * g->line + mce_pair_bytes(mce_is_packed(type), at.column * g->depth);
    mce_patch to = {1, patch, 0};
    for (int32_t i = g->p->window.kh; i > 0; i--, from += g->pitch) {
        mce_patch_words(type, unit, &to, from, g->run);
    }
}

#endif
