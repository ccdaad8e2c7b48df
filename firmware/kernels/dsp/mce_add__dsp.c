#include "mixcomp/internal/pairs_dsp.h"
#include "mixcomp/add.h"

static void operand(const mce_tensor *x, int32_t n, mce_operand *to)
{
    const mce_operand made = {x->type, x->zero, {1, 1, 1, n}, {0, 0, 0, 1}};
    *to = made;
}

/* y = clamp(y.zero + (((a - a.zero)*ma + (b - b.zero)*mb + 2^(s-1)) >> s))                             SPEC.md 4.4
 * As the portable kernel; s is 2 at least. */
void mce_add__dsp(const mce_add *p, const uint8_t *a, const uint8_t *b, uint8_t *y, /* each [y.h][y.w][y.c] */
                  mce_scratch *scratch)
{
    mce_pair pair;
    pair.n = p->y.h * p->y.w * p->y.c;
    operand(&p->a, pair.n, &pair.a);
    operand(&p->b, pair.n, &pair.b);
    pair.y_type = p->y.type;
    pair.y_zero = p->y.zero;
    pair.a_multiplier = p->a_multiplier;
    pair.b_multiplier = p->b_multiplier;
    pair.shift = p->shift;
    mce_pairs_dsp(&pair, a, b, y, scratch, mce_join_sum, 1, 1);
}
