/* Nine multiply-accumulates in one SMLAL: a product of polynomials in 2^13. X = x0 + x1 * 2^13 + x2 * 2^26 are three
 * neighbouring pixels of an input channel, W = w0 + w1 * 2^13 + w2 * 2^26 three taps of a row in reverse order, so that
 * field i of a sum of X * W is an output's sum over the taps that lie inside these pixels: of the first two outputs the
 * last taps, of the third all, of the next two the first ones, which join the next three pixels.
 *
 * The generator splits the reduction into blocks. A channel's fields begin at its own `start`, for which they stay within
 * 0 to 8191, the last one, which has but 12 bits and begins at start >> 1, within 0 to 4095, for every x; the bias takes
 * the starts back. What overflows on the way does no harm. Here four channels meet the triples of a row of pixels. */
#ifndef MIXCOMP_INTERNAL_TRIPLE_ROW_H
#define MIXCOMP_INTERNAL_TRIPLE_ROW_H

#include "mixcomp/internal/dsp.h"

/* A stretch of a reduction: bytes from x to where the first triple has it, and 16 * its length - 4, plus 1 where a block
 * ends with it or 2 where the last one does. */
typedef struct mce_triple_piece {
    int32_t at, span;
} mce_triple_piece;

#define MCE_TRIPLE_MORE 1
#define MCE_TRIPLE_LAST 2

/* The sums of a block, of four channels: how the low words begin without what the triple before carries over, and the
 * high words; or, as they go along a row, how both begin. */
typedef struct mce_triple_sums {
    uint32_t low[4], high[4];
} mce_triple_sums;

/* Read by the assembly at the offsets in brackets. */
typedef struct mce_triple_job {
    const mce_word *w;              /* [0] [n][4] */
    const mce_triple_piece *pieces; /* [4] */
    const mce_triple_sums *starts;  /* [8] [blocks] */
    mce_triple_sums *sums;          /* [12] [blocks] */
    const int32_t *bias, *m;        /* [16, 20] [4] */
    int32_t blocks;                 /* [24] */
    int32_t zero;                   /* [28] of y, in offset binary */
    uint8_t *y;                     /* [32] where the four outputs of position 0 go, and the residual's elements are */
    int32_t pitch;                  /* [36] bytes from there to position 1 */
    int32_t triple;                 /* [40] bytes to the next triple of x */
    const mce_word *x, *end;        /* [44, 48] the first triple, and behind the last */
    const int64_t
        *residual; /* [52] for each code of a residual element, what it adds to acc * m; null: there is none */
} mce_triple_job;

#if MCE_THUMB == 2

/* A field more or less, and the offsets above are wrong. */
typedef char mce_triple_job_is_as_the_assembly_reads_it[sizeof(mce_triple_job) == 56 ? 1 : -1];

/* Two elements of the reduction: r0 x, r1 w, r6 to r9 the low words of four channels, r10 to lr the high ones. */
#define MCE_TRIPLE_STEP(x)                                                                                             \
    "ldrd r4, r5, [r1], #8\n\t"                                                                                        \
    "smlal r6, r10, " x ", r4\n\t"                                                                                     \
    "smlal r7, r11, " x ", r5\n\t"                                                                                     \
    "ldrd r4, r5, [r1], #8\n\t"                                                                                        \
    "smlal r8, r12, " x ", r4\n\t"                                                                                     \
    "smlal r9, lr, " x ", r5\n\t"
#define MCE_TRIPLE_STEPS "ldrd r2, r3, [r0], #8\n\t" MCE_TRIPLE_STEP("r2") MCE_TRIPLE_STEP("r3")

/* Adds what a channel's three fields hold to its sums at r3 and puts them to r4; spends low and high. */
#define MCE_TRIPLE_FOLD(low, high)                                                                                     \
    "ubfx r0, " low ", #0, #13\n\t"                                                                                    \
    "ubfx r1, " low ", #13, #13\n\t"                                                                                   \
    "lsr r2, " low ", #26\n\t"                                                                                         \
    "bfi r2, " high ", #6, #7\n\t"                                                                                     \
    "ldm r3!, {r5, " low ", " high "}\n\t"                                                                             \
    "add r0, r0, r5\n\t"                                                                                               \
    "add r1, r1, " low "\n\t"                                                                                          \
    "add r2, r2, " high "\n\t"                                                                                         \
    "stm r4!, {r0-r2}\n\t"

/* An output in r0, r1 or r2, channel by channel: its sum, then its residual's code at bit 4 * channel of r; m in r6, the
 * table in r9. */
#define MCE_TRIPLE_JOIN(y, sum, r, bit)                                                                                \
    "ubfx r7, " r ", #" bit ", #4\n\t"                                                                                 \
    "add r7, r9, r7, lsl #3\n\t"                                                                                       \
    "ldm r7, {r7, r8}\n\t"                                                                                             \
    "smlal r7, r8, " sum ", r6\n\t" MCE_TRIPLE_PUT(y, sum, bit)
#define MCE_TRIPLE_PUT(y, sum, bit)                                                                                    \
    "usat " sum ", #4, r8\n\t"                                                                                         \
    "orr " y ", " y ", " sum ", lsl #" bit "\n\t"
#define MCE_TRIPLE_LOAD(m)                                                                                             \
    "ldm r12!, {r3-r5}\n\t"                                                                                            \
    "ldr r6, [sp, #" m "]\n\t"
#define MCE_TRIPLE_JOINS(m, bit)                                                                                       \
    MCE_TRIPLE_LOAD(m)                                                                                                 \
    MCE_TRIPLE_JOIN("r0", "r3", "r10", bit)                                                                            \
    MCE_TRIPLE_JOIN("r1", "r4", "r11", bit)                                                                            \
    MCE_TRIPLE_JOIN("r2", "r5", "lr", bit)

/* The same without a residual: leaves the outputs of the three positions in r0 to r2. */
#if MCE_DSP
#define MCE_TRIPLE_SCALE(m, a, b, c)                                                                                   \
    "ldr r12, [sp, #" m "]\n\t"                                                                                        \
    "smmlar " a ", " a ", r12, lr\n\t"                                                                                 \
    "smmlar " b ", " b ", r12, lr\n\t"                                                                                 \
    "smmlar " c ", " c ", r12, lr\n\t"                                                                                 \
    "usat " a ", #4, " a "\n\t"                                                                                        \
    "usat " b ", #4, " b "\n\t"                                                                                        \
    "usat " c ", #4, " c "\n\t"
#define MCE_TRIPLE_UNITE(a, b, c, bit)                                                                                 \
    "orr r0, r0, " a ", lsl #" bit "\n\t"                                                                              \
    "orr r1, r1, " b ", lsl #" bit "\n\t"                                                                              \
    "orr r2, r2, " c ", lsl #" bit "\n\t"
#define MCE_TRIPLE_OUTPUTS                                                                                             \
    "ldr lr, [sp, #36]\n\t"                                                                                            \
    "ldm r12, {r0-r11}\n\t" MCE_TRIPLE_SCALE("40", "r0", "r1", "r2") MCE_TRIPLE_SCALE("44", "r3", "r4", "r5")          \
        MCE_TRIPLE_SCALE("48", "r6", "r7", "r8") MCE_TRIPLE_SCALE("52", "r9", "r10", "r11")                            \
            MCE_TRIPLE_UNITE("r3", "r4", "r5", "4") MCE_TRIPLE_UNITE("r6", "r7", "r8", "8")                            \
                MCE_TRIPLE_UNITE("r9", "r10", "r11", "12")
#else
#define MCE_TRIPLE_SCALE(y, sum, bit)                                                                                  \
    "mov r7, #0x80000000\n\t"                                                                                          \
    "mov r8, r9\n\t"                                                                                                   \
    "smlal r7, r8, " sum ", r6\n\t" MCE_TRIPLE_PUT(y, sum, bit)
#define MCE_TRIPLE_SCALES(m, bit)                                                                                      \
    MCE_TRIPLE_LOAD(m)                                                                                                 \
    MCE_TRIPLE_SCALE("r0", "r3", bit) MCE_TRIPLE_SCALE("r1", "r4", bit) MCE_TRIPLE_SCALE("r2", "r5", bit)
#define MCE_TRIPLE_OUTPUTS                                                                                             \
    "ldr r9, [sp, #36]\n\t"                                                                                            \
    "mov r0, #0\n\t"                                                                                                   \
    "mov r1, #0\n\t"                                                                                                   \
    "mov r2, #0\n\t" MCE_TRIPLE_SCALES("40", "0") MCE_TRIPLE_SCALES("44", "4") MCE_TRIPLE_SCALES("48", "8")            \
        MCE_TRIPLE_SCALES("52", "12")
#endif

/* Four channels at three positions a triple. [sp] piece, end of w; [sp, #8] triple of x, y; [sp, #16] starts, sums of the
 * block; [sp, #24] the sums before it, job, w, zero or table; [sp, #40] m; [sp, #56] biases of four channels at three
 * positions; [sp, #104] their sums. First all that is the same along the row; nothing comes before the first triple, so
 * it carries over what the fields begin with. */
#define MCE_TRIPLE_BEGIN                                                                                               \
    "push {r4-r11, lr}\n\t"                                                                                            \
    "sub sp, sp, #156\n\t"                                                                                             \
    "str r0, [sp, #28]\n\t"                                                                                            \
    "ldrd r1, r2, [r0, #16]\n\t"                                                                                       \
    "ldm r1, {r4-r7}\n\t"                                                                                              \
    "ldm r2, {r8-r11}\n\t"                                                                                             \
    "add r1, sp, #40\n\t"                                                                                              \
    "stm r1, {r8-r11}\n\t"                                                                                             \
    "strd r4, r4, [sp, #56]\n\t"                                                                                       \
    "strd r4, r5, [sp, #64]\n\t"                                                                                       \
    "strd r5, r5, [sp, #72]\n\t"                                                                                       \
    "strd r6, r6, [sp, #80]\n\t"                                                                                       \
    "strd r6, r7, [sp, #88]\n\t"                                                                                       \
    "strd r7, r7, [sp, #96]\n\t"                                                                                       \
    "ldrd r1, r2, [r0, #8]\n\t"                                                                                        \
    "ldrd r3, r12, [r0, #24]\n\t"                                                                                      \
    "ldr lr, [r0, #52]\n\t"                                                                                            \
    "cmp lr, #0\n\t"                                                                                                   \
    "it ne\n\t"                                                                                                        \
    "movne r12, lr\n\t"                                                                                                \
    "str r12, [sp, #36]\n\t"                                                                                           \
    "1:\n\t"                                                                                                           \
    "ldm r1!, {r4-r11}\n\t"                                                                                            \
    "add r4, r4, r8, lsr #7\n\t"                                                                                       \
    "add r5, r5, r9, lsr #7\n\t"                                                                                       \
    "add r6, r6, r10, lsr #7\n\t"                                                                                      \
    "add r7, r7, r11, lsr #7\n\t"                                                                                      \
    "stm r2!, {r4-r11}\n\t"                                                                                            \
    "subs r3, r3, #1\n\t"                                                                                              \
    "bne 1b\n\t"                                                                                                       \
    "ldr r4, [r0, #32]\n\t"                                                                                            \
    "ldr r3, [r0, #44]\n\t"                                                                                            \
    "strd r3, r4, [sp, #8]\n\t"

/* 2: a triple; 3: a block, r1 w, r2 piece, r4 sums; 4: a piece; 5: leaves r2 4 less what the piece ends. */
#define MCE_TRIPLE_BLOCK                                                                                               \
    "2:\n\t"                                                                                                           \
    "ldr r0, [sp, #28]\n\t"                                                                                            \
    "add r5, sp, #56\n\t"                                                                                              \
    "ldrd r1, r2, [r0]\n\t"                                                                                            \
    "ldrd r3, r4, [r0, #8]\n\t"                                                                                        \
    "str r5, [sp, #24]\n\t"                                                                                            \
    "strd r3, r4, [sp, #16]\n\t"                                                                                       \
    "3:\n\t"                                                                                                           \
    "ldm r4, {r6-r12, lr}\n\t"                                                                                         \
    "4:\n\t"                                                                                                           \
    "ldr r5, [sp, #8]\n\t"                                                                                             \
    "ldrd r0, r3, [r2], #8\n\t"                                                                                        \
    "add r0, r0, r5\n\t"                                                                                               \
    "add r3, r3, r1\n\t"                                                                                               \
    "strd r2, r3, [sp]\n\t"                                                                                            \
    "5:\n\t" MCE_TRIPLE_STEPS MCE_TRIPLE_STEPS MCE_TRIPLE_STEPS MCE_TRIPLE_STEPS

/* Goes on with the piece, or the next one of the block. Else the fields join the sums, and what they carry over is how
 * the next triple begins; then on with the next block, if there is one. */
#define MCE_TRIPLE_FOLDS                                                                                               \
    "ldr r2, [sp, #4]\n\t"                                                                                             \
    "subs r2, r1, r2\n\t"                                                                                              \
    "bmi 5b\n\t"                                                                                                       \
    "cmp r2, #3\n\t" /* the flags last until blt */                                                                    \
    "ldr r2, [sp]\n\t"                                                                                                 \
    "bgt 4b\n\t"                                                                                                       \
    "ldrd r3, r4, [sp, #16]\n\t"                                                                                       \
    "str r1, [sp, #32]\n\t"                                                                                            \
    "ldm r3, {r0-r3}\n\t"                                                                                              \
    "add r0, r0, r10, lsr #7\n\t"                                                                                      \
    "add r1, r1, r11, lsr #7\n\t"                                                                                      \
    "add r2, r2, r12, lsr #7\n\t"                                                                                      \
    "add r3, r3, lr, lsr #7\n\t"                                                                                       \
    "stm r4, {r0-r3}\n\t"                                                                                              \
    "ldr r3, [sp, #24]\n\t"                                                                                            \
    "add r4, sp, #104\n\t" MCE_TRIPLE_FOLD("r6", "r10") MCE_TRIPLE_FOLD("r7", "r11") MCE_TRIPLE_FOLD("r8", "r12")      \
        MCE_TRIPLE_FOLD("r9", "lr")
#define MCE_TRIPLE_NEXT                                                                                                \
    "blt 6f\n\t"                                                                                                       \
    "ldrd r3, r4, [sp, #16]\n\t"                                                                                       \
    "add r5, sp, #104\n\t"                                                                                             \
    "ldr r1, [sp, #32]\n\t"                                                                                            \
    "ldr r2, [sp]\n\t"                                                                                                 \
    "add r3, r3, #32\n\t"                                                                                              \
    "add r4, r4, #32\n\t"                                                                                              \
    "str r5, [sp, #24]\n\t"                                                                                            \
    "strd r3, r4, [sp, #16]\n\t"                                                                                       \
    "b 3b\n\t"                                                                                                         \
    "6:\n\t"                                                                                                           \
    "ldr r0, [sp, #28]\n\t"                                                                                            \
    "add r12, sp, #104\n\t"                                                                                            \
    "ldr r1, [r0, #52]\n\t"                                                                                            \
    "cmp r1, #0\n\t"                                                                                                   \
    "bne 7f\n\t"

/* With a residual. */
#define MCE_TRIPLE_SUMS                                                                                                \
    "7:\n\t"                                                                                                           \
    "ldr r1, [sp, #12]\n\t"                                                                                            \
    "ldr r2, [r0, #36]\n\t"                                                                                            \
    "ldr r9, [sp, #36]\n\t"                                                                                            \
    "ldrh r10, [r1]\n\t"                                                                                               \
    "ldrh r11, [r1, r2]\n\t"                                                                                           \
    "ldrh lr, [r1, r2, lsl #1]\n\t"                                                                                    \
    "mov r0, #0\n\t"                                                                                                   \
    "mov r1, #0\n\t"                                                                                                   \
    "mov r2, #0\n\t" MCE_TRIPLE_JOINS("40", "0") MCE_TRIPLE_JOINS("44", "4") MCE_TRIPLE_JOINS("48", "8")               \
        MCE_TRIPLE_JOINS("52", "12")

#define MCE_TRIPLE_STORE                                                                                               \
    "8:\n\t"                                                                                                           \
    "ldr r12, [sp, #28]\n\t"                                                                                           \
    "ldrd r5, r3, [sp, #8]\n\t"                                                                                        \
    "ldrd r4, r6, [r12, #36]\n\t"                                                                                      \
    "ldr r7, [r12, #48]\n\t"                                                                                           \
    "strh r0, [r3]\n\t"                                                                                                \
    "strh r1, [r3, r4]\n\t"                                                                                            \
    "strh r2, [r3, r4, lsl #1]\n\t"                                                                                    \
    "add r3, r3, r4\n\t"                                                                                               \
    "add r5, r5, r6\n\t"                                                                                               \
    "add r3, r3, r4, lsl #1\n\t"                                                                                       \
    "cmp r5, r7\n\t"                                                                                                   \
    "strd r5, r3, [sp, #8]\n\t"                                                                                        \
    "bne 2b\n\t"                                                                                                       \
    "add sp, sp, #156\n\t"                                                                                             \
    "pop {r4-r11, pc}\n\t"

MCE_NAKED void mce_triple_row(MCE_IN_ASM const mce_triple_job *job)
{
    __asm__(MCE_TRIPLE_BEGIN MCE_TRIPLE_BLOCK MCE_TRIPLE_FOLDS MCE_TRIPLE_NEXT MCE_TRIPLE_OUTPUTS
            "b 8f\n\t" MCE_TRIPLE_SUMS MCE_TRIPLE_STORE);
}

/* mce_triple_make: eight polynomials of each three words at a, b and c, one of each three nibbles, until `end`. flip:
 * 0x88888888 where these are signed, else 0. A polynomial of the nibbles at a bit of the words r4 to r6, which are those of
 * a signed type plus 8; r9 is spent. */
#define MCE_TRIPLE_MAKE(to, bit)                                                                                       \
    "ubfx " to ", r4, #" bit ", #4\n\t"                                                                                \
    "ubfx r9, r5, #" bit ", #4\n\t"                                                                                    \
    "orr " to ", " to ", r9, lsl #13\n\t"                                                                              \
    "ubfx r9, r6, #" bit ", #4\n\t"                                                                                    \
    "orr " to ", " to ", r9, lsl #26\n\t"                                                                              \
    "sub " to ", " to ", r11\n\t"
#define MCE_TRIPLE_MAKE2(bit0, bit1) MCE_TRIPLE_MAKE("r7", bit0) MCE_TRIPLE_MAKE("r8", bit1) "strd r7, r8, [r0], #8\n\t"

MCE_NAKED void mce_triple_make(MCE_IN_ASM mce_word *to, MCE_IN_ASM const mce_word *end,
                               MCE_IN_ASM const mce_word_any *a, MCE_IN_ASM const mce_word_any *b,
                               MCE_IN_ASM const mce_word_any *c, MCE_IN_ASM uint32_t flip)
{
    __asm__("push {r4-r11, lr}\n\t"
            "ldrd r12, lr, [sp, #36]\n\t"
            "and r11, lr, #8\n\t"
            "orr r10, r11, r11, lsl #13\n\t"
            "orr r11, r10, r11, lsl #26\n\t"
            "1:\n\t"
            "ldr r4, [r2], #4\n\t"
            "ldr r5, [r3], #4\n\t"
            "ldr r6, [r12], #4\n\t"
            "eor r4, r4, lr\n\t"
            "eor r5, r5, lr\n\t"
            "eor r6, r6, lr\n\t" MCE_TRIPLE_MAKE2("0", "4") MCE_TRIPLE_MAKE2("8", "12") MCE_TRIPLE_MAKE2("16", "20")
                MCE_TRIPLE_MAKE2("24", "28") "cmp r0, r1\n\t"
                                             "bne 1b\n\t"
                                             "pop {r4-r11, pc}\n\t");
}

#else

/* The same in C, for PCs. */

static inline void mce_triple_make(mce_word *to, const mce_word *end, const mce_word_any *a, const mce_word_any *b,
                                   const mce_word_any *c, uint32_t flip)
{
    const uint32_t less = (flip & 8u) * (1u + (1u << 13) + (1u << 26));
    for (; to != end; a++, b++, c++) {
        for (uint32_t i = 0; i < 32; i += 4) {
            const uint32_t x0 = (*a ^ flip) >> i & 0x0Fu, x1 = (*b ^ flip) >> i & 0x0Fu, x2 = (*c ^ flip) >> i & 0x0Fu;
            *to++ = (x0 | x1 << 13 | x2 << 26) - less;
        }
    }
}

/* Adds n elements of a reduction to sums, and returns the end of w. */
MCE_INLINE const mce_word *mce_triple_add(uint64_t *sum /* [4] */, const mce_word *x, const mce_word *w, int32_t n)
{
    for (; n > 0; n--, x++, w += 4) {
        for (int32_t c = 0; c < 4; c++) {
            sum[c] += (uint64_t)((int64_t)(int32_t)*x * (int32_t)w[c]);
        }
    }
    return w;
}

static inline void mce_triple_row(const mce_triple_job *job)
{
    for (int32_t b = 0; b < job->blocks; b++) {
        job->sums[b] = job->starts[b];
        for (int32_t c = 0; c < 4; c++) {
            job->sums[b].low[c] += job->starts[b].high[c] >> 7;
        }
    }
    uint8_t *y = job->y;
    for (const mce_word *x = job->x; x != job->end; x += job->triple / 4, y += 3 * job->pitch) {
        const mce_word *w = job->w;
        const mce_triple_piece *piece = job->pieces;
        int32_t acc[4][3];
        for (int32_t c = 0; c < 4; c++) {
            acc[c][0] = acc[c][1] = acc[c][2] = job->bias[c];
        }
        for (int32_t b = 0; b < job->blocks; b++) {
            mce_triple_sums *const sums = job->sums + b;
            uint64_t sum[4];
            for (int32_t c = 0; c < 4; c++) {
                sum[c] = sums->low[c] | (uint64_t)sums->high[c] << 32;
            }
            do {
                w = mce_triple_add(sum, x + piece->at / 4, w, (piece->span + 4) >> 4);
            } while ((piece++->span & 3) == 0);
            for (int32_t c = 0; c < 4; c++) {
                for (int32_t i = 0; i < 3; i++) {
                    acc[c][i] = mce_wrap_add(acc[c][i], (int32_t)(sum[c] >> 13 * i & 0x1FFFu));
                }
                sums->low[c] = job->starts[b].low[c] + (uint32_t)(sum[c] >> 39);
            }
        }
        for (int32_t i = 0; i < 3; i++) {
            uint8_t *const to = y + i * job->pitch;
            uint32_t four = 0;
            for (int32_t c = 0; c < 4; c++) {
                const int64_t more = job->residual != 0 ? job->residual[to[c >> 1] >> 4 * (c & 1) & 0x0F]
                                                        : (int64_t)job->zero * ((int64_t)1 << 32) + ((int64_t)1 << 31);
                four |= mce_usat4((int32_t)(((int64_t)acc[c][i] * job->m[c] + more) >> 32)) << 4 * c;
            }
            to[0] = (uint8_t)(four & 0xFFu);
            to[1] = (uint8_t)(four >> 8);
        }
    }
}

#endif
#endif
