/* The networks of language.py in float, as plain loops: what a core with single precision needs for them. Weights are
 * numbers from a generator, as no count depends on them. */
#include <math.h>
#include <stdint.h>

enum { STEPS = 32, FEATURES = 40, UNITS = 64, HEADS = 4, DEPTH = UNITS / HEADS };

static float w_ih[4 * UNITS * UNITS], w_hh[4 * UNITS * UNITS], bias[8 * UNITS];
static float x[STEPS * UNITS], y[STEPS * UNITS], h[UNITS], c[UNITS], read[4 * UNITS], kept[4 * UNITS];
static float qkv[STEPS * 3 * UNITS], mixed[STEPS * UNITS], inner[STEPS * UNITS], scores[STEPS];

static void fill(float *to, int32_t n, float size)
{
    static uint32_t seed = 1;
    for (int32_t i = 0; i < n; i++) {
        seed = seed * 1664525U + 1013904223U;
        to[i] = size * ((float)(seed >> 8) / 8388608.0F - 1.0F);
    }
}

void network_none(void)
{
    fill(w_ih, 4 * UNITS * UNITS, 0.125F);
    fill(w_hh, 4 * UNITS * UNITS, 0.125F);
    fill(bias, 8 * UNITS, 0.125F);
    fill(x, STEPS * UNITS, 1.0F);
}

static float sigmoid(float v)
{ return 1.0F / (1.0F + expf(-v)); }

/* to[o] = b[o] + sum_i w[o][i] * from[i] */
static void linear(float *to, const float *w, const float *b, const float *from, int32_t outputs, int32_t inputs)
{
    for (int32_t o = 0; o < outputs; o++) {
        float sum = b[o];
        for (int32_t i = 0; i < inputs; i++) {
            sum += w[o * inputs + i] * from[i];
        }
        to[o] = sum;
    }
}

static void rows(float *to, const float *from, int32_t outputs)
{
    for (int32_t t = 0; t < STEPS; t++) {
        linear(to + t * outputs, w_hh, bias, from + t * UNITS, outputs, UNITS);
    }
}

void network_gru(void)
{
    network_none();
    for (int32_t t = 0; t < STEPS; t++) {
        linear(read, w_ih, bias, x + t * FEATURES, 3 * UNITS, FEATURES);
        linear(kept, w_hh, bias + 4 * UNITS, h, 3 * UNITS, UNITS);
        for (int32_t i = 0; i < UNITS; i++) {
            const float r = sigmoid(read[i] + kept[i]), z = sigmoid(read[UNITS + i] + kept[UNITS + i]);
            const float n = tanhf(read[2 * UNITS + i] + r * kept[2 * UNITS + i]);
            h[i] = (1.0F - z) * n + z * h[i];
            y[t * UNITS + i] = h[i];
        }
    }
}

void network_lstm(void)
{
    network_none();
    for (int32_t t = 0; t < STEPS; t++) {
        linear(read, w_ih, bias, x + t * FEATURES, 4 * UNITS, FEATURES);
        linear(kept, w_hh, bias + 4 * UNITS, h, 4 * UNITS, UNITS);
        for (int32_t k = 0; k < UNITS; k++) {
            const float i = sigmoid(read[k] + kept[k]), f = sigmoid(read[UNITS + k] + kept[UNITS + k]);
            const float g = tanhf(read[2 * UNITS + k] + kept[2 * UNITS + k]);
            const float o = sigmoid(read[3 * UNITS + k] + kept[3 * UNITS + k]);
            c[k] = f * c[k] + i * g;
            h[k] = o * tanhf(c[k]);
            y[t * UNITS + k] = h[k];
        }
    }
}

/* v = norm(v + r) */
static void add_norm(float *v, const float *r)
{
    for (int32_t t = 0; t < STEPS; t++, v += UNITS, r += UNITS) {
        float mean = 0.0F, square = 0.0F;
        for (int32_t i = 0; i < UNITS; i++) {
            v[i] += r[i];
            mean += v[i];
        }
        mean /= (float)UNITS;
        for (int32_t i = 0; i < UNITS; i++) {
            square += (v[i] - mean) * (v[i] - mean);
        }
        const float gain = 1.0F / sqrtf(square / (float)UNITS + 1e-5F);
        for (int32_t i = 0; i < UNITS; i++) {
            v[i] = (v[i] - mean) * gain * w_ih[i] + bias[i];
        }
    }
}

/* mixed = softmax(q k^T / sqrt(DEPTH)) v of one head, from element `at` of its rows on */
static void attend(int32_t at)
{
    for (int32_t t = 0; t < STEPS; t++) {
        const float *const q = qkv + t * 3 * UNITS + at;
        float top = -1e9F, sum = 0.0F;
        for (int32_t u = 0; u < STEPS; u++) {
            const float *const k = qkv + (u * 3 + 1) * UNITS + at;
            float score = 0.0F;
            for (int32_t i = 0; i < DEPTH; i++) {
                score += q[i] * k[i];
            }
            scores[u] = score * 0.25F;
            top = scores[u] > top ? scores[u] : top;
        }
        for (int32_t u = 0; u < STEPS; u++) {
            scores[u] = expf(scores[u] - top);
            sum += scores[u];
        }
        for (int32_t i = 0; i < DEPTH; i++) {
            float value = 0.0F;
            for (int32_t u = 0; u < STEPS; u++) {
                value += scores[u] * qkv[(u * 3 + 2) * UNITS + at + i];
            }
            mixed[t * UNITS + at + i] = value / sum;
        }
    }
}

void network_encoder(void)
{
    network_none();
    for (int32_t layer = 0; layer < 2; layer++) {
        rows(qkv, x, 3 * UNITS);
        for (int32_t head = 0; head < HEADS; head++) {
            attend(head * DEPTH);
        }
        rows(y, mixed, UNITS);
        add_norm(y, x);
        rows(inner, y, UNITS);
        for (int32_t i = 0; i < STEPS * UNITS; i++) {
            inner[i] = inner[i] < 0.0F ? 0.0F : inner[i];
        }
        rows(x, inner, UNITS);
        add_norm(x, y);
    }
}
