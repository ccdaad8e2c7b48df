#include "mce_number.h"

uint32_t mce_integer(const char *text)
{
    uint64_t value = 0;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') {
            return 0;
        }
        value = value * 10 + (uint64_t)(*text - '0');
        if (value > UINT32_MAX) {
            return 0;
        }
    }
    return (uint32_t)value;
}

/* Writes digits in front of end. */
static char *put_digits(char *end, uint64_t value)
{
    do {
        *--end = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    return end;
}

const char *mce_integer_text(uint64_t value, char *digits)
{
    char *const end = digits + MCE_NUMBER_BYTES - 1;
    *end = '\0';
    return put_digits(end, value);
}

/* round(value * 1000), ties to even, for |value| < 2^53 / 1000: mantissa and exponent, so nothing is lost on the way. */
static uint64_t milli(uint32_t bits)
{
    const uint32_t exponent = (bits >> 23) & 255u;
    const uint64_t mantissa = (uint64_t)((bits & 0x7FFFFFu) | (exponent == 0 ? 0 : 0x800000u)) * 1000u; /* < 2^34 */
    const int32_t shift = (int32_t)(exponent == 0 ? 1 : exponent) - 150; /* value * 1000 = mantissa * 2^shift */
    if (shift >= 0) {
        return mantissa << (shift < 20 ? shift : 20);
    }
    if (shift < -35) {
        return 0;
    }
    const uint64_t whole = mantissa >> -shift, rest = mantissa & (((uint64_t)1 << -shift) - 1);
    const uint64_t half = (uint64_t)1 << (-shift - 1);
    return whole + (rest > half || (rest == half && (whole & 1) != 0));
}

const char *mce_milli_text(float value, char *digits)
{
    uint32_t bits;
    __builtin_memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7F800000u) == 0x7F800000u) {
        return (bits & 0x7FFFFFu) != 0 ? "nan" : (bits >> 31) != 0 ? "-inf" : "inf";
    }
    const uint64_t thousandths = milli(bits);
    char *at = digits + MCE_NUMBER_BYTES - 1;
    *at = '\0';
    uint64_t decimals = thousandths % 1000;
    for (int32_t i = 0; i < 3; i++, decimals /= 10) {
        *--at = (char)('0' + decimals % 10);
    }
    *--at = '.';
    at = put_digits(at, thousandths / 1000);
    if ((bits >> 31) != 0) {
        *--at = '-';
    }
    return at;
}

uint8_t mce_input_code(float x, float scale, int32_t zero)
{
    const float steps = x / scale + 0.5f;
    if (!(steps > -1024.0f)) { /* also what is not a number */
        return x < 0.0f ? 0 : (uint8_t)zero;
    }
    if (steps > 1024.0f) {
        return 255;
    }
    int32_t q = (int32_t)steps;
    q -= (float)q > steps; /* floor */
    q += zero;
    return (uint8_t)(q < 0 ? 0 : q > 255 ? 255 : q);
}
