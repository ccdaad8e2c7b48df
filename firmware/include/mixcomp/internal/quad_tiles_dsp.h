/* The common case of internal/quad_dsp.h, in assembly: two pixels meet all channels, four at a time. Compilers spill a dozen registers around the inner loop; here a tile costs about 80
 * instructions besides it. */
#ifndef MIXCOMP_INTERNAL_QUAD_TILES_DSP_H
#define MIXCOMP_INTERNAL_QUAD_TILES_DSP_H

#include "mixcomp/internal/quad_dsp.h"

/* Read by the assembly at the offsets in brackets. */
typedef struct mce_quad_job {
    const mce_word *w;                   /* [0] */
    const mce_word *patches;             /* [4] as in mce_quad_pair */
    const mce_quad_block *blocks, *last; /* [8, 12] the first and the last block */
    const int32_t *bias;                 /* [16] of the next channel, advanced */
    const int32_t *m;                    /* [20] multipliers of the next four channels, advanced by */
    int32_t m_advance;                   /* [24] 16 bytes, or 0: all channels share four equal ones */
    int32_t zero;                        /* [28] of y, in offset binary */
    uint8_t *y0, *y1;        /* [32, 36] where the pixels' next channels go, advanced; y1 is written first */
    uint32_t flip;           /* [40] sign bits of four outputs */
    int32_t tiles;           /* [44] at least 1, counted down */
    const int64_t *residual; /* [48] for each code of a residual element, what it adds to acc * m */
    const uint8_t *r0, *r1;  /* [52, 56] the residual's next four elements, advanced */
    int32_t shift, bytes;    /* [60, 64] of q32, of bytes and dense; dense only, 1: y has 8-bit elements */
    mce_quad_split split;    /* [68, 72, 76] conv2d; of bytes in dense: offset of the sums, and elements of x */
} mce_quad_job;

/* mce_quad_tiles, mce_quad_tiles_add or mce_quad_tiles_bytes */
typedef const mce_word *mce_quad_run(mce_quad_job *job);

#if MCE_DSP

/* A field more or less, and the offsets above are wrong. */
typedef char mce_quad_job_is_as_the_assembly_reads_it[sizeof(mce_quad_job) == 80 ? 1 : -1];

#define MCE_QUAD_STEP_NIBBLES                                                                                          \
    "ldrd r8, r9, [r1], #8\n\t"                                                                                        \
    "ldrd r10, r11, [r0], #8\n\t"                                                                                      \
    "and r12, r2, r8\n\t"                                                                                              \
    "and lr, r2, r9\n\t"                                                                                               \
    "smlad r4, r10, r12, r4\n\t"                                                                                       \
    "smlad r6, r10, lr, r6\n\t"                                                                                        \
    "and r8, r2, r8, ror #8\n\t"                                                                                       \
    "and r9, r2, r9, ror #8\n\t"                                                                                       \
    "smlad r4, r11, r8, r4\n\t"                                                                                        \
    "smlad r6, r11, r9, r6\n\t"                                                                                        \
    "ldrd r10, r11, [r0], #8\n\t"                                                                                      \
    "smlad r5, r10, r12, r5\n\t"                                                                                       \
    "smlad r7, r10, lr, r7\n\t"                                                                                        \
    "smlad r5, r11, r8, r5\n\t"                                                                                        \
    "smlad r7, r11, r9, r7\n\t"

#define MCE_QUAD_STEP_LANES                                                                                            \
    "ldm r0!, {r8-r11}\n\t"                                                                                            \
    "ldrd r12, lr, [r1], #8\n\t"                                                                                       \
    "smlad r4, r8, r12, r4\n\t"                                                                                        \
    "smlad r5, r10, r12, r5\n\t"                                                                                       \
    "smlad r4, r9, lr, r4\n\t"                                                                                         \
    "smlad r5, r11, lr, r5\n\t"                                                                                        \
    "ldrd r12, lr, [r1], #8\n\t"                                                                                       \
    "smlad r6, r8, r12, r6\n\t"                                                                                        \
    "smlad r7, r10, r12, r7\n\t"                                                                                       \
    "smlad r6, r9, lr, r6\n\t"                                                                                         \
    "smlad r7, r11, lr, r7\n\t"

/* A tile up to its accumulators. r0 patches, r1 w, r2 mask, r3 end of the block, r4 to r7 sums a0 a1 b0 b1 of the pairs at
 * both pixels; [sp] job, [sp, #4] block, [sp, #8] what earlier blocks gave, with the biases: from lanes the sums of T and
 * then of S_b, from nibbles those of S_a, as 4096 * S_b stays in T. Leaves r12 job; of pixel 0 r8 r4 r10 r6, of pixel 1
 * r9 r5 r11 r7 (channels 0 to 3). */
#define MCE_QUAD_TILE_LANES                                                                                            \
    "ldr r2, [r12, #68]\n\t"                                                                                           \
    "ldm r3!, {r8-r11}\n\t"                                                                                            \
    "str r3, [r12, #16]\n\t"                                                                                           \
    "mla r8, r9, r2, r8\n\t"                                                                                           \
    "mla r10, r11, r2, r10\n\t"                                                                                        \
    "strd r8, r8, [sp, #8]\n\t"                                                                                        \
    "strd r10, r10, [sp, #16]\n\t"                                                                                     \
    "strd r9, r9, [sp, #24]\n\t"                                                                                       \
    "strd r11, r11, [sp, #32]\n\t"                                                                                     \
    "2:\n\t"                                                                                                           \
    "str lr, [sp, #4]\n\t"                                                                                             \
    "ldr r3, [lr, #8]\n\t"                                                                                             \
    "mov r4, #0\n\t"                                                                                                   \
    "mov r5, #0\n\t"                                                                                                   \
    "mov r6, #0\n\t"                                                                                                   \
    "mov r7, #0\n\t"                                                                                                   \
    "add r3, r1, r3, lsl #2\n\t"                                                                                       \
    "3:\n\t" MCE_QUAD_STEP_LANES MCE_QUAD_STEP_LANES "cmp r1, r3\n\t"                                                  \
    "bne 3b\n\t"                                                                                                       \
    "ldr r12, [sp]\n\t"                                                                                                \
    "ldr lr, [sp, #4]\n\t"                                                                                             \
    "ldrd r8, r9, [sp, #8]\n\t"                                                                                        \
    "ldrd r10, r11, [sp, #16]\n\t"                                                                                     \
    "ldr r2, [r12, #12]\n\t"                                                                                           \
    "ldr r3, [r12, #72]\n\t"                                                                                           \
    "cmp lr, r2\n\t" /* the flags last until beq */                                                                    \
    "add r8, r8, r4\n\t"                                                                                               \
    "add r9, r9, r5\n\t"                                                                                               \
    "add r10, r10, r6\n\t"                                                                                             \
    "add r11, r11, r7\n\t"                                                                                             \
    "ldrd r2, lr, [sp, #24]\n\t"                                                                                       \
    "smmlar r4, r4, r3, r2\n\t"                                                                                        \
    "smmlar r5, r5, r3, lr\n\t"                                                                                        \
    "ldrd r2, lr, [sp, #32]\n\t"                                                                                       \
    "smmlar r6, r6, r3, r2\n\t"                                                                                        \
    "smmlar r7, r7, r3, lr\n\t"                                                                                        \
    "beq 4f\n\t"                                                                                                       \
    "strd r8, r9, [sp, #8]\n\t"                                                                                        \
    "strd r10, r11, [sp, #16]\n\t"                                                                                     \
    "strd r4, r5, [sp, #24]\n\t"                                                                                       \
    "strd r6, r7, [sp, #32]\n\t"                                                                                       \
    "ldr lr, [sp, #4]\n\t"                                                                                             \
    "add lr, lr, #12\n\t"                                                                                              \
    "b 2b\n\t"                                                                                                         \
    "4:\n\t"                                                                                                           \
    "ldr r2, [r12, #68]\n\t"                                                                                           \
    "mls r8, r4, r2, r8\n\t"                                                                                           \
    "mls r9, r5, r2, r9\n\t"                                                                                           \
    "mls r10, r6, r2, r10\n\t"                                                                                         \
    "mls r11, r7, r2, r11\n\t"                                                                                         \
    "b 8f\n\t"
#define MCE_QUAD_TILE_NIBBLES                                                                                          \
    "str lr, [sp, #4]\n\t"                                                                                             \
    "ldr r8, [r3]\n\t"                                                                                                 \
    "ldr r9, [r3, #8]\n\t"                                                                                             \
    "strd r8, r8, [sp, #8]\n\t"                                                                                        \
    "strd r9, r9, [sp, #16]\n\t"                                                                                       \
    "ldrd r4, r5, [lr]\n\t"                                                                                            \
    "ldr r3, [lr, #8]\n\t"                                                                                             \
    "mov r6, r4\n\t"                                                                                                   \
    "mov r7, r5\n\t"                                                                                                   \
    "add r3, r1, r3, lsl #1\n\t"                                                                                       \
    "6:\n\t" MCE_QUAD_STEP_NIBBLES MCE_QUAD_STEP_NIBBLES "cmp r1, r3\n\t"                                              \
    "bne 6b\n\t"                                                                                                       \
    "ldr r12, [sp]\n\t"                                                                                                \
    "ldr lr, [sp, #4]\n\t"                                                                                             \
    "ldrd r8, r9, [sp, #8]\n\t"                                                                                        \
    "ldrd r10, r11, [sp, #16]\n\t"                                                                                     \
    "ldr r3, [r12, #12]\n\t"                                                                                           \
    "cmp lr, r3\n\t" /* the flags last until beq */                                                                    \
    "sbfx r3, r4, #0, #12\n\t"                                                                                         \
    "sub r4, r4, r3\n\t"                                                                                               \
    "add r8, r8, r3\n\t"                                                                                               \
    "sbfx r3, r5, #0, #12\n\t"                                                                                         \
    "sub r5, r5, r3\n\t"                                                                                               \
    "add r9, r9, r3\n\t"                                                                                               \
    "sbfx r3, r6, #0, #12\n\t"                                                                                         \
    "sub r6, r6, r3\n\t"                                                                                               \
    "add r10, r10, r3\n\t"                                                                                             \
    "sbfx r3, r7, #0, #12\n\t"                                                                                         \
    "sub r7, r7, r3\n\t"                                                                                               \
    "add r11, r11, r3\n\t"                                                                                             \
    "beq 7f\n\t"                                                                                                       \
    "strd r8, r9, [sp, #8]\n\t"                                                                                        \
    "strd r10, r11, [sp, #16]\n\t"                                                                                     \
    "ldrd r8, r9, [lr, #12]!\n\t"                                                                                      \
    "ldr r3, [lr, #8]\n\t"                                                                                             \
    "str lr, [sp, #4]\n\t"                                                                                             \
    "add r4, r4, r8\n\t"                                                                                               \
    "add r6, r6, r8\n\t"                                                                                               \
    "add r5, r5, r9\n\t"                                                                                               \
    "add r7, r7, r9\n\t"                                                                                               \
    "add r3, r1, r3, lsl #1\n\t"                                                                                       \
    "b 6b\n\t"                                                                                                         \
    "7:\n\t"                                                                                                           \
    "ldr r3, [r12, #16]\n\t"                                                                                           \
    "ldr r0, [r3, #4]\n\t"                                                                                             \
    "ldr lr, [r3, #12]\n\t"                                                                                            \
    "add r3, r3, #16\n\t"                                                                                              \
    "str r3, [r12, #16]\n\t"                                                                                           \
    "add r4, r0, r4, asr #12\n\t"                                                                                      \
    "add r5, r0, r5, asr #12\n\t"                                                                                      \
    "add r6, lr, r6, asr #12\n\t"                                                                                      \
    "add r7, lr, r7, asr #12\n\t"
#define MCE_QUAD_TILE                                                                                                  \
    "push {r4-r11, lr}\n\t"                                                                                            \
    "sub sp, sp, #44\n\t"                                                                                              \
    "str r0, [sp]\n\t"                                                                                                 \
    "ldr r1, [r0]\n\t"                                                                                                 \
    "1:\n\t"                                                                                                           \
    "ldr r12, [sp]\n\t"                                                                                                \
    "ldr r2, [r12, #76]\n\t"                                                                                           \
    "ldrd r0, lr, [r12, #4]\n\t"                                                                                       \
    "ldr r3, [r12, #16]\n\t"                                                                                           \
    "cmp r2, #0\n\t"                                                                                                   \
    "bne 5f\n\t" MCE_QUAD_TILE_LANES "5:\n\t" MCE_QUAD_TILE_NIBBLES "8:\n\t"

/* Stores the saturated outputs of a tile, goes on with the next, returns the end of w. bits of an output, and of two; how
 * four are stored, in so many bytes. */
#define MCE_QUAD_STORE(bits, two, store, bytes)                                                                        \
    "orr r8, r8, r4, lsl #" bits "\n\t"                                                                                \
    "orr r10, r10, r6, lsl #" bits "\n\t"                                                                              \
    "orr r9, r9, r5, lsl #" bits "\n\t"                                                                                \
    "orr r11, r11, r7, lsl #" bits "\n\t"                                                                              \
    "ldr r3, [r12, #40]\n\t"                                                                                           \
    "ldrd r0, lr, [r12, #32]\n\t"                                                                                      \
    "orr r8, r8, r10, lsl #" two "\n\t"                                                                                \
    "orr r9, r9, r11, lsl #" two "\n\t"                                                                                \
    "eor r8, r8, r3\n\t"                                                                                               \
    "eor r9, r9, r3\n\t"                                                                                               \
    "ldr r3, [r12, #44]\n\t" store " r9, [lr], #" bytes "\n\t" store " r8, [r0], #" bytes "\n\t"                       \
    "strd r0, lr, [r12, #32]\n\t"                                                                                      \
    "subs r3, r3, #1\n\t"                                                                                              \
    "str r3, [r12, #44]\n\t"                                                                                           \
    "bne 1b\n\t"                                                                                                       \
    "mov r0, r1\n\t"                                                                                                   \
    "add sp, sp, #44\n\t"                                                                                              \
    "pop {r4-r11, pc}\n\t"

/* Two outputs of a channel with the multiplier at m: clamp(zero + q32(acc, m, 0)). */
#define MCE_QUAD_SCALE(bits, m, pixel0, pixel1)                                                                        \
    "ldr r3, [r0, #" m "]\n\t"                                                                                         \
    "smmlar " pixel0 ", " pixel0 ", r3, lr\n\t"                                                                        \
    "smmlar " pixel1 ", " pixel1 ", r3, lr\n\t"                                                                        \
    "usat " pixel0 ", #" bits ", " pixel0 "\n\t"                                                                       \
    "usat " pixel1 ", #" bits ", " pixel1 "\n\t"

/* job->tiles tiles of 4-bit outputs. Returns the end of w. */
MCE_NAKED const mce_word *mce_quad_tiles(MCE_IN_ASM mce_quad_job *job)
{
    __asm__(MCE_QUAD_TILE "ldr r0, [r12, #20]\n\t"
                          "ldrd r2, lr, [r12, #24]\n\t" MCE_QUAD_SCALE("4", "0", "r8", "r9")
                              MCE_QUAD_SCALE("4", "4", "r4", "r5") MCE_QUAD_SCALE("4", "8", "r10", "r11")
                                  MCE_QUAD_SCALE("4", "12", "r6",
                                                 "r7") "add r0, r0, r2\n\t"
                                                       "str r0, [r12, #20]\n\t" MCE_QUAD_STORE("4", "8", "strh", "2"));
}

/* As MCE_QUAD_SCALE, with a shift, in r2. */
#define MCE_QUAD_SHIFT_AND_SCALE(m, pixel0, pixel1)                                                                    \
    "lsl " pixel0 ", " pixel0 ", r2\n\t"                                                                               \
    "lsl " pixel1 ", " pixel1 ", r2\n\t" MCE_QUAD_SCALE("8", m, pixel0, pixel1)

/* The same with outputs of 8 bits and any shift. */
MCE_NAKED const mce_word *mce_quad_tiles_bytes(MCE_IN_ASM mce_quad_job *job)
{
    __asm__(MCE_QUAD_TILE "ldr r0, [r12, #20]\n\t"
                          "ldr r2, [r12, #60]\n\t"
                          "ldr lr, [r12, #28]\n\t" MCE_QUAD_SHIFT_AND_SCALE("0", "r8", "r9")
                              MCE_QUAD_SHIFT_AND_SCALE("4", "r4", "r5") MCE_QUAD_SHIFT_AND_SCALE("8", "r10", "r11")
                                  MCE_QUAD_SHIFT_AND_SCALE("12", "r6", "r7") "ldr r2, [r12, #24]\n\t"
                                                                             "add r0, r0, r2\n\t"
                                                                             "str r0, [r12, #20]\n\t" MCE_QUAD_STORE(
                                                                                 "8", "16", "str", "4"));
}

/* An output with what its residual adds: r0 table, lr the residual's elements of both pixels, r3 multiplier. */
#define MCE_QUAD_JOIN(acc, bit)                                                                                        \
    "ubfx r1, lr, #" bit ", #4\n\t"                                                                                    \
    "add r1, r0, r1, lsl #3\n\t"                                                                                       \
    "ldrd r1, r2, [r1]\n\t"                                                                                            \
    "smlal r1, r2, " acc ", r3\n\t"                                                                                    \
    "usat " acc ", #4, r2\n\t"
#define MCE_QUAD_JOIN2(m, pixel0, bit0, pixel1, bit1)                                                                  \
    "ldr r3, [r12, #20]\n\t"                                                                                           \
    "ldr r3, [r3, #" m "]\n\t" MCE_QUAD_JOIN(pixel0, bit0) MCE_QUAD_JOIN(pixel1, bit1)

/* 4-bit outputs with a residual of 4 bits. */
MCE_NAKED const mce_word *mce_quad_tiles_add(MCE_IN_ASM mce_quad_job *job)
{
    __asm__(MCE_QUAD_TILE "str r1, [sp, #4]\n\t"
                          "ldrd r0, r1, [r12, #52]\n\t"
                          "ldrh lr, [r0], #2\n\t"
                          "ldrh r2, [r1], #2\n\t"
                          "strd r0, r1, [r12, #52]\n\t"
                          "orr lr, lr, r2, lsl #16\n\t"
                          "ldr r0, [r12, #48]\n\t" MCE_QUAD_JOIN2("0", "r8", "0", "r9", "16")
                              MCE_QUAD_JOIN2("4", "r4", "4", "r5", "20") MCE_QUAD_JOIN2("8", "r10", "8", "r11", "24")
                                  MCE_QUAD_JOIN2("12", "r6", "12", "r7",
                                                 "28") "ldrd r0, r1, [r12, #20]\n\t"
                                                       "add r0, r0, r1\n\t"
                                                       "str r0, [r12, #20]\n\t"
                                                       "ldr r1, [sp, #4]\n\t" MCE_QUAD_STORE("4", "8", "strh", "2"));
}

/* As mce_quad_tiles, of lanes that are decoded and sums of one block: what a tile costs besides its loop, 64 instructions
 * for 90. A pair's sum of both, less base times the high one with its bias, is the low one less base times that bias.
 * sp: [0] job, [4, 8] ends of the patches. */
#define MCE_ALONE_PART(sum, high, bias, both)                                                                          \
    "smmlar " high ", " sum ", lr, " bias "\n\t"                                                                       \
    "mls " sum ", " high ", r2, " sum "\n\t"                                                                           \
    "add " sum ", " sum ", " both "\n\t"
#define MCE_ALONE_SCALE(m, pixel0, pixel1)                                                                             \
    "smmlar " pixel0 ", " pixel0 ", " m ", lr\n\t"                                                                     \
    "smmlar " pixel1 ", " pixel1 ", " m ", lr\n\t"                                                                     \
    "usat " pixel0 ", #4, " pixel0 "\n\t"                                                                              \
    "usat " pixel1 ", #4, " pixel1 "\n\t"
MCE_NAKED const mce_word *mce_quad_tiles_alone(MCE_IN_ASM mce_quad_job *job)
{
    __asm__("push {r4-r11, lr}\n\t"
            "sub sp, sp, #12\n\t"
            "ldr r1, [r0]\n\t"
            "ldrd r2, r3, [r0, #4]\n\t"
            "ldr r3, [r3, #8]\n\t"
            "add r3, r2, r3, lsl #2\n\t"
            "str r0, [sp]\n\t"
            "strd r2, r3, [sp, #4]\n\t"
            "1:\n\t"
            "ldrd r0, r3, [sp, #4]\n\t"
            "mov r4, #0\n\t"
            "mov r5, #0\n\t"
            "mov r6, #0\n\t"
            "mov r7, #0\n\t"
            "2:\n\t" MCE_QUAD_STEP_LANES MCE_QUAD_STEP_LANES "cmp r0, r3\n\t"
            "bne 2b\n\t"
            "ldr r12, [sp]\n\t"
            "ldr r3, [r12, #16]\n\t"
            "ldrd r2, lr, [r12, #68]\n\t"
            "ldm r3!, {r8-r11}\n\t"
            "str r3, [r12, #16]\n\t"
            "mla r8, r9, r2, r8\n\t"
            "mla r10, r11, r2, r10\n\t" MCE_ALONE_PART("r4", "r0", "r9", "r8") MCE_ALONE_PART("r5", "r3", "r9", "r8")
                MCE_ALONE_PART("r6", "r9", "r11", "r10") MCE_ALONE_PART(
                    "r7", "r11", "r11",
                    "r10") "ldr r2, [r12, #20]\n\t"
                           "ldr lr, [r12, #28]\n\t"
                           "ldrd r8, r10, [r2]\n\t" MCE_ALONE_SCALE("r8", "r4", "r5") MCE_ALONE_SCALE(
                               "r10", "r0", "r3") "ldrd r8, r10, [r2, #8]\n\t" MCE_ALONE_SCALE("r8", "r6", "r7")
                               MCE_ALONE_SCALE("r10", "r9", "r11") "ldr r8, [r12, #24]\n\t"
                                                                   "add r2, r2, r8\n\t"
                                                                   "str r2, [r12, #20]\n\t"
                                                                   "orr r4, r4, r0, lsl #4\n\t"
                                                                   "orr r6, r6, r9, lsl #4\n\t"
                                                                   "orr r5, r5, r3, lsl #4\n\t"
                                                                   "orr r7, r7, r11, lsl #4\n\t"
                                                                   "add r12, r12, #32\n\t"
                                                                   "ldm r12, {r2, r3, r8, r9}\n\t"
                                                                   "orr r4, r4, r6, lsl #8\n\t"
                                                                   "orr r5, r5, r7, lsl #8\n\t"
                                                                   "eor r4, r4, r8\n\t"
                                                                   "eor r5, r5, r8\n\t"
                                                                   "strh r5, [r3], #2\n\t"
                                                                   "strh r4, [r2], #2\n\t"
                                                                   "subs r9, r9, #1\n\t"
                                                                   "stm r12, {r2, r3, r8, r9}\n\t"
                                                                   "bne 1b\n\t"
                                                                   "mov r0, r1\n\t"
                                                                   "add sp, sp, #12\n\t"
                                                                   "pop {r4-r11, pc}\n\t");
}

#else

/* What an output has besides its scaled sum: c is its channel in the tile, r the four residuals of its pixel. */
typedef int64_t mce_quad_term(const mce_quad_job *job, const uint8_t *r, int32_t c);

MCE_INLINE int64_t mce_quad_by_table(const mce_quad_job *job, const uint8_t *r, int32_t c)
{
    return job->residual != 0 ? job->residual[r[c >> 1] >> 4 * (c & 1) & 0x0F]
                              : (int64_t)job->zero * ((int64_t)1 << 32) + ((int64_t)1 << 31);
}

/* The same in C, for PCs. bits of an output: 4 or 8; residuals: bytes of four. */
MCE_INLINE const mce_word *mce_quad_tiles_in_c(mce_quad_job *job, uint32_t bits, int32_t residuals, mce_quad_term *term)
{
    const mce_quad_block *const end = job->last + 1;
    const mce_word *w = job->w;
    int32_t n = 0;
    for (const mce_quad_block *block = job->blocks; block != end; block++) {
        n += block->size;
    }
    const int32_t second = job->split.mask != 0 ? 1 : 2; /* words to the second pair */
    for (; job->tiles > 0; job->tiles--, w += second * n / 2) {
        const int32_t *const bias = job->bias;
        int32_t acc[4][2]; /* channel, pixel */
        for (int32_t c = 0; c < 4; c++) {
            acc[c][0] = acc[c][1] = bias[c];
        }
        mce_quad_pair(&job->split, job->patches, job->blocks, end, w, 2, acc[0], acc[1]);
        mce_quad_pair(&job->split, job->patches, job->blocks, end, w + second, 2, acc[2], acc[3]);
        uint32_t four[2] = {job->flip, job->flip};
        for (int32_t i = 0; i < 2; i++) {
            const uint8_t *const r = i == 0 ? job->r0 : job->r1;
            for (int32_t c = 0; c < 4; c++) {
                const int32_t shifted = (int32_t)((uint32_t)acc[c][i] << job->shift);
                const int32_t v = (int32_t)(((int64_t)shifted * job->m[c] + term(job, r, c)) >> 32);
                four[i] ^= (bits == 4 ? mce_usat4(v) : mce_usat8(v)) << bits * (uint32_t)c;
            }
        }
        if (job->residual != 0) {
            job->r0 += residuals, job->r1 += residuals;
        }
        if (bits == 4) {
            *(mce_half_any *)job->y1 = (uint16_t)four[1];
            *(mce_half_any *)job->y0 = (uint16_t)four[0];
        } else {
            *(mce_word_any *)job->y1 = four[1];
            *(mce_word_any *)job->y0 = four[0];
        }
        job->bias += 4, job->m += job->m_advance / 4, job->y0 += bits / 2, job->y1 += bits / 2;
    }
    return w;
}

static inline const mce_word *mce_quad_tiles(mce_quad_job *job)
{ return mce_quad_tiles_in_c(job, 4, 2, mce_quad_by_table); }

static inline const mce_word *mce_quad_tiles_add(mce_quad_job *job)
{ return mce_quad_tiles_in_c(job, 4, 2, mce_quad_by_table); }

static inline const mce_word *mce_quad_tiles_bytes(mce_quad_job *job)
{ return mce_quad_tiles_in_c(job, 8, 2, mce_quad_by_table); }

static inline const mce_word *mce_quad_tiles_alone(mce_quad_job *job)
{ return mce_quad_tiles_add(job); }

#endif
#endif
