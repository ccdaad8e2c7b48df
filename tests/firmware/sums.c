/* The smallest program that gcc 12.2 compiles to a wrong sum at -O3 without MCE_IN_REGISTER in internal/dsp.h: two wrapping
 * sums side by side, read as unsigned numbers behind their loop. Prints the sums of the even and the odd elements. */
#include "mixcomp/internal/dsp.h"

#include <stdio.h>

static void __attribute__((noinline)) sums(const uint32_t *x, const uint32_t *end, uint32_t a, uint32_t *y)
{
    int32_t even = 0, odd = 0;
    for (; x != end; x += 2) {
        even = mce_smlabb(x[0], 1, even);
        odd = mce_smlabb(x[1], 1, odd);
    }
    y[0] = (uint32_t)even + a;
    y[1] = (uint32_t)odd + a;
}

int main(void)
{
    uint32_t x[64], y[2];
    for (uint32_t i = 0; i < 64; i++) {
        x[i] = i + 3;
    }
    sums(x, x + 64, 0, y);
    printf("%u %u\n", (unsigned)y[0], (unsigned)y[1]);
    return 0;
}
