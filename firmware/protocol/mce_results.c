/* What an inference gave, as MLPerf Tiny's runner reads it: real numbers, probabilities, or one error. SPEC.md 8.2 */
#include <stddef.h>

#include "mce_number.h"
#include "mce_say.h"

static float output_value(const mce_app_model *model, uint32_t i)
{
    const uint8_t code = model->arena[model->output_offset + i];
    const int32_t q = model->output_signed && code >= 128 ? (int32_t)code - 256 : (int32_t)code;
    return model->output_scale * (float)(q - model->output_zero);
}

/* mean over i of (y[i] - x[i])^2 */
static float reconstruction_error(const mce_app_model *model)
{
    float sum = 0.0f;
    for (uint32_t i = 0; i < model->output_bytes; i++) {
        const float difference = output_value(model, i) - mce_get_float(model->text_buffer + 4 * i);
        sum += difference * difference;
    }
    return sum / (float)model->output_bytes;
}

/* The output's code i, so that the larger stands for the larger number. */
static uint32_t level(const mce_app_model *model, uint32_t i)
{ return model->arena[model->output_offset + i] ^ (model->output_signed ? 0x80u : 0u); }

/* y = min(255, (256 e + S / 2) / S), SPEC.md 4.11; e <= 2^15, S <= 2^15 * 65535 */
static uint32_t ratio(uint32_t e, uint32_t sum)
{
    const uint32_t y = (256u * e + sum / 2u) / sum;
    return y < 255u ? y : 255u;
}

/* y[i] / 256. Of classes that round to the same the runner takes the first: one that comes before the largest output and
 * rounds to its probability is told as 1/256 less. */
static void say_probabilities(const mce_app_model *model, char *digits)
{
    const uint16_t *const e = model->exponentials; /* [256], by distance from the largest */
    uint32_t top = 0, sum = 0;
    for (uint32_t i = 1; i < model->output_bytes; i++) {
        top = level(model, i) > level(model, top) ? i : top;
    }
    const uint32_t largest = level(model, top);
    for (uint32_t i = 0; i < model->output_bytes; i++) {
        sum += e[largest - level(model, i)];
    }
    const uint32_t y_top = ratio(e[0], sum);
    for (uint32_t i = 0; i < model->output_bytes; i++) {
        const uint32_t y = ratio(e[largest - level(model, i)], sum);
        mce_say(i == 0 ? "" : ",");
        mce_say(mce_milli_text((float)(y - (i < top && y == y_top && y > 0)) / 256.0f, digits));
    }
}

void mce_say_results(const mce_app_model *model)
{
    char digits[MCE_NUMBER_BYTES];
    mce_say("m-results-[");
    if (model->reconstruction) {
        mce_say(mce_milli_text(reconstruction_error(model), digits));
    } else if (model->exponentials != NULL) {
        say_probabilities(model, digits);
    } else {
        for (uint32_t i = 0; i < model->output_bytes; i++) {
            mce_say(i == 0 ? "" : ",");
            mce_say(mce_milli_text(output_value(model, i), digits));
        }
    }
    mce_say("]\r\n");
}
