/* rescale, SPEC.md 4.5. */
#ifndef MIXCOMP_RESCALE_H
#define MIXCOMP_RESCALE_H

#include "mixcomp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mce_rescale { /* SPEC.md 4.5 */
    mce_tensor x, y;         /* one shape */
    mce_requant requant;     /* per_channel = 0 */
} mce_rescale;

/* y may be x when x has as many bits an element as y. */
void mce_rescale__c(const mce_rescale *p, const uint8_t *x, uint8_t *y);
void mce_rescale__dsp(const mce_rescale *p, const uint8_t *x, uint8_t *y);

#ifdef __cplusplus
}
#endif
#endif
