/* The body of the convolutions in kernels/mve: three patches at a time, as bytes in scratch: windows where they
 * lie in a strip, else copies. Weights: weights_mve.h. */
#ifndef MIXCOMP_INTERNAL_CONV2D_MVE_H
#define MIXCOMP_INTERNAL_CONV2D_MVE_H

#include "mixcomp/internal/gather_mve.h"
#include "mixcomp/internal/output_mve.h"
#include "mixcomp/internal/weights_mve.h"

#define MCE_MVE_PIXELS 3

#if defined(__ARM_FEATURE_MVE)

/* As mce_mve_sums3 for fixp4. 13 instructions for 96 products and 16 for each two channels, where compilers take 24. */
MCE_NAKED void mce_mve_sums3_fixp4(MCE_IN_ASM const uint8_t *w, MCE_IN_ASM const uint8_t *x, MCE_IN_ASM int32_t blocks,
                                   MCE_IN_ASM const int32_t *bias, MCE_IN_ASM mce_sum *acc,
                                   MCE_IN_ASM const int32_t *end, MCE_IN_ASM int32_t pitch)
{
    __asm__ volatile("push {r4-r11, lr}\n\t"
                     "ldr r11, [sp, #36]\n\t" /* acc; end stays at [sp, #40] */
                     "mov r12, r2\n\t"
                     "mov r7, r0\n\t"
                     "mov r9, r3\n\t"
                     "ldr r5, [sp, #44]\n\t" /* pitch */
                     "add r3, r1, r5\n\t"
                     "add r5, r3, r5\n\t"
                     "vmov.i8 q3, #0xF0\n"
                     "1:\n\t"
                     "ldrd r0, r2, [r9], #8\n\t"
                     "mov r4, r0\n\t"
                     "mov r6, r2\n\t"
                     "mov r8, r0\n\t"
                     "mov r10, r2\n\t"
                     "dls lr, r12\n"
                     "2:\n\t"
                     "vldrb.8 q0, [r7], #16\n\t"
                     "vshl.i8 q1, q0, #4\n\t"
                     "vldrb.8 q2, [r1], #16\n\t"
                     "vmladava.s8 r0, q1, q2\n\t"
                     "vand q0, q0, q3\n\t"
                     "vmladava.s8 r2, q0, q2\n\t"
                     "vldrb.8 q2, [r3], #16\n\t"
                     "vmladava.s8 r4, q1, q2\n\t"
                     "vmladava.s8 r6, q0, q2\n\t"
                     "vldrb.8 q2, [r5], #16\n\t"
                     "vmladava.s8 r8, q1, q2\n\t"
                     "vmladava.s8 r10, q0, q2\n\t"
                     "le lr, 2b\n\t"
                     "strd r0, r2, [r11], #8\n\t"
                     "strd r4, r6, [r11], #8\n\t"
                     "strd r8, r10, [r11], #8\n\t"
                     "sub r1, r1, r12, lsl #4\n\t"
                     "sub r3, r3, r12, lsl #4\n\t"
                     "sub r5, r5, r12, lsl #4\n\t"
                     "ldr r0, [sp, #40]\n\t"
                     "cmp r9, r0\n\t"
                     "bne 1b\n\t"
                     "pop {r4-r11, pc}");
}

#endif

/* acc[c/2][i][c%2] = bias[c] + sum w[c] * x[i] over three patches, for c < channels, an even number. Sums of patches
 * that are not there are of no use. */
MCE_SHARED void mce_mve_sums3(const int8_t *table, const uint8_t *w, /* [channels/2][16*blocks] */
                              const uint8_t *x,                      /* [3][pitch] */
                              int32_t pitch, int32_t blocks, const int32_t *bias, mce_sum *acc, int32_t channels)
{
#if defined(__ARM_FEATURE_MVE)
    if (table == 0) {
        mce_mve_sums3_fixp4(w, x, blocks, bias, acc, bias + channels, pitch);
        return;
    }
#endif
    for (const int32_t *const end = bias + channels; bias < end; bias += 2, acc += 6) {
        const uint8_t *x0 = x, *x1 = x + pitch, *x2 = x1 + pitch;
        int32_t a0 = bias[0], b0 = bias[1], a1 = a0, b1 = b0, a2 = a0, b2 = b0;
        int32_t left = blocks;
        do {
            mce_q a, b, at;
            mce_mve_weights(table, mce_q_load(w), &a, &b);
            at = mce_q_load(x0);
            a0 = mce_q_dot(a0, a, at);
            b0 = mce_q_dot(b0, b, at);
            at = mce_q_load(x1);
            a1 = mce_q_dot(a1, a, at);
            b1 = mce_q_dot(b1, b, at);
            at = mce_q_load(x2);
            a2 = mce_q_dot(a2, a, at);
            b2 = mce_q_dot(b2, b, at);
            w += 16, x0 += 16, x1 += 16, x2 += 16;
        } while (--left != 0);
        acc[0] = a0, acc[1] = b0, acc[2] = a1, acc[3] = b1, acc[4] = a2, acc[5] = b2;
    }
}

/* The same for one patch: acc[c/2][c%2], two channels `pitch` from the next two */
MCE_SHARED void mce_mve_sums1(const int8_t *table, const uint8_t *w, const uint8_t *x, int32_t blocks,
                              const int32_t *bias, mce_sum *acc, int32_t pitch, int32_t channels)
{
    for (const int32_t *const end = bias + channels; bias < end; bias += 2, acc += pitch) {
        const uint8_t *at = x;
        int32_t a0 = bias[0], b0 = bias[1];
        int32_t left = blocks;
        do {
            mce_q a, b;
            mce_mve_weights(table, mce_q_load(w), &a, &b);
            a0 = mce_q_dot(a0, a, mce_q_load(at));
            b0 = mce_q_dot(b0, b, mce_q_load(at));
            w += 16, at += 16;
        } while (--left != 0);
        acc[0] = a0, acc[1] = b0;
    }
}

/* A 1x1 convolution whose patches are x itself */
MCE_INLINE int32_t mce_mve_is_pointwise(const mce_conv2d *p)
{
    const mce_window *const k = &p->window;
    return k->kh * k->kw * k->sh * k->sw * p->groups == 1 && (k->top | k->left) == 0 && p->x.h == p->y.h &&
           p->x.w == p->y.w;
}

/* The patches of `count` pixels from `pixel` on, `pitch` bytes each, where they are x itself */
MCE_INLINE void mce_mve_pointwise(mce_type type, const uint8_t *x, int32_t pixel, int32_t depth, int32_t count,
                                  int32_t pitch, uint8_t *patches)
{
    if (depth == pitch) {
        mce_mve_copy(type, x, pixel * depth, count * depth, patches);
        return;
    }
    for (int32_t i = 0; i < count; i++) {
        mce_mve_copy(type, x, (pixel + i) * depth, depth, patches + i * pitch);
    }
}

/* acc[o] = bias[o] + sum_{i,j,c} level(code[o,i,j,c]) * X[h*sh - top + i*dh, w*sw - left + j*dw, g*depth + c]
 * y[h,w,o] = clamp(y.zero + q32(acc[o], m[o], s)), or with a residual as in SPEC.md 4.12               SPEC.md 4.1
 * Each group has an even number of biases. add and r are null (0) in conv2d; fixp4 says how weights are packed. */
MCE_INLINE void mce_conv2d_mve(mce_type type, int32_t fixp4, const mce_conv2d *p, const mce_conv2d_add *add,
                               const uint8_t *x, /* [x.h][x.w][x.c] */
                               const uint8_t *r, /* [y.h][y.w][y.c] */
                               uint8_t *y,       /* [y.h][y.w][y.c] */
                               mce_scratch *scratch)
{
    const int32_t depth = p->x.c / p->groups, outputs = p->y.c / p->groups, pixels = p->y.h * p->y.w;
    const int32_t n = (p->window.kh * p->window.kw * depth + 15) & ~15, step = (outputs + 1) & ~1;
    const mce_mve_sink sink = mce_mve_sink_of(&p->y, &p->requant, r, y, fixp4 ? 4 : 0);
    int8_t levels[16];
    const int8_t *const table = fixp4 ? 0 : levels;
    if (!fixp4) {
        mce_mve_table(p->levels, levels);
    }
    mce_sum *const acc = (mce_sum *)(void *)scratch;
    uint8_t *const patches = (uint8_t *)(acc + MCE_MVE_PIXELS * step);
    const uint8_t *w = (const uint8_t *)p->codes;
    const int32_t *bias = p->bias;
    const int32_t pointwise = mce_mve_is_pointwise(p), pitch = pointwise ? n : n + 16;
    const int32_t through = mce_mve_runs_through(p);
    for (int32_t first = 0; first < p->y.c; first += outputs, w += step / 2 * n, bias += step) {
        mce_mve_strip strip = mce_mve_strip_of(p, patches + MCE_MVE_PIXELS * pitch + MCE_MVE_SLACK);
        mce_cursor at = {0, 0};
        for (int32_t pixel = 0; pixel < pixels; pixel += MCE_MVE_PIXELS) {
            const int32_t count = pixels - pixel < MCE_MVE_PIXELS ? pixels - pixel : MCE_MVE_PIXELS;
            const uint8_t *from = patches;
            int32_t next = pitch;
            if (pointwise) {
                mce_mve_pointwise(type, x, pixel, depth, count, pitch, patches);
            } else {
                for (int32_t done = 0, i; done < count; done += i) {
                    i = count - done < p->y.w - at.w ? count - done : p->y.w - at.w;
                    if (at.w == 0) {
                        mce_mve_rows_next(type, p, x, at.h, &strip);
                    }
                    if (through && i == count && count != 2) { /* a third patch is read, where two are there */
                        from = mce_mve_window(p, &strip, at.h, at.w);
                        next = p->window.sw * strip.rows * p->x.c;
                    } else {
                        mce_mve_patches(p, &strip, at.h, at.w, i, first / outputs * depth, depth, pitch,
                                        patches + done * pitch);
                    }
                    at.w += i;
                    if (at.w == p->y.w) {
                        at.w = 0;
                        at.h++;
                    }
                }
            }
            if (count > 1) {
                mce_mve_sums3(table, w, from, next, n >> 4, bias, acc, step);
            } else {
                mce_mve_sums1(table, w, from, n >> 4, bias, acc, 2 * MCE_MVE_PIXELS, step);
            }
            mce_mve_store(&sink, add, acc, 2 * MCE_MVE_PIXELS, first, outputs, pixel * p->y.c + first, count);
        }
    }
}

#endif
