#include "mixcomp/internal/rescale_dsp.h"
#include "mixcomp/concat.h"

/* y[r, offset + i] = clamp(y.zero + q32(x[r, i] - x.zero, m, s)),  r < outer, i < block                SPEC.md 4.6
 * |x - x.zero| * 2^s < 2^31 (lowering proves it). Rows of different inputs may share a byte of y, as in the portable
 * kernel. */
void mce_concat__dsp(const mce_concat *p, const uint8_t *x, /* [outer][block] */
                     uint8_t *y /* [outer][stride] */)
{
    const int32_t n = p->outer * p->stride;
    const mce_rescaler by = mce_rescaler_of(p->x_type, p->x_zero, p->y_type, p->y_zero, &p->requant, n);
    const mce_row_places rows = {p->block, p->stride, p->offset};
    mce_rescale_all(&by, &rows, x, y);
}
