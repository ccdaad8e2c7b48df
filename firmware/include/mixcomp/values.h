/* A model's input and output element by element: integers q and the real numbers scale * (q - zero). SPEC.md 1 and 6
 * Elements of 8 bits take a byte each; of 4 bits two share one, the even index in the low nibble; of 16 bits two, the low
 * one first. */
#ifndef MIXCOMP_VALUES_H
#define MIXCOMP_VALUES_H

#include "mixcomp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Element i of a tensor, -32768..65535. */
static inline int32_t mce_value_get(mce_type type, const void *tensor, int32_t i)
{
    const uint8_t *const bytes = (const uint8_t *)tensor;
    if (type == MCE_U4 || type == MCE_S4) {
        const int32_t nibble = (bytes[i >> 1] >> ((i & 1) * 4)) & 15;
        return type == MCE_S4 ? (nibble ^ 8) - 8 : nibble;
    }
    if (type == MCE_U16 || type == MCE_S16) {
        const int32_t both = bytes[2 * i] | bytes[2 * i + 1] << 8;
        return type == MCE_S16 ? (both ^ 32768) - 32768 : both;
    }
    return type == MCE_S8 ? (bytes[i] ^ 128) - 128 : bytes[i];
}

/* Makes q element i of a tensor; q fits the type. The spare nibble of an odd tensor must be 0: clear the tensor once. */
static inline void mce_value_set(mce_type type, void *tensor, int32_t i, int32_t q)
{
    uint8_t *const bytes = (uint8_t *)tensor;
    if (type == MCE_U4 || type == MCE_S4) {
        const int32_t at = (i & 1) * 4;
        bytes[i >> 1] = (uint8_t)((bytes[i >> 1] & (0xF0 >> at)) | (q & 15) << at);
    } else if (type == MCE_U16 || type == MCE_S16) {
        bytes[2 * i] = (uint8_t)q;
        bytes[2 * i + 1] = (uint8_t)(q >> 8);
    } else {
        bytes[i] = (uint8_t)q;
    }
}

/* The q of a real number: x / scale + zero, rounded half up and clamped. What is not a number becomes zero. */
static inline int32_t mce_nearest_value(mce_type type, float scale, int32_t zero, float x)
{
    const int32_t wide = type == MCE_U16 || type == MCE_S16, end = wide ? 131072 : 1024;
    const int32_t low = type == MCE_S4 ? -8 : type == MCE_S8 ? -128 : type == MCE_S16 ? -32768 : 0;
    const int32_t high = type == MCE_U4    ? 15
                         : type == MCE_S4  ? 7
                         : type == MCE_U8  ? 255
                         : type == MCE_S8  ? 127
                         : type == MCE_U16 ? 65535
                                           : 32767;
    const float steps = x / scale + 0.5f;
    int32_t q = 0;
    if (steps > -(float)end && steps < (float)end) {
        q = (int32_t)steps;
        q -= (float)q > steps ? 1 : 0; /* floor */
    } else if (steps == steps) {
        q = steps > 0.0f ? end : -end;
    }
    q += zero;
    return q < low ? low : q > high ? high : q;
}

/* 1 if all elements of a tensor are below limit, else 0. */
static inline int32_t mce_values_below(mce_type type, const void *tensor, int32_t count, int32_t limit)
{
    int32_t i;
    for (i = 0; i < count; i++) {
        if (mce_value_get(type, tensor, i) >= limit) {
            return 0;
        }
    }
    return 1;
}

/* The index of the largest of the elements first .. first + count - 1, counted from first; of equals the lowest. */
static inline int32_t mce_largest_value(mce_type type, const void *tensor, int32_t first, int32_t count)
{
    int32_t best = 0, i;
    for (i = 1; i < count; i++) {
        if (mce_value_get(type, tensor, first + i) > mce_value_get(type, tensor, first + best)) {
            best = i;
        }
    }
    return best;
}

#ifdef __cplusplus
}
#endif
#endif
