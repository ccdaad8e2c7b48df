/* Numbers and text without a C library. */
#ifndef MCE_NUMBER_H
#define MCE_NUMBER_H

#include <stdint.h>

#define MCE_NUMBER_BYTES 28 /* of any number below as text, with '\0' */

/* The decimal number that is all of text; 0 when it is none or above 4,294,967,295. */
uint32_t mce_integer(const char *text);

/* value in decimal. Returns where it starts in digits[MCE_NUMBER_BYTES]. */
const char *mce_integer_text(uint64_t value, char *digits);

/* value with three decimals, as "%0.3f" prints it, up to 2^53 / 1000; "nan", "inf", "-inf". */
const char *mce_milli_text(float value, char *digits);

/* clamp(floor(x / scale + 1/2) + zero, 0, 255) in float32, SPEC.md 6; what is not a number becomes zero. */
uint8_t mce_input_code(float x, float scale, int32_t zero);

#endif
