/* Clock tree of STM32F4: PLL from the external clock where it runs, else from the internal 16 MHz oscillator, which is
 * good to 1 % at room temperature (enough for a UART, not for a stopwatch).
 * Registers: RM0390 (STM32F446) and RM0090 (STM32F405), chapters RCC, PWR and FLASH. */
#ifndef MCE_STM32F4_CLOCK_H
#define MCE_STM32F4_CLOCK_H

#include "await.h"

#define STM32F4_RCC 0x40023800u
#define STM32F4_RCC_CR (STM32F4_RCC + 0x00u) /* 16 HSEON, 17 HSERDY, 18 HSEBYP, 24 PLLON, 25 PLLRDY */
#define STM32F4_RCC_PLLCFGR (STM32F4_RCC + 0x04u)
#define STM32F4_RCC_CFGR (STM32F4_RCC + 0x08u) /* 0-1 SW, 2-3 SWS, 4-7 HPRE, 10-12 PPRE1, 13-15 PPRE2 */
#define STM32F4_RCC_AHB1ENR (STM32F4_RCC + 0x30u)
#define STM32F4_RCC_APB1ENR (STM32F4_RCC + 0x40u)
#define STM32F4_RCC_APB2ENR (STM32F4_RCC + 0x44u)
#define STM32F4_PWR_CR 0x40007000u  /* VOS (reset: scale 1, as full speed needs), 16 ODEN, 17 ODSWEN */
#define STM32F4_PWR_CSR 0x40007004u /* 14 VOSRDY, 16 ODRDY, 17 ODSWRDY */
#define STM32F4_FLASH_ACR 0x40023C00u
#define STM32F4_HSI_HZ 16000000u

/* The core runs at (source / m) * n / 2; APB1 at a quarter, APB2 at half of it. source / m is 1 to 2 MHz, that times n
 * 100 to 432 MHz. */
typedef struct {
    uint32_t m_external; /* for the board's external clock */
    uint32_t m_internal; /* for 16 MHz */
    uint32_t n;
    bool bypass;          /* the external clock is a signal, not a crystal */
    bool overdrive;       /* needed beyond 168 MHz where the chip has it */
    uint32_t wait_states; /* of the flash at 2.7 to 3.6 V: RM0390 table 5, RM0090 table 10: one for each 30 MHz */
} mce_stm32f4_clock;

/* Returns the core's clock in Hz: `full_hz`, or 16 MHz where the PLL did not start. */
static inline uint32_t mce_stm32f4_clock_init(const mce_stm32f4_clock *clock, uint32_t full_hz)
{
    MCE_REG(STM32F4_RCC_APB1ENR) |= 1u << 28; /* PWR */
    (void)MCE_REG(STM32F4_RCC_APB1ENR);       /* two bus cycles until the block answers: RM0390, RCC */

    MCE_REG(STM32F4_RCC_CR) |= clock->bypass ? 1u << 18 : 0u;
    MCE_REG(STM32F4_RCC_CR) |= 1u << 16;
    const bool external = mce_await(STM32F4_RCC_CR, 1u << 17, 1u << 17);

    /* m, n, p = 2 (field 0), source; q = 8 keeps the unused 48 MHz output below its limit, r = 2 is its least. */
    const uint32_t m = external ? clock->m_external : clock->m_internal;
    MCE_REG(STM32F4_RCC_PLLCFGR) = m | clock->n << 6 | (external ? 1u << 22 : 0u) | 8u << 24 | 2u << 28;
    MCE_REG(STM32F4_RCC_CR) |= 1u << 24;
    if (!mce_await(STM32F4_RCC_CR, 1u << 25, 1u << 25)) {
        return STM32F4_HSI_HZ;
    }
    if (clock->overdrive) { /* RM0390, PWR, "Entering Over-drive mode" */
        MCE_REG(STM32F4_PWR_CR) |= 1u << 16;
        if (!mce_await(STM32F4_PWR_CSR, 1u << 16, 1u << 16)) {
            return STM32F4_HSI_HZ;
        }
        MCE_REG(STM32F4_PWR_CR) |= 1u << 17;
        if (!mce_await(STM32F4_PWR_CSR, 1u << 17, 1u << 17)) {
            return STM32F4_HSI_HZ;
        }
    }
    /* The wait states must be in force before the clock rises (RM0390, FLASH, read access latency); caches and prefetch
     * come with them. */
    const uint32_t access = clock->wait_states | 1u << 8 | 1u << 9 | 1u << 10;
    MCE_REG(STM32F4_FLASH_ACR) = access;
    if (!mce_await(STM32F4_FLASH_ACR, 0xFu, clock->wait_states)) {
        return STM32F4_HSI_HZ;
    }
    mce_set_field(STM32F4_RCC_CFGR, 0xFu << 4 | 7u << 10 | 7u << 13, 5u << 10 | 4u << 13); /* AHB 1, APB1 4, APB2 2 */
    mce_set_field(STM32F4_RCC_CFGR, 3u, 2u);
    return mce_await(STM32F4_RCC_CFGR, 3u << 2, 2u << 2) ? full_hz : STM32F4_HSI_HZ;
}

#endif
