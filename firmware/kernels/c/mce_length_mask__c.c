#include "mixcomp/internal/tokens.h"
#include "mixcomp/length_mask.h"

/* y[i] = 1 where start + i < x, else 0                                                                SPEC.md 4.32 */
void mce_length_mask__c(const mce_length_mask *p, const uint8_t *x, uint8_t *y)
{
    const int32_t n = p->y.c, within = mce_token(p->x.type, x, 0) - p->start;
    for (int32_t i = 0; i < n; i++) {
        y[i] = (uint8_t)(i < within);
    }
}
