/* Tiles of internal/quad_tiles_dsp.h with outputs of 8 bits that a residual of 8 or 4 bits joins. */
#ifndef MIXCOMP_INTERNAL_QUAD_SUMS_DSP_H
#define MIXCOMP_INTERNAL_QUAD_SUMS_DSP_H

#include "mixcomp/internal/quad_tiles_dsp.h"

/* What mce_quad_tiles_sums reads at job->residual: terms[0] what every output has besides its sum and its residual;
 * terms[1] the residual's shift (low word) and multiplier; terms[2] the sign bits of four elements, as bytes, and whether
 * they are packed. */
MCE_INLINE void mce_quad_terms(const mce_sink *s, int64_t *terms /* [3] */)
{
    const mce_tensor *const r = &s->add->r;
    const int32_t packed = mce_is_packed(r->type), offset = mce_offset_binary(r->type);
    const int64_t more = (int64_t)(offset * ((int32_t)1 << s->add->r_shift)) * s->add->r_multiplier;
    terms[0] = s->rounding + (int64_t)s->zero * ((int64_t)1 << 32) - more;
    terms[1] = s->add->r_multiplier * ((int64_t)1 << 32) + s->add->r_shift;
    terms[2] = packed * ((int64_t)1 << 32) + (int64_t)offset * 0x01010101;
}

#if MCE_DSP

/* An output: [sp, #8] terms[0], r0 multiplier and r12 shift of the residual, which lies at [sp, #r], lr multiplier. */
#define MCE_SUMS_JOIN(acc, r)                                                                                          \
    "ldrb r3, [sp, #" r "]\n\t"                                                                                        \
    "ldrd r1, r2, [sp, #8]\n\t"                                                                                        \
    "lsl r3, r3, r12\n\t"                                                                                              \
    "smlal r1, r2, r3, r0\n\t"                                                                                         \
    "smlal r1, r2, " acc ", lr\n\t"                                                                                    \
    "usat " acc ", #8, r2\n\t"
#define MCE_SUMS_JOIN2(m, pixel0, r0, pixel1, r1)                                                                      \
    "ldr lr, [sp, #" m "]\n\t" MCE_SUMS_JOIN(pixel0, r0) MCE_SUMS_JOIN(pixel1, r1)
#define MCE_SUMS_SHIFT(pixel0, pixel1)                                                                                 \
    "lsl " pixel0 ", " pixel0 ", r0\n\t"                                                                               \
    "lsl " pixel1 ", " pixel1 ", r0\n\t"
/* Four elements of 4 bits become bytes. */
#define MCE_SUMS_SPREAD(v)                                                                                             \
    "orr " v ", " v ", " v ", lsl #8\n\t"                                                                              \
    "bic " v ", " v ", #0xff00\n\t"                                                                                    \
    "orr " v ", " v ", " v ", lsl #4\n\t"                                                                              \
    "and " v ", " v ", #0x0f0f0f0f\n\t"

/* job->tiles tiles. Returns the end of w. sp: [4] w, [16, 20] residuals of both pixels, [24] multipliers. */
MCE_NAKED const mce_word *mce_quad_tiles_sums(MCE_IN_ASM mce_quad_job *job)
{
    __asm__(MCE_QUAD_TILE "str r1, [sp, #4]\n\t"
                          "ldr r0, [r12, #60]\n\t" MCE_SUMS_SHIFT("r8", "r9") MCE_SUMS_SHIFT("r4", "r5")
                              MCE_SUMS_SHIFT("r10", "r11") MCE_SUMS_SHIFT("r6", "r7") /* the four channels */
            "ldrd r0, r1, [r12, #20]\n\t"
            "add r1, r0, r1\n\t"
            "str r1, [r12, #20]\n\t"
            "ldm r0, {r0-r3}\n\t"
            "strd r0, r1, [sp, #24]\n\t"
            "strd r2, r3, [sp, #32]\n\t"
            "ldr lr, [r12, #48]\n\t"
            "ldrd r0, r1, [r12, #52]\n\t"
            "ldr r2, [lr, #20]\n\t"
            "cbz r2, 9f\n\t"
            "ldrh r2, [r0], #2\n\t"
            "ldrh r3, [r1], #2\n\t" MCE_SUMS_SPREAD("r2") MCE_SUMS_SPREAD(
                "r3") "b 10f\n\t"
                      "9:\n\t"
                      "ldr r2, [r0], #4\n\t"
                      "ldr r3, [r1], #4\n\t"
                      "10:\n\t"
                      "strd r0, r1, [r12, #52]\n\t"
                      "ldr r0, [lr, #16]\n\t"
                      "eor r2, r2, r0\n\t"
                      "eor r3, r3, r0\n\t"
                      "strd r2, r3, [sp, #16]\n\t"
                      "ldrd r0, r1, [lr]\n\t"
                      "strd r0, r1, [sp, #8]\n\t"
                      "ldr r12, [lr, #8]\n\t"
                      "ldr r0, [lr, #12]\n\t" MCE_SUMS_JOIN2("24", "r8", "16", "r9", "20")
                          MCE_SUMS_JOIN2("28", "r4", "17", "r5", "21") MCE_SUMS_JOIN2("32", "r10", "18", "r11", "22")
                              MCE_SUMS_JOIN2("36", "r6", "19", "r7",
                                             "23") "ldr r12, [sp]\n\t"
                                                   "ldr r1, [sp, #4]\n\t" MCE_QUAD_STORE("8", "16", "str", "4"));
}

#else

/* The same in C, for PCs. */
MCE_INLINE int64_t mce_quad_by_terms(const mce_quad_job *job, const uint8_t *r, int32_t c)
{
    const int64_t *const terms = job->residual;
    const int32_t multiplier = (int32_t)(terms[1] >> 32), shift = (int32_t)(terms[1] & 31);
    const uint32_t sign = (uint32_t)terms[2] & 0xFFu;
    const uint32_t element = terms[2] >> 32 != 0 ? (uint32_t)r[c >> 1] >> 4 * (c & 1) & 0x0Fu : r[c];
    return terms[0] + (int64_t)((int32_t)(element ^ sign) * ((int32_t)1 << shift)) * multiplier;
}

static inline const mce_word *mce_quad_tiles_sums(mce_quad_job *job)
{ return mce_quad_tiles_in_c(job, 8, job->residual[2] >> 32 != 0 ? 2 : 4, mce_quad_by_terms); }

#endif
#endif
