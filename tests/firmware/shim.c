/* Exports the static inline parts of the kernels to the tests. */
#include "mixcomp/adaptive2d.h"
#include "mixcomp/add.h"
#include "mixcomp/concat.h"
#include "mixcomp/conv2d_add.h"
#include "mixcomp/conv2d_transpose.h"
#include "mixcomp/cumsum.h"
#include "mixcomp/dense.h"
#include "mixcomp/embedding.h"
#include "mixcomp/first_states.h"
#include "mixcomp/gather.h"
#include "mixcomp/internal/elements.h"
#include "mixcomp/log_softmax.h"
#include "mixcomp/matmul.h"
#include "mixcomp/lookup.h"
#include "mixcomp/normalize.h"
#include "mixcomp/pad.h"
#include "mixcomp/pair.h"
#include "mixcomp/pool2d.h"
#include "mixcomp/prelu.h"
#include "mixcomp/push.h"
#include "mixcomp/recurrent.h"
#include "mixcomp/reduce.h"
#include "mixcomp/rescale.h"
#include "mixcomp/resize.h"
#include "mixcomp/softmax.h"
#include "mixcomp/strided.h"
#include "mixcomp/token_offset.h"
#include "mixcomp/tflm.h"

int32_t test_q32(int32_t acc, int32_t m, int32_t s)
{ return mce_q32(acc, m, s); }
int32_t test_round_shift(uint32_t sum, int32_t s)
{ return mce_round_shift(sum, s); }
int32_t test_load(mce_type type, const uint8_t *x, int32_t i)
{ return mce_load(type, x, i); }
int32_t test_load_even(mce_type type, const uint8_t *x, int32_t k)
{ return mce_load_even(type, x, k); }
int32_t test_load_odd(mce_type type, const uint8_t *x, int32_t k)
{ return mce_load_odd(type, x, k); }
void test_store_next(mce_type type, uint8_t *y, int32_t i, int32_t v)
{ mce_store_next(type, y, i, v); }
void test_store_any(mce_type type, uint8_t *y, int32_t i, int32_t n, int32_t v)
{ mce_store_any(type, y, i, n, v); }

void test_store_pair(mce_type type, uint8_t *y, int32_t i, int32_t n, int32_t even, int32_t odd)
{ mce_store_pair(type, y, i, n, even, odd); }

void test_unpack(mce_type type, const uint8_t *x, int32_t start, int32_t n, int16_t *to)
{ mce_unpack(type, x, start, n, to); }

int32_t test_sizeof(int32_t which)
{
    const int32_t sizes[] = {
        (int32_t)sizeof(mce_tensor),       (int32_t)sizeof(mce_requant),      (int32_t)sizeof(mce_window),
        (int32_t)sizeof(mce_conv2d),       (int32_t)sizeof(mce_dense),        (int32_t)sizeof(mce_add),
        (int32_t)sizeof(mce_rescale),      (int32_t)sizeof(mce_concat),       (int32_t)sizeof(mce_pool2d),
        (int32_t)sizeof(mce_pad),          (int32_t)sizeof(mce_softmax),      (int32_t)sizeof(mce_reduce),
        (int32_t)sizeof(mce_normalize),    (int32_t)sizeof(mce_matmul),       (int32_t)sizeof(mce_log_softmax),
        (int32_t)sizeof(mce_cumsum),       (int32_t)sizeof(mce_pair),         (int32_t)sizeof(mce_lookup),
        (int32_t)sizeof(mce_prelu),        (int32_t)sizeof(mce_strided),      (int32_t)sizeof(mce_gather),
        (int32_t)sizeof(mce_resize),       (int32_t)sizeof(mce_adaptive2d),   (int32_t)sizeof(mce_conv2d_transpose),
        (int32_t)sizeof(mce_embedding),    (int32_t)sizeof(mce_token_offset), (int32_t)sizeof(mce_terms),
        (int32_t)sizeof(mce_tflm_softmax), (int32_t)sizeof(mce_initial),      (int32_t)sizeof(mce_recurrent),
        (int32_t)sizeof(mce_push),         (int32_t)sizeof(mce_first_states), (int32_t)sizeof(mce_tflm_log_softmax),
    };
    return sizes[which];
}

#include "mixcomp/internal/tflm.h" /* from here on mce_q32 is another */
int32_t test_tflm(int32_t acc, int32_t m, int32_t shift)
{ return mce_tflm(acc, m, shift); }
