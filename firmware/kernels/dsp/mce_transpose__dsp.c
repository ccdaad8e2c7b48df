#include "mixcomp/internal/dsp.h"
#include "mixcomp/internal/strided.h"
#include "mixcomp/transpose.h"

/* Where four bytes of four rows lie, `from` bytes from one row to the next, and where they go, as columns. */
MCE_INLINE void square(const uint8_t *x, int32_t from, uint8_t *y, int32_t to)
{
    const uint32_t a = *(const mce_word_any *)x, b = *(const mce_word_any *)(x + from);
    const uint8_t *const third = x + 2 * from;
    const uint32_t c = *(const mce_word_any *)third, d = *(const mce_word_any *)(third + from);
    const uint32_t ab02 = mce_uxtb16(a) | mce_uxtb16(b) << 8, ab13 = mce_uxtb16_odd(a) | mce_uxtb16_odd(b) << 8;
    const uint32_t cd02 = mce_uxtb16(c) | mce_uxtb16(d) << 8, cd13 = mce_uxtb16_odd(c) | mce_uxtb16_odd(d) << 8;
    uint8_t *const below = y + 2 * to;
    *(mce_word_any *)y = (ab02 & 0xFFFFu) | cd02 << 16;
    *(mce_word_any *)(y + to) = (ab13 & 0xFFFFu) | cd13 << 16;
    *(mce_word_any *)below = ab02 >> 16 | (cd02 & 0xFFFF0000u);
    *(mce_word_any *)(below + to) = ab13 >> 16 | (cd13 & 0xFFFF0000u);
}

/* y[i][k] = x[k][i] by two loops, i and k in some order, four turns of each at a time, the last ones with those before. */
typedef struct turn {
    int32_t n, x_step, y_step;
} turn;

MCE_SHARED void turned(const uint8_t *x, int32_t from, uint8_t *y, int32_t to, turn outer, turn inner)
{
    for (int32_t i = 0; i < outer.n; i += 4) {
        const int32_t at = i + 4 <= outer.n ? i : outer.n - 4;
        const uint8_t *in = x + at * outer.x_step;
        uint8_t *out = y + at * outer.y_step;
        for (int32_t k = inner.n >> 2; k > 0; k--, in += 4 * inner.x_step, out += 4 * inner.y_step) {
            square(in, from, out, to);
        }
        if ((inner.n & 3) != 0) {
            const int32_t back = 4 - (inner.n & 3);
            square(in - back * inner.x_step, from, out - back * inner.y_step, to);
        }
    }
}

/* y[i, j, k, l] = x[...], the axes in another order; y has x's type                                    SPEC.md 4.17
 * Bytes that go on along one axis in x and along another in y go in squares of four times four, all others as in the
 * portable kernel. */
void mce_transpose__dsp(const mce_strided *p, const uint8_t *x, uint8_t *y)
{
    int32_t of_x = -1, of_y = -1, others[2] = {0, 0}, n = 0;
    for (int32_t loop = 0; loop < 4; loop++) {
        if (p->size[loop] >= 4 && p->x_step[loop] == 1 && of_x < 0) {
            of_x = loop;
        } else if (p->size[loop] >= 4 && p->y_step[loop] == 1 && of_y < 0) {
            of_y = loop;
        } else if (n < 2) {
            others[n++] = loop;
        }
    }
    if (mce_is_packed(p->type) || of_x < 0 || of_y < 0) {
        mce_strided_copy(p, x, y);
        return;
    }
    const int32_t from = p->x_step[of_y], to = p->y_step[of_x], outer = others[0], inner = others[1];
    const turn rows = {p->size[of_y], from, 1}, columns = {p->size[of_x], 1, to};
    for (int32_t i = 0; i < p->size[outer]; i++) {
        for (int32_t j = 0; j < p->size[inner]; j++) {
            const uint8_t *const in = x + p->start + i * p->x_step[outer] + j * p->x_step[inner];
            uint8_t *const out = y + i * p->y_step[outer] + j * p->y_step[inner];
            if (rows.n < columns.n) {
                turned(in, from, out, to, rows, columns);
            } else {
                turned(in, from, out, to, columns, rows);
            }
        }
    }
}
