/* embedding, SPEC.md 4.30. */
#ifndef MIXCOMP_EMBEDDING_H
#define MIXCOMP_EMBEDDING_H

#include "mixcomp/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Each of the x.h*x.w*x.c tokens becomes a row of y.c elements. */
typedef struct mce_embedding {
    mce_tensor x, y;
    const void *codes;   /* [rows][y.c], packed as the kernel's head says */
    const void *levels;  /* int16_t [16], or 0 */
    int32_t rows;        /* 1 .. 65535 */
    mce_requant requant; /* per_channel: one multiplier a row */
} mce_embedding;

void mce_embedding_u8_w4__c(const mce_embedding *p, const uint8_t *x, uint8_t *y);
void mce_embedding_u16_w4__c(const mce_embedding *p, const uint8_t *x, uint8_t *y);

/* Weights in bytes, each a level: int8 layers, and what the 4-bit kernels are compared with. */
void mce_embedding_u8_w8__c(const mce_embedding *p, const uint8_t *x, uint8_t *y);
void mce_embedding_u16_w8__c(const mce_embedding *p, const uint8_t *x, uint8_t *y);

#ifdef __cplusplus
}
#endif
#endif
