/* Tokens in memory, SPEC.md 1: a byte each, or two with the low one first, at any address. */
#ifndef MIXCOMP_INTERNAL_TOKENS_H
#define MIXCOMP_INTERNAL_TOKENS_H

#include "mixcomp/internal/elements.h"

MCE_INLINE int32_t mce_token(mce_type type, const uint8_t *x, int32_t i)
{ return type == MCE_U16 ? x[2 * i] | x[2 * i + 1] << 8 : x[i]; }

#endif
