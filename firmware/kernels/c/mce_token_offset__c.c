#include "mixcomp/internal/tokens.h"
#include "mixcomp/token_offset.h"

/* y[i] = min(max(x[i] - start, 0), 255)                                                               SPEC.md 4.31 */
void mce_token_offset__c(const mce_token_offset *p, const uint8_t *x, uint8_t *y)
{
    const int32_t n = p->x.h * p->x.w * p->x.c;
    for (int32_t i = 0; i < n; i++) {
        y[i] = (uint8_t)mce_clamp(MCE_U8, mce_token(p->x.type, x, i) - p->start);
    }
}
