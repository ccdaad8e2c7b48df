/* Waiting for hardware with an end: a clock that never starts must not hang a board that can run from another one. */
#ifndef MCE_AWAIT_H
#define MCE_AWAIT_H

#include <stdbool.h>

#include "mixcomp/port.h"

/* Reads of a register before its wait is given up: some ten cycles each, so 5 ms and more at the fastest clock that a
 * port still waits under (400 MHz), half a second at 4 MHz. Oscillators start within 2 ms at their reset clocks. */
#define MCE_AWAIT_READS 200000u

/* Whether `mask` in the register at `address` became `value`. */
static inline bool mce_await(uint32_t address, uint32_t mask, uint32_t value)
{
    for (uint32_t read = 0; read < MCE_AWAIT_READS; read++) {
        if ((MCE_REG(address) & mask) == value) {
            return true;
        }
    }
    return false;
}

/* Writes `value` into the bits of `mask`, and only there. */
static inline void mce_set_field(uint32_t address, uint32_t mask, uint32_t value)
{ MCE_REG(address) = (MCE_REG(address) & ~mask) | value; }

#endif
