/* Convolutions of 1x1 with 4-bit inputs and weights of any format: four channels meet four pixels, so that a word of either
 * serves as many products as it can.
 *
 * As in internal/quad_dsp.h a lane is w_a + base * w_b in a halfword, decoded once for all pixels. Inputs are gathered less
 * 8, so that sums lie around 0 and most low channels' stay below half the base over the whole reduction, for every x; else it
 * is split into blocks (plan/packing/points.py proves it). An output is clamp((sum * (m >> (12 - s)) + offset) >> 20), with an offset
 * for which this equals clamp(y.zero + q32(bias + sum, m, s)) for each sum that the channel can have. */
#ifndef MIXCOMP_INTERNAL_CONV2D_POINTS_DSP_H
#define MIXCOMP_INTERNAL_CONV2D_POINTS_DSP_H

#include "mixcomp/internal/quad_dsp.h"

enum { MCE_POINTS_RECORD = 8 }; /* words behind the lanes of four channels: m, offset of channels 1, 0, 3, 2 */

/* Four pixels meet all channels. Read by the assembly at the offsets in brackets. */
typedef struct mce_points_job {
    const mce_word *w;             /* [0] of each four channels [K/2][2] lanes of both pairs, and a record */
    const mce_word *patches, *end; /* [4, 8] [K/2][4]; where the first block ends */
    int32_t base, reciprocal;      /* [12, 16] as in mce_quad_split */
    uint8_t *y;                    /* [20] where the next outputs of the first pixel go, advanced */
    int32_t tiles;                 /* [24] at least 1, counted down */
    int32_t at1, at2, at3;         /* [28, 32, 36] bytes to those of the other pixels; the first is written last */
    uint32_t flip;                 /* [40] sign bits of four outputs */
    const uint32_t *sizes;         /* [44] bytes of patches in each block but the first, then 0 */
} mce_points_job;

#if MCE_DSP

/* A field more or less, and the offsets above are wrong. */
typedef char mce_points_job_is_as_the_assembly_reads_it[sizeof(mce_points_job) == 48 ? 1 : -1];

/* Two elements: r0 patches, r1 w, r2 to r5 the sums of the first pair of channels, r6 to r9 of the second. */
#define MCE_POINTS_STEP                                                                                                \
    "ldrd r12, lr, [r1], #8\n\t"                                                                                       \
    "ldrd r10, r11, [r0], #16\n\t"                                                                                     \
    "smlad r2, r10, r12, r2\n\t"                                                                                       \
    "smlad r3, r11, r12, r3\n\t"                                                                                       \
    "smlad r6, r10, lr, r6\n\t"                                                                                        \
    "smlad r7, r11, lr, r7\n\t"                                                                                        \
    "ldr r10, [r0, #-8]\n\t"                                                                                           \
    "ldr r11, [r0, #-4]\n\t"                                                                                           \
    "smlad r4, r10, r12, r4\n\t"                                                                                       \
    "smlad r5, r11, r12, r5\n\t"                                                                                       \
    "smlad r8, r10, lr, r8\n\t"                                                                                        \
    "smlad r9, r11, lr, r9\n\t"
#define MCE_POINTS_BEGIN                                                                                               \
    "ldrd r12, lr, [r1], #8\n\t"                                                                                       \
    "ldrd r10, r11, [r0], #16\n\t"                                                                                     \
    "smuad r2, r10, r12\n\t"                                                                                           \
    "smuad r3, r11, r12\n\t"                                                                                           \
    "smuad r6, r10, lr\n\t"                                                                                            \
    "smuad r7, r11, lr\n\t"                                                                                            \
    "ldr r10, [r0, #-8]\n\t"                                                                                           \
    "ldr r11, [r0, #-4]\n\t"                                                                                           \
    "smuad r4, r10, r12\n\t"                                                                                           \
    "smuad r5, r11, r12\n\t"                                                                                           \
    "smuad r8, r10, lr\n\t"                                                                                            \
    "smuad r9, r11, lr\n\t"
#define MCE_POINTS_PART(t, high)                                                                                       \
    "smmulr " high ", " t ", r11\n\t"                                                                                  \
    "mls " t ", " high ", r10, " t "\n\t"
#define MCE_POINTS_SCALE(v)                                                                                            \
    "mla " v ", " v ", r10, r11\n\t"                                                                                   \
    "usat " v ", #4, " v ", asr #20\n\t"
/* Outputs of a pair of channels from its sums at four pixels, which they replace; its record begins at record. Spends r0,
 * r1 and r10 to lr; `more` may add to the low channel's sums. [sp] base and reciprocal, [sp, #8] records. */
#define MCE_POINTS_PAIR(t0, t1, t2, t3, more, record, low)                                                             \
    "ldrd r10, r11, [sp]\n\t" MCE_POINTS_PART(t0, "r0") MCE_POINTS_PART(t1, "r1") MCE_POINTS_PART(t2, "r12")           \
        MCE_POINTS_PART(t3, "lr") more                                                                                 \
        "ldr r10, [sp, #8]\n\t"                                                                                        \
        "ldrd r10, r11, [r10, #" record "]\n\t" MCE_POINTS_SCALE("r0") MCE_POINTS_SCALE("r1") MCE_POINTS_SCALE("r12")  \
            MCE_POINTS_SCALE("lr") "ldr r10, [sp, #8]\n\t"                                                             \
                                   "ldrd r10, r11, [r10, #" low "]\n\t" MCE_POINTS_SCALE(t0) MCE_POINTS_SCALE(t1)      \
                                       MCE_POINTS_SCALE(t2) MCE_POINTS_SCALE(t3) "orr " t0 ", " t0 ", r0, lsl #4\n\t"  \
                                                                                 "orr " t1 ", " t1 ", r1, lsl #4\n\t"  \
                                                                                 "orr " t2 ", " t2 ", r12, lsl #4\n\t" \
                                                                                 "orr " t3 ", " t3 ", lr, lsl #4\n\t"

/* Between blocks: what the low channels of each sum have so far goes to the stack, what the high ones have stays. */
#define MCE_POINTS_TAKE(t, place)                                                                                      \
    "smmulr r10, " t ", lr\n\t"                                                                                        \
    "ldr r11, [sp, #" place "]\n\t"                                                                                    \
    "mls r10, r10, r12, " t "\n\t"                                                                                     \
    "sub " t ", " t ", r10\n\t"                                                                                        \
    "add r11, r11, r10\n\t"                                                                                            \
    "str r11, [sp, #" place "]\n\t"
/* [sp, #24] the sizes of further blocks; r12 where this one ended, which [sp, #16] says. */
#define MCE_POINTS_NEXT                                                                                                \
    "ldr lr, [sp, #24]\n\t"                                                                                            \
    "ldr r10, [lr], #4\n\t"                                                                                            \
    "cmp r10, #0\n\t"                                                                                                  \
    "beq 4f\n\t"                                                                                                       \
    "add r12, r12, r10\n\t"                                                                                            \
    "str r12, [sp, #16]\n\t"                                                                                           \
    "str lr, [sp, #24]\n\t"                                                                                            \
    "ldrd r12, lr, [sp]\n\t" MCE_POINTS_TAKE("r2", "32") MCE_POINTS_TAKE("r3", "36") MCE_POINTS_TAKE("r4", "40")       \
        MCE_POINTS_TAKE("r5", "44") MCE_POINTS_TAKE("r6", "48") MCE_POINTS_TAKE("r7", "52")                            \
            MCE_POINTS_TAKE("r8", "56") MCE_POINTS_TAKE("r9", "60") "b 2b\n\t"                                         \
                                                                    "4:\n\t"
#define MCE_POINTS_MORE(t0, t1, t2, t3, place01, place23)                                                              \
    "ldrd r10, r11, [sp, #" place01 "]\n\t"                                                                            \
    "add " t0 ", " t0 ", r10\n\t"                                                                                      \
    "add " t1 ", " t1 ", r11\n\t"                                                                                      \
    "ldrd r10, r11, [sp, #" place23 "]\n\t"                                                                            \
    "add " t2 ", " t2 ", r10\n\t"                                                                                      \
    "add " t3 ", " t3 ", r11\n\t"
/* A tile with blocks begins with the first one and nothing in the low channels. */
#define MCE_POINTS_FIRST                                                                                               \
    "ldr r12, [sp, #12]\n\t"                                                                                           \
    "mov r10, #0\n\t"                                                                                                  \
    "mov r11, #0\n\t"                                                                                                  \
    "ldr r2, [r12, #8]\n\t"                                                                                            \
    "ldr r3, [r12, #44]\n\t"                                                                                           \
    "str r2, [sp, #16]\n\t"                                                                                            \
    "str r3, [sp, #24]\n\t"                                                                                            \
    "strd r10, r11, [sp, #32]\n\t"                                                                                     \
    "strd r10, r11, [sp, #40]\n\t"                                                                                     \
    "strd r10, r11, [sp, #48]\n\t"                                                                                     \
    "strd r10, r11, [sp, #56]\n\t"

/* [sp, #12] the job, [sp, #16] end of the block, [sp, #20] patches. */
#define MCE_POINTS_TILES(first, next, more0, more1)                                                                    \
    __asm__("push {r4-r11, lr}\n\t"                                                                                    \
            "sub sp, sp, #68\n\t"                                                                                      \
            "ldm r0, {r1, r2, r3, r4, r5}\n\t"                                                                         \
            "strd r4, r5, [sp]\n\t"                                                                                    \
            "strd r0, r3, [sp, #12]\n\t"                                                                               \
            "str r2, [sp, #20]\n\t"                                                                                    \
            "1:\n\t" first "ldr r0, [sp, #20]\n\t" MCE_POINTS_BEGIN "b 3f\n\t"                                         \
            "2:\n\t" MCE_POINTS_STEP "3:\n\t" MCE_POINTS_STEP MCE_POINTS_STEP MCE_POINTS_STEP "ldr r12, [sp, #16]\n\t" \
            "cmp r0, r12\n\t"                                                                                          \
            "bne 2b\n\t" next "str r1, [sp, #8]\n\t" MCE_POINTS_PAIR("r2", "r3", "r4", "r5", more0, "0", "8")          \
                MCE_POINTS_PAIR("r6", "r7", "r8", "r9", more1, "16", "24") "ldr r12, [sp, #12]\n\t"                    \
                                                                           "ldr r1, [sp, #8]\n\t"                      \
                                                                           "add r12, r12, #20\n\t"                     \
                                                                           "orr r2, r2, r6, lsl #8\n\t"                \
                                                                           "orr r3, r3, r7, lsl #8\n\t"                \
                                                                           "orr r4, r4, r8, lsl #8\n\t"                \
                                                                           "orr r5, r5, r9, lsl #8\n\t"                \
                                                                           "ldm r12, {r6-r11}\n\t"                     \
                                                                           "add r1, r1, #32\n\t"                       \
                                                                           "eor r2, r2, r11\n\t"                       \
                                                                           "eor r3, r3, r11\n\t"                       \
                                                                           "eor r4, r4, r11\n\t"                       \
                                                                           "eor r5, r5, r11\n\t"                       \
                                                                           "strh r5, [r6, r10]\n\t"                    \
                                                                           "strh r4, [r6, r9]\n\t"                     \
                                                                           "strh r3, [r6, r8]\n\t"                     \
                                                                           "strh r2, [r6], #2\n\t"                     \
                                                                           "subs r7, r7, #1\n\t"                       \
                                                                           "strd r6, r7, [r12]\n\t"                    \
                                                                           "bne 1b\n\t"                                \
                                                                           "add sp, sp, #68\n\t"                       \
                                                                           "pop {r4-r11, pc}\n\t")

MCE_NAKED void mce_points_tiles(MCE_IN_ASM mce_points_job *job)
{ MCE_POINTS_TILES("", "", "", ""); }

/* The same with several blocks. */
MCE_NAKED void mce_points_tiles_blocks(MCE_IN_ASM mce_points_job *job)
{
    MCE_POINTS_TILES(MCE_POINTS_FIRST, MCE_POINTS_NEXT, MCE_POINTS_MORE("r2", "r3", "r4", "r5", "32", "40"),
                     MCE_POINTS_MORE("r6", "r7", "r8", "r9", "48", "56"));
}

#else

/* The same in C, for PCs. */
static inline void mce_points_tiles_blocks(mce_points_job *job)
{
    const int32_t at[4] = {0, job->at1, job->at2, job->at3};
    const mce_word *w = job->w;
    for (; job->tiles > 0; job->tiles--, job->y += 2) {
        int32_t low[2][4] = {{0, 0, 0, 0}, {0, 0, 0, 0}}, high[2][4] = {{0, 0, 0, 0}, {0, 0, 0, 0}};
        const mce_word *x = job->patches, *end = job->end;
        for (const uint32_t *size = job->sizes;; end += *size++ / 4) {
            int32_t t[2][4] = {{0, 0, 0, 0}, {0, 0, 0, 0}};
            for (; x != end; x += 4, w += 2) {
                for (int32_t i = 0; i < 8; i++) {
                    t[i >> 2][i & 3] = mce_smlad(x[i & 3], w[i >> 2], t[i >> 2][i & 3]);
                }
            }
            for (int32_t i = 0; i < 8; i++) {
                const int32_t sum = t[i >> 2][i & 3], b = mce_smmlar(sum, job->reciprocal, 0);
                low[i >> 2][i & 3] += sum - b * job->base;
                high[i >> 2][i & 3] += b;
            }
            if (*size == 0) {
                break;
            }
        }
        for (int32_t i = 3; i >= 0; i--) {
            uint32_t four = job->flip;
            for (int32_t pair = 0; pair < 2; pair++) {
                const mce_word *const by = w + 4 * pair;
                four ^= mce_usat4((int32_t)((uint32_t)low[pair][i] * by[2] + by[3]) >> 20) << 8 * pair;
                four ^= mce_usat4((int32_t)((uint32_t)high[pair][i] * by[0] + by[1]) >> 20) << (8 * pair + 4);
            }
            *(mce_half_any *)(job->y + at[i]) = (uint16_t)four;
        }
        w += MCE_POINTS_RECORD;
    }
}

static inline void mce_points_tiles(mce_points_job *job)
{ mce_points_tiles_blocks(job); }

#endif

/* The lanes and records of all channels. */
MCE_INLINE void mce_points_weights(const mce_conv2d *p, int32_t base, mce_word *w)
{
    const int32_t m_step = p->requant.per_channel != 0 ? 1 : 0, *m = p->requant.multiplier;
    const mce_word *codes = (const mce_word *)p->codes;
    for (const int32_t *k = p->bias, *const end = k + p->y.c; k != end; k += 4, m += 4 * m_step) {
        codes = mce_quad_decode(codes, (const int16_t *)p->levels, base, w, 2 * p->x.c);
        w += p->x.c;
        for (int32_t i = 0; i < 4; i++, w += 2) {
            w[0] = (uint32_t)m[(i ^ 1) * m_step] >> (12 - p->requant.shift);
            w[1] = (uint32_t)k[i ^ 1];
        }
    }
}

/* n elements of a pixel, less 8, to every fourth word. */
MCE_INLINE void mce_points_gather(mce_type type, const uint8_t *x, int32_t n, mce_word *to)
{
    uint32_t mask = 0x000F000Fu, eight = 0x00080008u;
    MCE_IN_REGISTER(mask);
    MCE_IN_REGISTER(eight);
    for (const uint8_t *const end = x + n / 2; x != end; x += 4, to += 16) {
        const uint32_t v = *(const mce_word_any *)x ^ (type == MCE_S4 ? 0x88888888u : 0);
        to[0] = mce_ssub16(v & mask, eight);
        to[4] = mce_ssub16(v >> 4 & mask, eight);
        to[8] = mce_ssub16(v >> 8 & mask, eight);
        to[12] = mce_ssub16(v >> 12 & mask, eight);
    }
}

/* acc[o] = bias[o] + sum_c level(o,c) * x[h,w,c]
 * y[h,w,o] = clamp(y.zero + q32(acc[o], m[o], s))                                                      SPEC.md 4.1
 * x and y of 4 bits, no groups, x.c a multiple of 8, y.c of 4. codes: packing points; bias: the offsets; p->blocks: the base
 * of lanes, two bytes, and lengths as in mce_conv2d. scratch: [K/2][4] words for four pixels; of each four channels [K]
 * words of lanes and a record; [blocks] words. */
MCE_INLINE void mce_conv2d_points(mce_type type, const mce_conv2d *p, const uint8_t *x, uint8_t *y,
                                  mce_scratch *scratch)
{
    const int32_t n = p->x.c, pixels = p->y.h * p->y.w, x_pixel = n >> 1, y_pixel = p->y.c >> 1;
    mce_word *const patches = (mce_word *)(void *)scratch, *const w = patches + 2 * n;
    mce_word *const sizes = w + (p->y.c >> 2) * (n + MCE_POINTS_RECORD);
    const mce_quad_split split = mce_quad_split_of(p->blocks[0] | p->blocks[1] << 8);
    const uint8_t *const lengths = p->blocks + 2;
    int32_t blocks = 0;
    do {
        sizes[blocks] = 64u * lengths[blocks + 1]; /* of the next one */
    } while (lengths[++blocks] != 0);
    mce_points_job job = {w, patches, patches + 16 * lengths[0],         split.base, split.reciprocal, y, 0, 0,
                          0, 0,       p->y.type == MCE_S4 ? 0x8888u : 0, sizes};
    mce_points_weights(p, split.base, w);
    for (int32_t pixel = 0; pixel < pixels; pixel += 4, y += 4 * y_pixel) {
        const int32_t last = pixels - pixel < 4 ? pixels - pixel - 1 : 3;
        for (int32_t i = 0; i < 4; i++) { /* behind x the last one again, whose outputs are written first */
            mce_points_gather(type, x, n, patches + i);
            x += i < last ? x_pixel : 0;
        }
        x += x_pixel;
        job.y = y;
        job.tiles = p->y.c >> 2;
        job.at1 = last > 0 ? y_pixel : 0, job.at2 = last > 1 ? 2 * y_pixel : 0, job.at3 = last > 2 ? 3 * y_pixel : 0;
        if (blocks == 1) {
            mce_points_tiles(&job);
        } else {
            mce_points_tiles_blocks(&job);
        }
    }
}

#endif
