#include "mixcomp/internal/elements.h"
#include "mixcomp/push.h"

#if defined(__GNUC__)
typedef uint32_t __attribute__((__may_alias__)) mce_push_word;

/* y[i] = x[i] in ascending order, i < n: y may lie below x in what overlaps it. */
static void mce_push_bytes(const uint8_t *x, uint8_t *y, int32_t n)
{
    if ((((uintptr_t)x | (uintptr_t)y) & 3u) == 0) {
        for (; n >= 16; n -= 16, x += 16, y += 16) {
            const mce_push_word *const from = (const mce_push_word *)(const void *)x;
            mce_push_word *const to = (mce_push_word *)(void *)y;
            const uint32_t a = from[0], b = from[1], c = from[2], d = from[3];
            to[0] = a, to[1] = b, to[2] = c, to[3] = d;
        }
        for (; n >= 4; n -= 4, x += 4, y += 4) {
            *(mce_push_word *)(void *)y = *(const mce_push_word *)(const void *)x;
        }
    }
    for (; n >= 4; n -= 4, x += 4, y += 4) {
        y[0] = x[0], y[1] = x[1], y[2] = x[2], y[3] = x[3];
    }
    for (; n > 0; n--) {
        *y++ = *x++;
    }
}
#else
static void mce_push_bytes(const uint8_t *x, uint8_t *y, int32_t n)
{
    while (n-- > 0) {
        *y++ = *x++;
    }
}
#endif

/* y[r, i] = kept[r, more + i],  y[r, size - more + i] = x[r, i],  r < outer                           SPEC.md 4.34
 * Ascending: where y is kept, each element is read before anything lies there. */
void mce_push__c(const mce_push *p, const uint8_t *kept, const uint8_t *x, uint8_t *y)
{
    const int32_t stay = p->size - p->more, n = p->outer * p->size;
    for (int32_t r = 0; r < p->outer; r++) {
        const int32_t to = r * p->size, from = r * p->more;
        if (!mce_is_packed(p->type)) {
            mce_push_bytes(kept + to + p->more, y + to, stay);
            mce_push_bytes(x + from, y + to + stay, p->more);
            continue;
        }
        for (int32_t i = 0; i < stay; i++) {
            mce_store_any(p->type, y, to + i, n, mce_load(p->type, kept, to + p->more + i));
        }
        for (int32_t i = 0; i < p->more; i++) {
            mce_store_any(p->type, y, to + stay + i, n, mce_load(p->type, x, from + i));
        }
    }
}
