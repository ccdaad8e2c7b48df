#include "mixcomp/internal/strips_dsp.h"
#include "mixcomp/internal/window.h"
#include "mixcomp/maxpool2d.h"

enum { STRIP = 1024 }; /* bytes of columns that are taken at a time, unless one output needs more */

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

/* `bytes` bytes of each of n places, `step` bytes apart in a and b and `next` in y: the larger elements of each two. */
typedef struct run {
    int32_t n, bytes, step, next;
} run;

/* Four bytes at least, eight at a time where there are so many; the last ones are taken with those before them, some of them
 * twice. */
MCE_INLINE void larger_words(mce_type type, const run *r, const uint8_t *a, const uint8_t *b, uint8_t *y)
{
    const int32_t step = r->step, next = r->next, both = r->bytes >= 8, last = r->bytes - (both ? 8 : 4);
    uint32_t mask = 0xF0F0F0F0u;
    MCE_IN_REGISTER(mask);
    for (int32_t at = 0;;) {
        const uint8_t *p = a + at, *q = b + at, *const end = p + r->n * step;
        uint8_t *to = y + at;
        if (both) {
            for (; p != end; p += step, q += step, to += next) {
                const mce_word_any *const v = (const mce_word_any *)p, *const w = (const mce_word_any *)q;
                const uint32_t first = larger(type, v[0], w[0], mask), second = larger(type, v[1], w[1], mask);
                ((mce_word_any *)to)[0] = first;
                ((mce_word_any *)to)[1] = second;
            }
        } else {
            for (; p != end; p += step, q += step, to += next) {
                *(mce_word_any *)to = larger(type, *(const mce_word_any *)p, *(const mce_word_any *)q, mask);
            }
        }
        if (at == last) {
            break;
        }
        at += both ? 8 : 4;
        at = at < last ? at : last;
    }
}

typedef void larger_of_type(const run *r, const uint8_t *a, const uint8_t *b, uint8_t *y);

MCE_SHARED void larger_u4(const run *r, const uint8_t *a, const uint8_t *b, uint8_t *y)
{ larger_words(MCE_U4, r, a, b, y); }
MCE_SHARED void larger_s4(const run *r, const uint8_t *a, const uint8_t *b, uint8_t *y)
{ larger_words(MCE_S4, r, a, b, y); }
MCE_SHARED void larger_u8(const run *r, const uint8_t *a, const uint8_t *b, uint8_t *y)
{ larger_words(MCE_U8, r, a, b, y); }
MCE_SHARED void larger_s8(const run *r, const uint8_t *a, const uint8_t *b, uint8_t *y)
{ larger_words(MCE_S8, r, a, b, y); }

/* `bytes` bytes side by side, with no part of b in y. */
static void larger_bytes(larger_of_type *of, const uint8_t *a, const uint8_t *b, int32_t bytes, uint8_t *y)
{
    if (bytes >= 8) {
        const run words = {bytes >> 3, 8, 8, 8};
        of(&words, a, b, y);
    }
    if (bytes >= 4 && (bytes & 7) != 0) {
        const run rest = {1, bytes < 8 ? bytes : 8, 8, 8};
        const int32_t at = bytes - rest.bytes;
        of(&rest, a + at, b + at, y + at);
    } else if (bytes < 4) {
        const run word = {1, 4, 4, 4};
        uint8_t few[3][4] = {{0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}};
        for (int32_t i = 0; i < bytes; i++) {
            few[0][i] = a[i];
            few[1][i] = b[i];
        }
        of(&word, few[0], few[1], few[2]);
        for (int32_t i = 0; i < bytes; i++) {
            y[i] = few[2][i];
        }
    }
}

/* n elements of 4 bits from element `at` on, flipped, each in a byte. */
static void parted(const uint8_t *x, int32_t at, int32_t n, uint32_t flip, uint8_t *to)
{
    const uint8_t *from = x + (at >> 1);
    for (; n >= 8; n -= 8, from += 4, to += 8) {
        const uint32_t v = mce_get_word(from);
        mce_part_nibbles(((at & 1) != 0 ? v >> 4 | (uint32_t)from[4] << 28 : v) ^ flip, to);
    }
    for (int32_t k = at & 1; n > 0; n--, k++) {
        *to++ = (uint8_t)((from[k >> 1] >> 4 * (k & 1) & 0x0F) ^ (flip & 0x0Fu));
    }
}

/* The inverse, to elements at.. of y, which has `total`: half bytes of other elements are kept, and one behind all is 0. */
static void joined(const uint8_t *from, int32_t n, uint32_t flip, uint8_t *y, int32_t at, int32_t total)
{
    uint8_t *to = y + (at >> 1);
    const int32_t end = at + n;
    if ((at & 1) != 0) {
        *to = (uint8_t)((*to & 0x0F) | ((uint32_t)*from++ << 4 ^ (flip & 0xF0u)));
        to++, n--;
    }
    for (; n > 1; n -= 2, from += 2) {
        *to++ = (uint8_t)((from[0] | (uint32_t)from[1] << 4) ^ flip);
    }
    if (n > 0) {
        *to = (uint8_t)((end < total ? *to & 0xF0 : 0) | (*from ^ (flip & 0x0Fu)));
    }
}

/* The columns of x under some outputs of a row, in scratch. */
typedef struct strip {
    larger_of_type *of;
    int32_t pixel;               /* bytes */
    int32_t columns, first, end; /* of these, first <= i < end are inside x */
    int32_t column;              /* of x, the first one */
    int32_t parts;               /* elements of 4 bits in bytes of their own, flipped to be unsigned */
    uint32_t flip;
    uint8_t *line, *copy;
} strip;

/* Down: the largest of the rows under it, `least` in columns outside of x. */
static const uint8_t *down(const strip *s, const mce_pool2d *p, const uint8_t *x, int32_t row, int32_t rows,
                           uint8_t least)
{
    const int32_t bytes = (s->end - s->first) * s->pixel, below = p->window.dh * p->x.w;
    int32_t at = row * p->x.w + s->column + s->first;
    if (rows == 1 && bytes == s->columns * s->pixel && !s->parts) {
        return x + at * s->pixel;
    }
    uint8_t *const to = s->line + s->first * s->pixel;
    const uint8_t *so_far = 0;
    for (int32_t i = 0; i < rows; i++, at += below) {
        const uint8_t *next = x + at * s->pixel;
        if (s->parts) {
            parted(x, at * p->x.c, bytes, s->flip, i == 0 ? to : s->copy);
            next = i == 0 ? to : s->copy;
        }
        if (i > 0 || rows == 1) {
            larger_bytes(s->of, i > 0 ? so_far : next, next, bytes, to);
            next = to;
        }
        so_far = next;
    }
    for (int32_t i = s->first * s->pixel; i > 0; i--) {
        s->line[i - 1] = least;
    }
    for (int32_t i = (s->columns - s->end) * s->pixel; i > 0; i--) {
        to[bytes + i - 1] = least;
    }
    return s->line;
}

/* Across: the largest of 2, 4, ... columns from each on, of those of 1, 2, ...; the last step is made for n outputs alone. */
static void across(const strip *s, const mce_window *k, const uint8_t *from, int32_t n, uint8_t *y)
{
    int32_t bytes = s->columns * s->pixel, width = 1, offset = 0;
    const int32_t alone = s->pixel >= 4 || k->sw == 1;
    while (width < k->kw) {
        const int32_t more = width < k->kw - width ? width : k->kw - width;
        offset = more * k->dw * s->pixel;
        width += more;
        if (width == k->kw && alone) {
            break;
        }
        bytes -= offset;
        if (from == s->line) { /* in place, up to three bytes behind its end */
            const run words = {(bytes + 3) >> 2, 4, 4, 4};
            s->of(&words, from, from + offset, s->line);
        } else {
            larger_bytes(s->of, from, from + offset, bytes, s->line);
        }
        from = s->line;
        offset = 0;
    }
    if (k->sw == 1) {
        larger_bytes(s->of, from, from + offset, n * s->pixel, y);
    } else if (alone) {
        const run pixels = {n, s->pixel, k->sw * s->pixel, s->pixel};
        s->of(&pixels, from, from + offset, y);
    } else {
        for (; n > 0; n--, from += k->sw * s->pixel) {
            for (int32_t i = 0; i < s->pixel; i++) {
                *y++ = from[i];
            }
        }
    }
}

/* y[h,w,c] = max of the elements of the window inside x; y has x's type                                SPEC.md 4.8
 * First down, then across, strip by strip. Elements of 4 bits in odd numbers, which begin in half bytes, take a byte each.
 * scratch: packing strip_of_columns. */
void mce_maxpool2d_words__dsp(const mce_pool2d *p, const uint8_t *x, /* [x.h][x.w][x.c] */
                              uint8_t *y /* [y.h][y.w][y.c] */, mce_scratch *scratch)
{
    static larger_of_type *const by_type[4] = {larger_u4, larger_s4, larger_u8, larger_s8};
    const mce_window *const k = &p->window;
    const int32_t channels = p->x.c, packed = mce_is_packed(p->x.type), parts = packed & channels & 1;
    const int32_t pixel = packed && !parts ? channels >> 1 : channels, reach = (k->kw - 1) * k->dw + 1;
    const int32_t room = STRIP / pixel, fitting = room > reach ? (room - reach) / k->sw + 1 : 1;
    const int32_t most = fitting < p->y.w ? fitting : p->y.w; /* outputs of a strip */
    uint8_t *const line = (uint8_t *)(void *)scratch, *const copy = line + ((most - 1) * k->sw + reach) * pixel + 4;
    const int32_t is_signed = p->x.type == MCE_S4 || p->x.type == MCE_S8;
    const uint8_t least = !is_signed || parts ? 0 : packed ? 0x88 : 0x80;
    strip s = {by_type[parts ? MCE_U8 : p->x.type], pixel, 0, 0, 0, 0, parts, is_signed ? 0x88888888u : 0, line, copy};
    for (int32_t v = 0; v < p->y.w; v += most) {
        const int32_t n = p->y.w - v < most ? p->y.w - v : most;
        s.columns = (n - 1) * k->sw + reach;
        s.column = v * k->sw - k->left;
        s.first = s.column < 0 ? -s.column : 0;
        s.end = s.columns < p->x.w - s.column ? s.columns : p->x.w - s.column;
        for (int32_t h = 0, row = -k->top; h < p->y.h; h++, row += k->sh) {
            mce_span rows = {0, k->kh};
            if (row < 0 || row + (k->kh - 1) * k->dh >= p->x.h) {
                rows = mce_taps_inside(row, k->dh, k->kh, p->x.h);
            }
            const uint8_t *const from = down(&s, p, x, row + rows.first * k->dh, rows.end - rows.first, least);
            const int32_t at = h * p->y.w + v;
            across(&s, k, from, n, parts ? copy : y + at * pixel);
            if (parts) {
                joined(copy, n * channels, s.flip, y, at * channels, p->y.h * p->y.w * channels);
            }
        }
    }
}
