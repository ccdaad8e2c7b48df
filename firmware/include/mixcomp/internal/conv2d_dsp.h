/* The body of the convolutions in kernels/dsp; type and scheme are constants wherever it is inlined. */
#ifndef MIXCOMP_INTERNAL_CONV2D_DSP_H
#define MIXCOMP_INTERNAL_CONV2D_DSP_H

#include "mixcomp/internal/bytes_dsp.h"
#include "mixcomp/internal/dsp_gather.h"
#include "mixcomp/internal/output_any.h"
#include "mixcomp/internal/pair_dsp.h"
#include "mixcomp/internal/quad_sums_dsp.h"

/* Two gathered pixels, and where their outputs go. */
typedef struct mce_two_pixels {
    const mce_word *patches;
    int32_t n;                          /* elements of a patch */
    const mce_quad_block *blocks, *end; /* quad */
    mce_quad_split split;               /* quad */
    int32_t offset0, offset1;           /* pair */
    int32_t pixel, count;               /* the first one; 1: there is no second */
} mce_two_pixels;

/* Accumulators of two channels begin with their biases a and b. */
MCE_INLINE mce_channel_pairs mce_pairs_begin(const mce_two_pixels *in, int32_t a, int32_t b)
{
    const mce_channel_pairs sum = {mce_wrap_add(a, in->offset0), mce_wrap_add(a, in->offset1),
                                   mce_wrap_add(b, in->offset0), mce_wrap_add(b, in->offset1)};
    return sum;
}

/* Their sums over a patch, in every scheme but quad. Returns the end of w. */
MCE_INLINE const mce_word *mce_pairs_sum(mce_scheme scheme, mce_channel_pairs *sum, const mce_two_pixels *in,
                                         const mce_word *table, const mce_word *w)
{
    return scheme == MCE_BYTES ? mce_bytes_2x2(sum, in->patches, w, in->n)
                               : mce_pair_2x2(sum, in->patches, w, table, in->n);
}

/* Channels first to last of both pixels, whole tiles of outputs of 4 bits, or of 8 where wide, a constant, is not 0. Returns
 * the end of w. */
MCE_INLINE const mce_word *mce_conv2d_tiles(mce_quad_run *run, mce_quad_job *job, const mce_two_pixels *in,
                                            const mce_sink *s, const int32_t *bias, const mce_word *w, int32_t first,
                                            int32_t last, int32_t wide)
{
    const int32_t halved = wide ? 0 : 1, at0 = (in->pixel * s->to->c + first) >> halved;
    const int32_t at1 = in->count == 2 ? at0 + (s->to->c >> halved) : at0;
    job->w = w;
    job->last = in->end - 1;
    job->bias = bias + first;
    job->y0 = s->y + at0, job->y1 = s->y + at1;
    job->tiles = (last - first) >> 2;
    if (s->step != 0) {
        job->m = s->requant->multiplier + first;
    }
    if (s->add != 0) {
        const int32_t parts = wide > 1 && mce_is_packed(s->add->r.type) ? 1 : 0;
        job->r0 = s->r + (at0 >> parts), job->r1 = s->r + (at1 >> parts);
    }
    return run(job);
}

/* Channels first to last of both pixels, two channels at a time. packed is a constant: y has 4-bit elements. */
MCE_INLINE const mce_word *mce_conv2d_pairs(mce_scheme scheme, int32_t packed, const mce_two_pixels *in,
                                            const mce_sink *s, const int32_t *bias, const mce_word *table,
                                            const mce_word *w, int32_t first, int32_t last)
{
    int32_t at0 = mce_pair_bytes(packed, in->pixel * s->to->c + first);
    int32_t at1 = in->count == 2 ? at0 + mce_pair_bytes(packed, s->to->c) : at0; /* then pixel 0 is written last */
    const int32_t *m = s->requant->multiplier + first * s->step, step = s->step, next = packed ? 1 : 2;
    for (int32_t o = first; o < last; o += 2, m += 2 * step, at0 += next, at1 += next) {
        const int32_t a = bias[o], b = bias[o + 1], ma = m[0], mb = m[step];
        mce_channel_pairs sum = mce_pairs_begin(in, a, b);
        w = mce_pairs_sum(scheme, &sum, in, table, w);
        const uint32_t pixel0 = mce_sink_pair(packed, s, at0, sum.a0, sum.b0, ma, mb);
        const uint32_t pixel1 = mce_sink_pair(packed, s, at1, sum.a1, sum.b1, ma, mb);
        mce_sink_store(packed, s->y + at1, pixel1);
        mce_sink_store(packed, s->y + at0, pixel0);
    }
    return w;
}

/* The same, for any number of channels and any output. */
MCE_INLINE const mce_word *mce_conv2d_any(mce_scheme scheme, const mce_two_pixels *in, const mce_sink *s,
                                          const int32_t *bias, const mce_word *table, const mce_word *w, int32_t first,
                                          int32_t last)
{
    for (int32_t o = first; o < last; o += 2) {
        const int32_t second = o + 1 < last, a = bias[o], b = second ? bias[o + 1] : 0;
        int32_t low[2] = {a, a}, high[2] = {b, b};
        if (scheme == MCE_QUAD) { /* a group of four is two pairs, a last one or two are one */
            const int32_t odd = (o - first) & 2, two = odd || last - o > 2;
            const int32_t words = in->split.mask != 0 ? 1 : 2; /* for four weights of a pair */
            mce_quad_pair(&in->split, in->patches, in->blocks, in->end, w + words * (odd >> 1), two ? 2 : 1, low, high);
            w += two && !odd ? 0 : words * (two ? in->n / 2 : in->n / 4);
        } else {
            mce_channel_pairs t = mce_pairs_begin(in, a, b);
            w = mce_pairs_sum(scheme, &t, in, table, w);
            low[0] = t.a0, low[1] = t.a1, high[0] = t.b0, high[1] = t.b1;
        }
        for (int32_t i = 0; i < in->count; i++) {
            mce_sink_any(s, in->pixel + i, o, second, low[i], high[i]);
        }
    }
    return w;
}

/* acc[o] = bias[o] + sum_{i,j,c} level(o,i,j,c) * X[h*sh - top + i*dh, w*sw - left + j*dw, g*depth + c]
 * y[h,w,o] = clamp(y.zero + q32(acc[o], m[o], s)), or with a residual as in SPEC.md 4.12               SPEC.md 4.1
 * Two pixels meet four channels at a time. s4 runs as x + 8, and the bias makes up for it. add and r are null (0) in
 * conv2d. scratch: [n/2] bytes for a patch of packed elements that is copied; [n] words for two patches; then [n] bytes for
 * one of bytes that do not fill words, or in quad its blocks and the lanes of the channels that are decoded together;
 * n = kh*kw*depth rounded up to a multiple of 8.
 * quad: the low channel's sum over a block of p->blocks stays below half the base, T below 2^31; pair:
 * (|bias| + sum |level| * max|x|) * 2^s < 2^31 and the offset wraps there and back. plan/packing proves it.
 * run: quad only, what computes whole tiles; wide, a constant: of 8-bit outputs (2: that a residual joins); copies, a constant: whether packed elements that do not fill words
 * may be copied. */
MCE_INLINE void mce_conv2d_body(mce_type type, mce_scheme scheme, mce_quad_run *run, int32_t wide, int32_t copies,
                                const mce_conv2d *p, const mce_conv2d_add *add, const uint8_t *x, const uint8_t *r,
                                uint8_t *y, mce_scratch *scratch)
{
    const int32_t depth = p->x.c / p->groups, outputs = p->y.c / p->groups, pixels = p->y.h * p->y.w;
    const int32_t n = (p->window.kh * p->window.kw * depth + 7) & ~7, unit = scheme == MCE_QUAD ? 2 : 1;
    const mce_sink sink = mce_sink_of(&p->y, &p->requant, add, r, y);
    const int32_t plain = mce_sink_is_plain(&sink, outputs), packed = mce_is_packed(p->y.type);
    const int32_t one = p->requant.multiplier[0], decoded = scheme == MCE_QUAD && p->levels != 0;
    const int32_t m4[4] = {one, one, one, one};
    int64_t residual[16];
    if (scheme == MCE_QUAD && wide > 1) {
        mce_quad_terms(&sink, residual);
    } else if (scheme == MCE_QUAD && add != 0) {
        mce_sink_residuals(&sink, residual);
    }
    const mce_word *const table = scheme == MCE_PAIR_TABLE ? (const mce_word *)p->levels : 0; /* null (0): fixp4 */
    const int32_t halved = copies && mce_is_halved(type, depth);
    mce_word *const patches = (mce_word *)(void *)scratch + (halved ? n >> 3 : 0);
    mce_quad_block *const blocks = (mce_quad_block *)(void *)(patches + n);
    const mce_word *w = (const mce_word *)p->codes, *group = w, *codes = w; /* codes: what is not decoded yet */
    mce_two_pixels in = {patches, n, blocks, blocks, {4096, 1 << 20, MCE_QUAD_MASK}, 0, 0, 0, 2};
    int32_t together = outputs;
    if (decoded) {
        together = 4 * p->blocks[0];
        in.split = mce_quad_split_of(p->blocks[1] | p->blocks[2] << 8);
        in.end = mce_quad_lengths(p->blocks + 3, blocks);
        run = !wide && add == 0 && in.end == blocks + 1 ? mce_quad_tiles_alone : run;
    }
    mce_word *const lanes = (mce_word *)(void *)(blocks + (in.end - blocks));
    mce_quad_job job = {0,
                        patches,
                        blocks,
                        0,
                        0,
                        m4,
                        sink.step != 0 ? 16 : 0,
                        sink.zero,
                        0,
                        0,
                        sink.flip * (wide ? 0x10001u : 0x0101u),
                        0,
                        add != 0 ? residual : 0,
                        0,
                        0,
                        wide ? p->requant.shift : 0,
                        0,
                        in.split};
    const mce_conv2d bytes = copies ? mce_halved(p) : *p;
    const mce_gathering gather = halved ? mce_gather_of(MCE_U8, &bytes, x, (uint8_t *)scratch)
                                        : mce_gather_of(type, p, x, (uint8_t *)(patches + n));
    if (halved) {
        mce_halves_begin(type, &gather, p->window.kh * p->window.kw * depth, n);
    } else {
        mce_gather_begin(unit, &gather, p->window.kh * p->window.kw * depth, n, patches);
    }
    for (int32_t first = 0, last; first < p->y.c; first = last, group = w) {
        const int32_t left = outputs - first % outputs;
        last = first + (together < left ? together : left);
        const int32_t in_tiles = wide || (plain && packed) ? (last - first) & ~3 : 0;
        if (decoded) {
            codes =
                mce_quad_decode(codes, (const int16_t *)p->levels, in.split.base, lanes, (last - first + 1) / 2 * n);
            group = lanes;
        }
        mce_corner at = mce_corner_begin(&gather);
        for (in.pixel = 0; in.pixel < pixels; in.pixel += 2) {
            in.count = pixels - in.pixel < 2 ? 1 : 2;
            for (int32_t i = 0; i < in.count; i++) {
                const int32_t channel = first / outputs * depth;
                if (halved) {
                    mce_gather_halves(type, unit, &gather, at, channel, n, patches + unit * i);
                } else {
                    mce_gather_patch(type, unit, &gather, at, channel, n, patches + unit * i);
                }
                mce_corner_next(&gather, &at);
            }
            if (scheme == MCE_QUAD && !decoded) {
                in.end = mce_quad_blocks(patches, p->blocks, blocks);
            } else if (scheme != MCE_QUAD && scheme != MCE_BYTES && table == 0) {
                mce_pair_offsets(patches, n, &in.offset0, &in.offset1);
            }
            w = group;
            if (scheme == MCE_QUAD) {
                if (in_tiles > 0) {
                    w = mce_conv2d_tiles(run, &job, &in, &sink, p->bias, w, first, first + in_tiles, wide);
                }
                w = mce_conv2d_any(scheme, &in, &sink, p->bias, table, w, first + in_tiles, last);
            } else if (!plain) {
                w = mce_conv2d_any(scheme, &in, &sink, p->bias, table, w, first, last);
            } else if (packed) {
                w = mce_conv2d_pairs(scheme, 1, &in, &sink, p->bias, table, w, first, last);
            } else {
                w = mce_conv2d_pairs(scheme, 0, &in, &sink, p->bias, table, w, first, last);
            }
        }
    }
}

/* Bytes, and fixp4 without a residual: what most networks need is small and fast. */
MCE_INLINE void mce_conv2d_dsp(mce_type type, mce_scheme scheme, const mce_conv2d *p, const mce_conv2d_add *add,
                               const uint8_t *x, const uint8_t *r, uint8_t *y, mce_scratch *scratch)
{ mce_conv2d_body(type, scheme, 0, 0, 0, p, add, x, r, y, scratch); }

/* quad: defines mce_conv2d_quad_<act>, one for all kernels with that type of x; run is how they end. */
#define MCE_CONV2D_QUAD(act, type)                                                                                     \
    MCE_ONCE void mce_conv2d_quad_##act(mce_quad_run *run, const mce_conv2d *p, const mce_conv2d_add *add,             \
                                        const uint8_t *x, const uint8_t *r, uint8_t *y, mce_scratch *scratch);         \
    MCE_ONCE void mce_conv2d_quad_##act(mce_quad_run *run, const mce_conv2d *p, const mce_conv2d_add *add,             \
                                        const uint8_t *x, const uint8_t *r, uint8_t *y, mce_scratch *scratch)          \
    { mce_conv2d_body(type, MCE_QUAD, run, 0, 0, p, add, x, r, y, scratch); }

/* quad with channels that fill bytes, but not words. */
MCE_INLINE void mce_conv2d_quad_halves(mce_type type, mce_quad_run *run, const mce_conv2d *p, const mce_conv2d_add *add,
                                       const uint8_t *x, const uint8_t *r, uint8_t *y, mce_scratch *scratch)
{ mce_conv2d_body(type, MCE_QUAD, run, 0, 1, p, add, x, r, y, scratch); }

/* quad with outputs of 8 bits. */
MCE_INLINE void mce_conv2d_quad_bytes(mce_type type, const mce_conv2d *p, const uint8_t *x, uint8_t *y,
                                      mce_scratch *scratch)
{ mce_conv2d_body(type, MCE_QUAD, mce_quad_tiles_bytes, 1, 1, p, 0, x, 0, y, scratch); }

/* quad with outputs of 8 bits and a residual of 8 or 4. */
MCE_INLINE void mce_conv2d_quad_sums(mce_type type, const mce_conv2d_add *p, const uint8_t *x, const uint8_t *r,
                                     uint8_t *y, mce_scratch *scratch)
{ mce_conv2d_body(type, MCE_QUAD, mce_quad_tiles_sums, 2, 1, &p->conv, p, x, r, y, scratch); }

/* pair: defines mce_conv2d_pair_<act>, one for the other kernels with that type of x: by table or fixp4, with a
 * residual or without. */
#define MCE_CONV2D_PAIR(act, type)                                                                                     \
    MCE_ONCE void mce_conv2d_pair_##act(const mce_conv2d *p, const mce_conv2d_add *add, const uint8_t *x,              \
                                        const uint8_t *r, uint8_t *y, mce_scratch *scratch);                           \
    MCE_ONCE void mce_conv2d_pair_##act(const mce_conv2d *p, const mce_conv2d_add *add, const uint8_t *x,              \
                                        const uint8_t *r, uint8_t *y, mce_scratch *scratch)                            \
    { mce_conv2d_body(type, MCE_PAIR_TABLE, 0, 0, 0, p, add, x, r, y, scratch); }

#endif
