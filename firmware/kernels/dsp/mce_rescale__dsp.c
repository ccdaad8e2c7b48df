#include "mixcomp/internal/rescale_dsp.h"
#include "mixcomp/rescale.h"

/* y = clamp(y.zero + q32(x - x.zero, m, s))                                                            SPEC.md 4.5
 * |x - x.zero| * 2^s < 2^31 (lowering proves it). In place: elements are read before those in their bytes are written. */
void mce_rescale__dsp(const mce_rescale *p, const uint8_t *x, uint8_t *y) /* each [y.h][y.w][y.c] */
{
    const int32_t n = p->y.h * p->y.w * p->y.c;
    const mce_rescaler by = mce_rescaler_of(p->x.type, p->x.zero, p->y.type, p->y.zero, &p->requant, n);
    const mce_row_places rows = {n, n, 0};
    mce_rescale_all(&by, &rows, x, y);
}
