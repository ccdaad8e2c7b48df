/* What recurrent layers share, SPEC.md 4.29: gru, lstm and rnn. */
#ifndef MIXCOMP_RECURRENT_H
#define MIXCOMP_RECURRENT_H

#include "mixcomp/dense.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A state that is given, and what makes the first state of it. */
typedef struct mce_initial {
    mce_type type;
    int32_t zero;
    mce_requant requant;
} mce_initial;

typedef struct mce_recurrent {
    mce_dense product; /* of the state (1, 1, h), as y stores it: sums (1, 1, gates * h); requant makes gates of them */
    mce_type x_type;
    int32_t x_zero;
    int32_t steps, backward; /* backward: the last row of x is the first step */
    int32_t relu;            /* of rnn */
    int32_t given;           /* initial states, 0 for none */
    mce_requant x_requant;   /* of x, to gates */
    mce_requant y_requant;   /* of the state, to y */
    mce_initial initial[2];
} mce_recurrent;

#ifdef __cplusplus
}
#endif
#endif
