#include "mixcomp/internal/dsp.h"
#include "mixcomp/internal/elements.h"
#include "mixcomp/softmax.h"

MCE_INLINE uint32_t larger(uint32_t a, uint32_t b)
{ return a > b ? a : b; }

/* min(255, (256*e + S/2) / S) */
MCE_INLINE uint32_t share(const uint16_t *e, uint32_t half, uint32_t sum)
{ return mce_usat8((int32_t)((256u * *e + half) / sum)); }

/* e[i] = table[max(x) - x[i]],  S = sum(e),  y[i] = min(255, (256*e[i] + S/2) / S)                    SPEC.md 4.11
 * x of 8 bits, x.c a multiple of 4: four elements to a word. Bounds as in mce_softmax__c. */
void mce_softmax__dsp(const mce_softmax *p, const uint8_t *x, uint8_t *y)
{
    const uint32_t flip = p->x.type == MCE_S8 ? 0x80808080u : 0;
    const int32_t n = p->x.c;
    for (const uint8_t *const last = x + p->x.h * p->x.w * n; x != last;) {
        const uint8_t *const row = x, *const end = x + n;
        uint32_t max = 0, sum = 0;
        for (; x != end; x += 4) {
            const uint32_t v = *(const mce_word_any *)x ^ flip;
            const uint32_t ab = larger(v & 0xFFu, v >> 8 & 0xFFu), cd = larger(v >> 16 & 0xFFu, v >> 24);
            max = larger(max, larger(ab, cd));
        }
        const uint16_t *const table = p->table + max;
        for (x = row; x != end; x += 4) {
            const uint32_t v = *(const mce_word_any *)x ^ flip;
            sum += *(table - (v & 0xFFu));
            sum += *(table - (v >> 8 & 0xFFu));
            sum += *(table - (v >> 16 & 0xFFu));
            sum += *(table - (v >> 24));
        }
        const uint32_t half = sum / 2;
        for (x = row; x != end; x += 4, y += 4) {
            const uint32_t v = *(const mce_word_any *)x ^ flip;
            const uint32_t ab = share(table - (v & 0xFFu), half, sum) | share(table - (v >> 8 & 0xFFu), half, sum) << 8;
            const uint32_t c = share(table - (v >> 16 & 0xFFu), half, sum), d = share(table - (v >> 24), half, sum);
            *(mce_word_any *)y = ab | c << 16 | d << 24;
        }
    }
}
