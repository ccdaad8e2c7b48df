#include "mixcomp/first_states.h"
#include "mixcomp/internal/elements.h"
#include "mixcomp/internal/gates.h"

/* y[k, i] = c16(q32(v_k[i] - zero_k, m_k, s_k))                                                       SPEC.md 4.37
 * |v_k - zero_k| * 2^s_k < 2^31 (lowering proves it). */
void mce_first_states__c(const mce_first_states *p, const uint8_t *h0, const uint8_t *c0, uint8_t *y)
{
    for (int32_t k = 0; k < 2; k++) {
        const mce_initial *const of = p->of + k;
        const uint8_t *const v = k == 0 ? h0 : c0;
        for (int32_t i = 0; i < p->size; i++, y += 2) {
            const int32_t q =
                mce_q32(mce_load(of->type, v, i) - of->zero, of->requant.multiplier[0], of->requant.shift);
            const int32_t state = mce_clamp16(q);
            y[0] = (uint8_t)state;
            y[1] = (uint8_t)(state >> 8);
        }
    }
}
