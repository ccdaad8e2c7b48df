/* Types that generated models and kernels share. SPEC.md says what they mean, to the bit.
 * No function here or in the kernels allocates, keeps state, or does I/O: all memory is the caller's.
 *
 * A kernel is mce_<op>_<act>_<weight>__<isa>: left of __ what it computes (equal to the bit on every ISA), right of it how.
 * act is the type of x (u4 s4 u8 s8), weight what a code is (fx4, w4 by table, w4x2 of two channels, w8 a level); y may have
 * any type. Operators without weights take the types at run time. mixcomp/<op>.h has its parameters and its kernels. */
#ifndef MIXCOMP_TYPES_H
#define MIXCOMP_TYPES_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum mce_status {
    MCE_OK = 0,
    MCE_ERR_NULL = 1,  /* a pointer is NULL */
    MCE_ERR_ALIGN = 2, /* the arena does not start at a multiple of 4 */
    MCE_ERR_INPUT = 3, /* an input holds a token that the model does not know */
    MCE_ERR_STATE = 4  /* a state was not started by this model */
} mce_status;

/* Activation types, SPEC.md 1. 4-bit types are packed two to a byte, even index in the low nibble; elements of 16 bits are
 * two bytes, the low one first, and only operators that say so in SPEC.md make or read them. */
typedef enum mce_type { MCE_U4 = 0, MCE_S4 = 1, MCE_U8 = 2, MCE_S8 = 3, MCE_U16 = 4, MCE_S16 = 5 } mce_type;

/* A quantized tensor (h, w, c), channels last; a vector is (1, 1, c), of four axes (d, h, w, c) the first two are one. Real value = scale * (q - zero). */
typedef struct mce_tensor {
    int32_t h, w, c;
    int32_t zero;
    mce_type type;
} mce_tensor;

/* How an accumulator becomes an output: y = clamp(zero + (((acc << shift) * multiplier + 2^31) >> 32)). SPEC.md 3 */
typedef struct mce_requant {
    const int32_t *multiplier; /* [channels] when per_channel, else [1]; 0 <= m < 2^31 */
    int32_t per_channel;       /* 1: multiplier[o], 0: multiplier[0] */
    int32_t shift;             /* 0..30 */
} mce_requant;

/* Scratch lies in the caller's arena, whatever type that was declared with. */
#if defined(__GNUC__)
typedef int16_t __attribute__((__may_alias__)) mce_scratch;
#else
typedef int16_t mce_scratch;
#endif

/* A sliding window: kernel, stride, dilation, and the padding before the first row and column. */
typedef struct mce_window {
    uint16_t kh, kw;
    uint16_t sh, sw;
    uint16_t dh, dw;
    uint16_t top, left;
} mce_window;

#ifdef __cplusplus
}
#endif
#endif
