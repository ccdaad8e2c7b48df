/* matmul, SPEC.md 4.24. */
#ifndef MIXCOMP_MATMUL_H
#define MIXCOMP_MATMUL_H

#include "mixcomp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mce_pair_loop {
    int32_t n, a, b; /* how often, and how many elements further in a and in b each time */
} mce_pair_loop;

typedef struct mce_matmul { /* SPEC.md 4.24 */
    mce_type a_type, b_type, y_type;
    int32_t a_zero, b_zero, y_zero;
    mce_pair_loop kept[4];   /* over the axes of y, outermost first */
    mce_pair_loop summed[2]; /* over the products of one element */
    mce_requant requant;
} mce_matmul;

void mce_matmul__c(const mce_matmul *p, const uint8_t *a, const uint8_t *b, uint8_t *y);

/* scratch, from a multiple of 4: n = the products of an element, filled up to whole fours; 18 n bytes, or 10 n where these
 * are more than 2048. */
void mce_matmul__dsp(const mce_matmul *p, const uint8_t *a, const uint8_t *b, uint8_t *y, mce_scratch *scratch);

#ifdef __cplusplus
}
#endif
#endif
