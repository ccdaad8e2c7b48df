#include "mixcomp/internal/rescale_dsp.h"
#include "mixcomp/prelu.h"

/* The code of y, in offset binary, for a flipped code of x. SMMLAR takes a multiplier of either sign: that of a falling
 * slope and x - x.zero change signs together. */
MCE_INLINE uint32_t sloped(const mce_rescaler *by, const int32_t *slope, uint32_t code, int32_t packed)
{
    const int32_t v = (int32_t)(code * (uint32_t)by->factor + (uint32_t)by->offset), m = v < 0 ? *slope : by->m;
    const int32_t y = mce_smmlar(v, m, by->zero);
    return packed ? mce_usat4(y) : mce_usat8(y);
}

/* y[at..] = x[at..], n of them, one by one. */
MCE_SHARED void few(const mce_rescaler *by, const int32_t *slope, const uint8_t *x, uint8_t *y, int32_t at, int32_t n)
{
    const int32_t x_packed = mce_is_packed(by->x_type), y_packed = mce_is_packed(by->y_type);
    const uint32_t x_flip = by->x_flip & (x_packed ? 0x0Fu : 0xFFu);
    for (; n > 0; n--, at++) {
        const uint32_t code = (uint32_t)(x_packed ? x[at >> 1] >> (at & 1) * 4 & 0x0F : x[at]) ^ x_flip;
        mce_store_any(by->y_type, y, at, by->total,
                      (int32_t)(sloped(by, slope++, code, y_packed) ^ (by->y_flip & 0xFFu)));
    }
}

/* Pixel by pixel, four channels at a time from whole bytes to whole bytes. */
MCE_INLINE void pixels(const mce_rescaler *of, const int32_t *slopes, int32_t channels, int32_t x_packed,
                       int32_t y_packed, const uint8_t *x, uint8_t *y)
{
    const mce_rescaler by = *of;
    const uint32_t from = x_packed ? 4 : 8, to = y_packed ? 4 : 8, mask = x_packed ? 0x0Fu : 0xFFu;
    for (int32_t start = 0; start < by.total; start += channels) {
        const int32_t first = (x_packed || y_packed) && (start & 1) != 0 ? 1 : 0;
        if (first != 0) {
            few(of, slopes, x, y, start, 1);
        }
        const uint8_t *in = x + mce_pair_bytes(x_packed, start + first);
        uint8_t *out = y + mce_pair_bytes(y_packed, start + first);
        const int32_t *slope = slopes + first;
        int32_t left = channels - first;
        for (; left >= 4; left -= 4, slope += 4) {
            const uint32_t v = (x_packed ? *(const mce_half_any *)in : *(const mce_word_any *)in) ^ by.x_flip;
            uint32_t four = sloped(&by, slope, v & mask, y_packed);
            four |= sloped(&by, slope + 1, v >> from & mask, y_packed) << to;
            four |= sloped(&by, slope + 2, v >> 2 * from & mask, y_packed) << 2 * to;
            four |= sloped(&by, slope + 3, v >> 3 * from & mask, y_packed) << 3 * to;
            if (y_packed) {
                *(mce_half_any *)out = (uint16_t)(four ^ by.y_flip);
            } else {
                *(mce_word_any *)out = four ^ by.y_flip;
            }
            in += x_packed ? 2 : 4;
            out += y_packed ? 2 : 4;
        }
        if (left > 0) {
            few(of, slope, x, y, start + channels - left, left);
        }
    }
}

/* y = clamp(y.zero + q32(v, m[0])) for v = x - x.zero >= 0, else clamp(y.zero + q32(v, m[1 + c]))      SPEC.md 4.14
 * |v| * 2^s < 2^31 (lowering proves it). In place: elements are read before those in their bytes are written. */
void mce_prelu__dsp(const mce_prelu *p, const uint8_t *x, uint8_t *y) /* each [y.h][y.w][y.c] */
{
    const int32_t x_packed = mce_is_packed(p->x.type), y_packed = mce_is_packed(p->y.type), channels = p->y.c;
    const int32_t *const slopes = p->requant.multiplier + 1;
    const mce_rescaler by =
        mce_rescaler_of(p->x.type, p->x.zero, p->y.type, p->y.zero, &p->requant, p->y.h * p->y.w * channels);
    if (x_packed && y_packed) {
        pixels(&by, slopes, channels, 1, 1, x, y);
    } else if (x_packed) {
        pixels(&by, slopes, channels, 1, 0, x, y);
    } else if (y_packed) {
        pixels(&by, slopes, channels, 0, 1, x, y);
    } else {
        pixels(&by, slopes, channels, 0, 0, x, y);
    }
}
