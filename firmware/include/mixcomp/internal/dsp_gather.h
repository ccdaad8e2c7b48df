/* The patches under the kernel at two output pixels, as the inner loops of kernels/dsp read them: halfwords in the
 * order of the weights, a word (two elements) or two of the first pixel, then as many of the second, and so on.
 *
 * Order. Along the input channels of one kernel position, where a whole number of words holds them: packed elements
 * 0 4 1 5 2 6 3 7 of each eight, bytes 0 2 1 3 of each four; that is how masks and UXTB16 part a word. Otherwise as
 * they come. sdk/mixcomp_edge/plan/packing.py packs the weights in the same order. */
#ifndef MIXCOMP_INTERNAL_DSP_GATHER_H
#define MIXCOMP_INTERNAL_DSP_GATHER_H

#include "mixcomp/internal/dsp.h"
#include "mixcomp/internal/elements.h"
#include "mixcomp/internal/window.h"
#include "mixcomp/kernels.h"

/* Where the next element of a patch goes. `unit` words of a pixel lie together, then as many of the other pixel. */
typedef struct mce_patch {
    mce_word *start;
    int32_t unit; /* 1 or 2 */
    int32_t next; /* elements so far */
} mce_patch;

MCE_INLINE void mce_patch_put(mce_patch *to, int32_t v)
{
    const int32_t word = to->next >> 1, at = (word & -to->unit) + word;
    const uint32_t half = (uint32_t)v & 0xFFFFu;
    to->start[at] = (to->next & 1) == 0 ? half : to->start[at] | half << 16;
    to->next++;
}

/* Elements in a word of x, if its channels fill whole words; else 0. */
MCE_INLINE int32_t mce_word_elements(mce_type type, int32_t depth)
{
    const int32_t n = mce_is_packed(type) ? 8 : 4;
    return depth % n == 0 ? n : 0;
}

/* n words of x; packed ones come out as 0..15. Returns where the patch goes on. */
MCE_INLINE mce_word *mce_patch_words(mce_type type, int32_t unit, const uint8_t *x, int32_t n, mce_word *to)
{
    const mce_word_any *from = (const mce_word_any *)x;
    for (const mce_word_any *const end = from + n; from != end;) {
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
    return to;
}

/* The same number of words, all of them two halves of `zero`. */
MCE_INLINE void mce_patch_fill(int32_t unit, uint32_t zero, int32_t words, mce_word *to)
{
    for (; words > 0; words -= 2, to += 4) {
        to[0] = zero;
        to[unit == 2 ? 1 : 2] = zero;
    }
}

/* An output pixel (h, w). */
typedef struct mce_cursor {
    int32_t h, w;
} mce_cursor;

MCE_INLINE void mce_cursor_next(mce_cursor *at, int32_t width)
{
    if (++at->w == width) {
        at->w = 0;
        at->h++;
    }
}

/* patch[i,j,c] = X[h*sh - top + i*dh, w*sw - left + j*dw, channel + c], c < depth, at pixel (h, w), then zeros up to
 * `padded` elements; X is x.zero in the padding. Packed types come out as 0..15: u4 as it is, s4 plus 8. */
MCE_INLINE void mce_dsp_gather(mce_type type, int32_t unit, const mce_conv2d *p, const uint8_t *x, /* [x.h][x.w][x.c] */
                               mce_cursor pixel, int32_t channel, int32_t depth, int32_t padded,
                               mce_word *patch /* [padded/2], interleaved */)
{
    const mce_window *const k = &p->window;
    const int32_t row = pixel.h * k->sh - k->top, column = pixel.w * k->sw - k->left;
    const int32_t offset = type == MCE_S4 ? 8 : 0;
    const int32_t per_word = mce_word_elements(type, depth), words = per_word != 0 ? depth / per_word : 0;
    const int32_t inside = row >= 0 && row + (k->kh - 1) * k->dh < p->x.h && column >= 0 &&
                           column + (k->kw - 1) * k->dw < p->x.w;
    if (inside != 0 && per_word != 0 && k->dw == 1 && p->groups == 1) { /* whole rows of the patch */
        const int32_t step = k->dh * p->x.w * p->x.c, at = (row * p->x.w + column) * p->x.c;
        for (int32_t i = 0; i < k->kh; i++) {
            const int32_t start = at + i * step;
            patch = mce_patch_words(type, unit, x + (mce_is_packed(type) ? start >> 1 : start), k->kw * words, patch);
        }
        return;
    }
    const uint32_t zero = (uint32_t)(p->x.zero + offset) & 0xFFFFu;
    mce_patch to = {patch, unit, 0};
    for (int32_t i = 0; i < k->kh; i++) {
        const int32_t h = row + i * k->dh;
        for (int32_t j = 0; j < k->kw; j++) {
            const int32_t w = column + j * k->dw;
            const int32_t there = mce_inside(h, p->x.h) & mce_inside(w, p->x.w);
            const int32_t at = (h * p->x.w + w) * p->x.c + channel;
            if (per_word != 0 && there != 0) {
                mce_patch_words(type, unit, x + (mce_is_packed(type) ? at >> 1 : at), words, patch + to.next);
                to.next += depth;
            } else if (per_word != 0) {
                mce_patch_fill(unit, zero * 0x00010001u, depth >> 1, patch + to.next);
                to.next += depth;
            } else {
                for (int32_t c = 0; c < depth; c++) {
                    mce_patch_put(&to, there != 0 ? mce_load(type, x, at + c) + offset : p->x.zero + offset);
                }
            }
        }
    }
    while (to.next < padded) {
        mce_patch_put(&to, 0);
    }
}

#endif
