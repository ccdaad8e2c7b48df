/* minimum, SPEC.md 4.16. */
#ifndef MIXCOMP_MINIMUM_H
#define MIXCOMP_MINIMUM_H

#include "mixcomp/pair.h"

#ifdef __cplusplus
extern "C" {
#endif

/* y may be an operand that does not repeat and has as many bits an element as y. scratch: 256 bytes.
 * __dsp: shift is 2 at least. */
void mce_minimum__c(const mce_pair *p, const uint8_t *a, const uint8_t *b, uint8_t *y, mce_scratch *scratch);
void mce_minimum__dsp(const mce_pair *p, const uint8_t *a, const uint8_t *b, uint8_t *y, mce_scratch *scratch);

#ifdef __cplusplus
}
#endif
#endif
