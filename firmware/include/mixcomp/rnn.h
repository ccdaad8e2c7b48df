/* rnn, SPEC.md 4.29. kernels/catalogue.toml says which kernel takes what packing. act is the type of y. */
#ifndef MIXCOMP_RNN_H
#define MIXCOMP_RNN_H

#include "mixcomp/recurrent.h"

#ifdef __cplusplus
extern "C" {
#endif

/* x [steps][h], y [steps][h]; h0 [h] where p->given is 1, else any pointer. y overlaps nothing. scratch, from a
 * multiple of 4: the gates in halfwords, the state as y stores it, room for as many halfwords, each up to a multiple of four
 * bytes, then the scratch of dense. */
void mce_rnn_u4_w4__c(const mce_recurrent *p, const uint8_t *x, const uint8_t *h0, uint8_t *y, mce_scratch *scratch);
void mce_rnn_s4_w4__c(const mce_recurrent *p, const uint8_t *x, const uint8_t *h0, uint8_t *y, mce_scratch *scratch);
void mce_rnn_u8_w4__c(const mce_recurrent *p, const uint8_t *x, const uint8_t *h0, uint8_t *y, mce_scratch *scratch);
void mce_rnn_s8_w4__c(const mce_recurrent *p, const uint8_t *x, const uint8_t *h0, uint8_t *y, mce_scratch *scratch);
void mce_rnn_u4_w8__c(const mce_recurrent *p, const uint8_t *x, const uint8_t *h0, uint8_t *y, mce_scratch *scratch);
void mce_rnn_s4_w8__c(const mce_recurrent *p, const uint8_t *x, const uint8_t *h0, uint8_t *y, mce_scratch *scratch);
void mce_rnn_u8_w8__c(const mce_recurrent *p, const uint8_t *x, const uint8_t *h0, uint8_t *y, mce_scratch *scratch);
void mce_rnn_s8_w8__c(const mce_recurrent *p, const uint8_t *x, const uint8_t *h0, uint8_t *y, mce_scratch *scratch);

void mce_rnn_u8_fx4__dsp(const mce_recurrent *p, const uint8_t *x, const uint8_t *h0, uint8_t *y, mce_scratch *scratch);
void mce_rnn_s8_fx4__dsp(const mce_recurrent *p, const uint8_t *x, const uint8_t *h0, uint8_t *y, mce_scratch *scratch);
void mce_rnn_u4_w4__dsp(const mce_recurrent *p, const uint8_t *x, const uint8_t *h0, uint8_t *y, mce_scratch *scratch);
void mce_rnn_s4_w4__dsp(const mce_recurrent *p, const uint8_t *x, const uint8_t *h0, uint8_t *y, mce_scratch *scratch);
void mce_rnn_u8_w4__dsp(const mce_recurrent *p, const uint8_t *x, const uint8_t *h0, uint8_t *y, mce_scratch *scratch);
void mce_rnn_s8_w4__dsp(const mce_recurrent *p, const uint8_t *x, const uint8_t *h0, uint8_t *y, mce_scratch *scratch);
void mce_rnn_u4_w8__dsp(const mce_recurrent *p, const uint8_t *x, const uint8_t *h0, uint8_t *y, mce_scratch *scratch);
void mce_rnn_s4_w8__dsp(const mce_recurrent *p, const uint8_t *x, const uint8_t *h0, uint8_t *y, mce_scratch *scratch);
void mce_rnn_u8_w8__dsp(const mce_recurrent *p, const uint8_t *x, const uint8_t *h0, uint8_t *y, mce_scratch *scratch);
void mce_rnn_s8_w8__dsp(const mce_recurrent *p, const uint8_t *x, const uint8_t *h0, uint8_t *y, mce_scratch *scratch);

#ifdef __cplusplus
}
#endif
#endif
