/* token_offset, SPEC.md 4.31. */
#ifndef MIXCOMP_TOKEN_OFFSET_H
#define MIXCOMP_TOKEN_OFFSET_H

#include "mixcomp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mce_token_offset {
    mce_tensor x, y;
    int32_t start; /* -1 .. 65535 */
} mce_token_offset;

void mce_token_offset__c(const mce_token_offset *p, const uint8_t *x, uint8_t *y);

#ifdef __cplusplus
}
#endif
#endif
