/* lstm, SPEC.md 4.29. kernels/catalogue.toml says which kernel takes what packing. act is the type of y. */
#ifndef MIXCOMP_LSTM_H
#define MIXCOMP_LSTM_H

#include "mixcomp/recurrent.h"

#ifdef __cplusplus
extern "C" {
#endif

/* x [steps][4 * h], y [steps][h]; h0 and c0 [h] where p->given is 2, else any pointers. y overlaps nothing. scratch, from a
 * multiple of 4: the gates in halfwords, the state as y stores it, the cell in halfwords, each up to a multiple of four
 * bytes, then the scratch of dense. */
void mce_lstm_u4_w4__c(const mce_recurrent *p, const uint8_t *x, const uint8_t *h0, const uint8_t *c0, uint8_t *y,
                       mce_scratch *scratch);
void mce_lstm_s4_w4__c(const mce_recurrent *p, const uint8_t *x, const uint8_t *h0, const uint8_t *c0, uint8_t *y,
                       mce_scratch *scratch);
void mce_lstm_u8_w4__c(const mce_recurrent *p, const uint8_t *x, const uint8_t *h0, const uint8_t *c0, uint8_t *y,
                       mce_scratch *scratch);
void mce_lstm_s8_w4__c(const mce_recurrent *p, const uint8_t *x, const uint8_t *h0, const uint8_t *c0, uint8_t *y,
                       mce_scratch *scratch);
void mce_lstm_u4_w8__c(const mce_recurrent *p, const uint8_t *x, const uint8_t *h0, const uint8_t *c0, uint8_t *y,
                       mce_scratch *scratch);
void mce_lstm_s4_w8__c(const mce_recurrent *p, const uint8_t *x, const uint8_t *h0, const uint8_t *c0, uint8_t *y,
                       mce_scratch *scratch);
void mce_lstm_u8_w8__c(const mce_recurrent *p, const uint8_t *x, const uint8_t *h0, const uint8_t *c0, uint8_t *y,
                       mce_scratch *scratch);
void mce_lstm_s8_w8__c(const mce_recurrent *p, const uint8_t *x, const uint8_t *h0, const uint8_t *c0, uint8_t *y,
                       mce_scratch *scratch);

void mce_lstm_u8_fx4__dsp(const mce_recurrent *p, const uint8_t *x, const uint8_t *h0, const uint8_t *c0, uint8_t *y,
                          mce_scratch *scratch);
void mce_lstm_s8_fx4__dsp(const mce_recurrent *p, const uint8_t *x, const uint8_t *h0, const uint8_t *c0, uint8_t *y,
                          mce_scratch *scratch);
void mce_lstm_u4_w4__dsp(const mce_recurrent *p, const uint8_t *x, const uint8_t *h0, const uint8_t *c0, uint8_t *y,
                         mce_scratch *scratch);
void mce_lstm_s4_w4__dsp(const mce_recurrent *p, const uint8_t *x, const uint8_t *h0, const uint8_t *c0, uint8_t *y,
                         mce_scratch *scratch);
void mce_lstm_u8_w4__dsp(const mce_recurrent *p, const uint8_t *x, const uint8_t *h0, const uint8_t *c0, uint8_t *y,
                         mce_scratch *scratch);
void mce_lstm_s8_w4__dsp(const mce_recurrent *p, const uint8_t *x, const uint8_t *h0, const uint8_t *c0, uint8_t *y,
                         mce_scratch *scratch);
void mce_lstm_u4_w8__dsp(const mce_recurrent *p, const uint8_t *x, const uint8_t *h0, const uint8_t *c0, uint8_t *y,
                         mce_scratch *scratch);
void mce_lstm_s4_w8__dsp(const mce_recurrent *p, const uint8_t *x, const uint8_t *h0, const uint8_t *c0, uint8_t *y,
                         mce_scratch *scratch);
void mce_lstm_u8_w8__dsp(const mce_recurrent *p, const uint8_t *x, const uint8_t *h0, const uint8_t *c0, uint8_t *y,
                         mce_scratch *scratch);
void mce_lstm_s8_w8__dsp(const mce_recurrent *p, const uint8_t *x, const uint8_t *h0, const uint8_t *c0, uint8_t *y,
                         mce_scratch *scratch);

#ifdef __cplusplus
}
#endif
#endif
