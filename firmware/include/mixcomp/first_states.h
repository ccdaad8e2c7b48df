/* first_states, SPEC.md 4.37. */
#ifndef MIXCOMP_FIRST_STATES_H
#define MIXCOMP_FIRST_STATES_H

#include "mixcomp/recurrent.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mce_first_states {
    int32_t size; /* h: of each state */
    mce_initial of[2];
} mce_first_states;

/* h0 and c0 [size], y [2][size] in 16 bits, the low byte first. y overlaps nothing. */
void mce_first_states__c(const mce_first_states *p, const uint8_t *h0, const uint8_t *c0, uint8_t *y);

#ifdef __cplusplus
}
#endif
#endif
