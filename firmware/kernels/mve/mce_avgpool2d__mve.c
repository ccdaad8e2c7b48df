#include "mixcomp/avgpool2d.h"
#include "mixcomp/internal/output_mve.h"
#include "mixcomp/internal/window.h"

/* y[h,w,c] = clamp(y.zero + q32(sum (x - x.zero), m[n], s)) over the n elements of the window inside x  SPEC.md 4.7
 * Sixteen channels at a time, even and odd ones apart. Signed types run as x + 8 or x + 128, so each sum stays in 16 bits:
 * kh*kw*15 or kh*kw*255 < 2^16 (packing channels16). */
void mce_avgpool2d__mve(const mce_pool2d *p, const uint8_t *x, /* [x.h][x.w][x.c] */
                        uint8_t *y /* [y.h][y.w][y.c] */)
{
    const mce_window *const k = &p->window;
    const int32_t packed = mce_is_packed(p->x.type), y_packed = mce_is_packed(p->y.type);
    const int32_t pixel = packed ? p->x.c >> 1 : p->x.c, shift = p->requant.shift;
    const mce_mve_sink sink = mce_mve_sink_of(&p->y, &p->requant, 0, y, 0);
    const mce_q flip = mce_q_bytes(mce_mve_sign_bits(p->x.type)), sign = mce_q_bytes(sink.flip);
    const mce_q low = mce_q_bytes(0x0F), bytes = mce_q_words(0x00FF00FF);
    for (int32_t h = 0; h < p->y.h; h++) {
        const int32_t row = h * k->sh - k->top;
        const mce_span rows = mce_taps_inside(row, k->dh, k->kh, p->x.h);
        for (int32_t w = 0; w < p->y.w; w++) {
            const int32_t column = w * k->sw - k->left;
            const mce_span columns = mce_taps_inside(column, k->dw, k->kw, p->x.w);
            const int32_t n = (rows.end - rows.first) * (columns.end - columns.first); /* >= 1 */
            const int32_t offset = -n * (p->x.zero - mce_type_min(p->x.type));
            const mce_q m = mce_q_words(p->requant.multiplier[p->requant.per_channel != 0 ? n - 1 : 0]);
            for (int32_t c = 0; c < p->x.c; c += 16, y += y_packed ? 8 : 16) {
                mce_q even = mce_q_words(0), odd = even;
                for (int32_t i = rows.first; i < rows.end; i++) {
                    const int32_t start = (row + i * k->dh) * p->x.w + column + columns.first * k->dw;
                    const uint8_t *from = x + start * pixel + (packed ? c >> 1 : c);
                    for (int32_t j = columns.end - columns.first; j > 0; j--, from += k->dw * pixel) {
                        if (packed) {
                            const mce_q v = mce_q_xor(mce_q_load_halves(from), mce_q_and(flip, bytes));
                            even = mce_q_add16(even, mce_q_and(v, low));
                            odd = mce_q_add16(odd, mce_q_high_down(v));
                        } else {
                            const mce_q v = mce_q_xor(mce_q_load(from), flip);
                            even = mce_q_add16(even, mce_q_and(v, bytes));
                            odd = mce_q_add16(odd, mce_q_half_down(v));
                        }
                    }
                }
                mce_q quarter[4] = {mce_q_unsigned_even(even), mce_q_unsigned_even(odd), mce_q_unsigned_odd(even),
                                    mce_q_unsigned_odd(odd)};
                for (int32_t i = 0; i < 4; i++) {
                    const mce_q sum = mce_q_shift(mce_q_add_all(quarter[i], offset), shift);
                    quarter[i] = mce_q_add_all(mce_q_mul_round(sum, m), sink.zero);
                }
                if (y_packed) {
                    const mce_q v = mce_mve_join4(1, mce_mve_join2(1, quarter[0], quarter[1]), quarter[2], quarter[3]);
                    mce_mve_store16(1, y, mce_q_xor(v, sign), 16);
                } else {
                    const mce_q v = mce_mve_join4(0, mce_mve_join2(0, quarter[0], quarter[1]), quarter[2], quarter[3]);
                    mce_mve_store16(0, y, mce_q_xor(v, sign), 16);
                }
            }
        }
    }
}
