/* mul, SPEC.md 4.15. */
#ifndef MIXCOMP_MUL_H
#define MIXCOMP_MUL_H

#include "mixcomp/pair.h"

#ifdef __cplusplus
extern "C" {
#endif

/* y may be an operand that does not repeat and has as many bits an element as y. scratch: 256 bytes; __dsp: 384, from a
 * multiple of 4. __dsp is fastest where b repeats and a does not. */
void mce_mul__c(const mce_pair *p, const uint8_t *a, const uint8_t *b, uint8_t *y, mce_scratch *scratch);
void mce_mul__dsp(const mce_pair *p, const uint8_t *a, const uint8_t *b, uint8_t *y, mce_scratch *scratch);

#ifdef __cplusplus
}
#endif
#endif
