/* Square roots of integers, rounded down. */
#ifndef MIXCOMP_INTERNAL_ROOTS_H
#define MIXCOMP_INTERNAL_ROOTS_H

#include "mixcomp/internal/arith.h"

/* The largest r with r*r <= v, v < 2^62, bit by bit: root holds r's known bits times the bit in question. */
MCE_INLINE uint32_t mce_root(uint64_t v)
{
    uint64_t root = 0;
    for (uint64_t bit = (uint64_t)1 << 60; bit != 0; bit >>= 2) {
        const uint64_t trial = root + bit;
        root >>= 1;
        if (v >= trial) {
            v -= trial;
            root += bit;
        }
    }
    return (uint32_t)root;
}

#endif
