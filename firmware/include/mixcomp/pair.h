/* What the operators of two values share: operands that repeat where one of them has size 1, SPEC.md 4. */
#ifndef MIXCOMP_PAIR_H
#define MIXCOMP_PAIR_H

#include "mixcomp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An operand along the axes of y, the last one innermost; neighbouring axes that it walks or repeats alike are one. */
typedef struct mce_operand {
    mce_type type;
    int32_t zero;
    int32_t size[4]; /* of y */
    int32_t step[4]; /* elements from one index to the next; 0 where the operand repeats; step[3] is 0 or 1 */
} mce_operand;

typedef struct mce_pair {
    mce_operand a, b;
    mce_type y_type;
    int32_t y_zero;
    int32_t n;                          /* elements of y */
    int32_t a_multiplier, b_multiplier; /* mul: the one of the product and 0 */
    int32_t shift;
} mce_pair;

#ifdef __cplusplus
}
#endif
#endif
