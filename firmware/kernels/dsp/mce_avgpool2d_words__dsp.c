#include "mixcomp/internal/avgpool2d_words.h"
#include "mixcomp/internal/dsp_output.h"

/* |sum (x - x.zero)| * 2^s < 2^31, as for every q32. */
MCE_INLINE void store(const mce_pool2d *p, uint8_t *y, int32_t at, const mce_pool_sums *sums)
{
    const mce_type type = p->y.type;
    const int32_t packed = mce_is_packed(type), zero = p->y.zero + mce_offset_binary(type), shift = p->requant.shift;
    const int32_t m = p->requant.multiplier[p->requant.per_channel != 0 ? sums->m : 0];
    const uint32_t flip = type == MCE_S4 ? 0x88u : type == MCE_S8 ? 0x8080u : 0;
    uint8_t *to = y + mce_pair_bytes(packed, at);
    for (int32_t h = 0; h < 2; h++) {
        for (int32_t i = h; i < 2 * sums->parts; i += 4, to += packed ? 1 : 2) {
            const int32_t a = mce_smmlar((int32_t)((uint32_t)mce_pool_sum(sums, i) << shift), m, zero);
            const int32_t b = mce_smmlar((int32_t)((uint32_t)mce_pool_sum(sums, i + 2) << shift), m, zero);
            const uint32_t both = packed ? mce_usat4(a) | mce_usat4(b) << 4 : mce_usat8(a) | mce_usat8(b) << 8;
            mce_sink_store(packed, to, both ^ flip);
        }
    }
}

/* y[h,w,c] = clamp(y.zero + q32(sum (x - x.zero), m[n], s)) over the n elements of the window inside x  SPEC.md 4.7 */
void mce_avgpool2d_words__dsp(const mce_pool2d *p, const uint8_t *x, /* [x.h][x.w][x.c] */
                              uint8_t *y /* [y.h][y.w][y.c] */)
{ mce_avgpool2d_words(p, x, y, store); }
