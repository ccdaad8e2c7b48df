#include "mixcomp/internal/dsp.h"
#include "mixcomp/internal/elements.h"
#include "mixcomp/internal/window.h"
#include "mixcomp/maxpool2d.h"

/* The larger one of each two bytes. */
MCE_INLINE uint32_t max_bytes(int32_t is_signed, uint32_t a, uint32_t b)
{
#if MCE_DSP
    uint32_t y;
    if (is_signed) {
        __asm__("ssub8 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(y) : "r"(a), "r"(b));
    } else {
        __asm__("usub8 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(y) : "r"(a), "r"(b));
    }
    return y;
#else
    const uint32_t flip = is_signed ? 0x80u : 0;
    uint32_t y = 0;
    for (uint32_t i = 0; i < 32; i += 8) {
        const uint32_t p = (a >> i & 0xFFu) ^ flip, q = (b >> i & 0xFFu) ^ flip;
        y |= ((p > q ? p : q) ^ flip) << i;
    }
    return y;
#endif
}

/* The larger one of each two elements of a word. Nibbles are compared at the upper ends of bytes. */
MCE_INLINE uint32_t larger(mce_type type, uint32_t a, uint32_t b, uint32_t mask)
{
    const int32_t is_signed = type == MCE_S4 || type == MCE_S8;
    if (!mce_is_packed(type)) {
        return max_bytes(is_signed, a, b);
    }
    return max_bytes(is_signed, mask & a, mask & b) | max_bytes(is_signed, mask & a << 4, mask & b << 4) >> 4;
}

/* to[i] = the larger one of a[i] and b[i], `bytes` bytes, four at least; to may be a. What is left behind whole words is
 * taken with the last four bytes, some of them twice. */
MCE_INLINE void larger_ones(mce_type type, const uint8_t *a, const uint8_t *b, int32_t bytes, uint8_t *to)
{
    uint32_t mask = 0xF0F0F0F0u;
    MCE_IN_REGISTER(mask);
    const mce_word_any *p = (const mce_word_any *)a, *q = (const mce_word_any *)b;
    mce_word_any *y = (mce_word_any *)to;
    int32_t left = bytes;
    for (; left >= 8; left -= 8, p += 2, q += 2, y += 2) {
        const uint32_t first = larger(type, p[0], q[0], mask), second = larger(type, p[1], q[1], mask);
        y[0] = first;
        y[1] = second;
    }
    if (left >= 4) {
        *y = larger(type, *p, *q, mask);
    }
    if ((left & 3) != 0) {
        const int32_t last = bytes - 4;
        *(mce_word_any *)(to + last) =
            larger(type, *(const mce_word_any *)(a + last), *(const mce_word_any *)(b + last), mask);
    }
}

/* `count` results of `bytes` bytes each: the largest elements of n stretches of x that lie `step` bytes apart. The
 * stretches of the next result lie `next` bytes on. */
typedef struct run {
    int32_t count, n, step, bytes, next;
} run;

MCE_INLINE void largest_of(mce_type type, const run *r, const uint8_t *x, uint8_t *to)
{
    for (int32_t i = r->count; i > 0; i--, x += r->next, to += r->bytes) {
        const uint8_t *so_far = x, *at = x + (r->n > 1 ? r->step : 0);
        int32_t left = r->n;
        do {
            larger_ones(type, so_far, at, r->bytes, to);
            so_far = to;
            at += r->step;
        } while (--left > 1);
    }
}

typedef void largest_ones(const run *r, const uint8_t *x, uint8_t *to);

MCE_SHARED void largest_u4(const run *r, const uint8_t *x, uint8_t *to)
{ largest_of(MCE_U4, r, x, to); }
MCE_SHARED void largest_s4(const run *r, const uint8_t *x, uint8_t *to)
{ largest_of(MCE_S4, r, x, to); }
MCE_SHARED void largest_u8(const run *r, const uint8_t *x, uint8_t *to)
{ largest_of(MCE_U8, r, x, to); }
MCE_SHARED void largest_s8(const run *r, const uint8_t *x, uint8_t *to)
{ largest_of(MCE_S8, r, x, to); }

/* y[h,w,c] = max of the elements of the window inside x; y has x's type                                SPEC.md 4.8
 * First down: the largest of the rows under a row of outputs, to scratch [x.w * bytes], then across. A pixel is some
 * bytes, four at least (packing whole_pixels). */
void mce_maxpool2d_words__dsp(const mce_pool2d *p, const uint8_t *x, /* [x.h][x.w][x.c] */
                              uint8_t *y /* [y.h][y.w][y.c] */, mce_scratch *scratch)
{
    static largest_ones *const by_type[4] = {largest_u4, largest_s4, largest_u8, largest_s8};
    largest_ones *const largest = by_type[p->x.type];
    const mce_window *const k = &p->window;
    const int32_t bytes = mce_pair_bytes(mce_is_packed(p->x.type), p->x.c), line = p->x.w * bytes;
    const int32_t last = p->x.w - 1 - (k->kw - 1) * k->dw; /* the last column at which a whole window begins */
    for (int32_t h = 0; h < p->y.h; h++) {
        const int32_t row = h * k->sh - k->top;
        const mce_span rows = mce_taps_inside(row, k->dh, k->kh, p->x.h);
        const run down = {1, rows.end - rows.first, k->dh * line, line, 0};
        const uint8_t *from = x + (row + rows.first * k->dh) * line;
        if (down.n > 1) {
            largest(&down, from, (uint8_t *)(void *)scratch);
            from = (const uint8_t *)(const void *)scratch;
        }
        run across = {1, k->kw, k->dw * bytes, bytes, k->sw * bytes};
        for (int32_t w = 0; w < p->y.w; w += across.count, y += across.count * bytes) {
            int32_t column = w * k->sw - k->left;
            across.count = 1;
            across.n = k->kw;
            if (column >= 0 && column <= last) {
                const int32_t whole = (last - column) / k->sw + 1;
                across.count = whole < p->y.w - w ? whole : p->y.w - w;
            } else {
                const mce_span columns = mce_taps_inside(column, k->dw, k->kw, p->x.w);
                column += columns.first * k->dw;
                across.n = columns.end - columns.first;
            }
            largest(&across, from + column * bytes, y);
        }
    }
}
