/* resize, SPEC.md 4.27. */
#ifndef MIXCOMP_RESIZE_H
#define MIXCOMP_RESIZE_H

#include "mixcomp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mce_resize { /* SPEC.md 4.27 */
    mce_tensor x, y;
    const int32_t *rows;    /* [y.h], 0..(x.h - 1) * 1024 */
    const int32_t *columns; /* [y.w], 0..(x.w - 1) * 1024 */
} mce_resize;

void mce_resize__c(const mce_resize *p, const uint8_t *x, uint8_t *y);

#ifdef __cplusplus
}
#endif
#endif
