/* lstm_states, SPEC.md 4.35. kernels/catalogue.toml says which kernel takes what packing. act is the type of the state as it is multiplied. */
#ifndef MIXCOMP_LSTM_STATES_H
#define MIXCOMP_LSTM_STATES_H

#include "mixcomp/recurrent.h"

#ifdef __cplusplus
extern "C" {
#endif

/* x [steps][4 * h]; before and each row of y [steps] hold the states in 16 bits, the low byte first: h, then c. y may be before,
 * where there is one step, and overlaps nothing else. scratch as that of lstm. */
void mce_lstm_states_u4_w4__c(const mce_recurrent *p, const uint8_t *x, const uint8_t *before, uint8_t *y,
                              mce_scratch *scratch);
void mce_lstm_states_s4_w4__c(const mce_recurrent *p, const uint8_t *x, const uint8_t *before, uint8_t *y,
                              mce_scratch *scratch);
void mce_lstm_states_u8_w4__c(const mce_recurrent *p, const uint8_t *x, const uint8_t *before, uint8_t *y,
                              mce_scratch *scratch);
void mce_lstm_states_s8_w4__c(const mce_recurrent *p, const uint8_t *x, const uint8_t *before, uint8_t *y,
                              mce_scratch *scratch);
void mce_lstm_states_u4_w8__c(const mce_recurrent *p, const uint8_t *x, const uint8_t *before, uint8_t *y,
                              mce_scratch *scratch);
void mce_lstm_states_s4_w8__c(const mce_recurrent *p, const uint8_t *x, const uint8_t *before, uint8_t *y,
                              mce_scratch *scratch);
void mce_lstm_states_u8_w8__c(const mce_recurrent *p, const uint8_t *x, const uint8_t *before, uint8_t *y,
                              mce_scratch *scratch);
void mce_lstm_states_s8_w8__c(const mce_recurrent *p, const uint8_t *x, const uint8_t *before, uint8_t *y,
                              mce_scratch *scratch);

void mce_lstm_states_u8_fx4__dsp(const mce_recurrent *p, const uint8_t *x, const uint8_t *before, uint8_t *y,
                                 mce_scratch *scratch);
void mce_lstm_states_s8_fx4__dsp(const mce_recurrent *p, const uint8_t *x, const uint8_t *before, uint8_t *y,
                                 mce_scratch *scratch);
void mce_lstm_states_u4_w4__dsp(const mce_recurrent *p, const uint8_t *x, const uint8_t *before, uint8_t *y,
                                mce_scratch *scratch);
void mce_lstm_states_s4_w4__dsp(const mce_recurrent *p, const uint8_t *x, const uint8_t *before, uint8_t *y,
                                mce_scratch *scratch);
void mce_lstm_states_u8_w4__dsp(const mce_recurrent *p, const uint8_t *x, const uint8_t *before, uint8_t *y,
                                mce_scratch *scratch);
void mce_lstm_states_s8_w4__dsp(const mce_recurrent *p, const uint8_t *x, const uint8_t *before, uint8_t *y,
                                mce_scratch *scratch);
void mce_lstm_states_u4_w8__dsp(const mce_recurrent *p, const uint8_t *x, const uint8_t *before, uint8_t *y,
                                mce_scratch *scratch);
void mce_lstm_states_s4_w8__dsp(const mce_recurrent *p, const uint8_t *x, const uint8_t *before, uint8_t *y,
                                mce_scratch *scratch);
void mce_lstm_states_u8_w8__dsp(const mce_recurrent *p, const uint8_t *x, const uint8_t *before, uint8_t *y,
                                mce_scratch *scratch);
void mce_lstm_states_s8_w8__dsp(const mce_recurrent *p, const uint8_t *x, const uint8_t *before, uint8_t *y,
                                mce_scratch *scratch);

#ifdef __cplusplus
}
#endif
#endif
