/* ST NUCLEO-H743ZI and H743ZI2: STM32H743 at 400 MHz, which every revision of the silicon reaches (480 MHz is for
 * revision V alone), from the ST-LINK's 8 MHz or else the internal 64 MHz oscillator; USART3 on PD8 and PD9 to the
 * ST-LINK's serial port (UM1974, "OSC clock" and "USART communication"). */
#include "stm32_gpio.h"
#include "systick.h"

#define MCE_STM32_USART_BASE 0x40004800u /* USART3. RM0433, memory map */
#include "stm32_usart_v2.h"

/* Registers and fields have their names in RM0433, chapters RCC, PWR and FLASH. */
#define RCC 0x58024400u
#define RCC_CR (RCC + 0x00u)   /* 16 HSEON, 17 HSERDY, 18 HSEBYP, 24 PLL1ON, 25 PLL1RDY */
#define RCC_CFGR (RCC + 0x10u) /* 0-2 SW, 3-5 SWS */
#define RCC_D1CFGR (RCC + 0x18u)
#define RCC_D2CFGR (RCC + 0x1Cu)
#define RCC_D3CFGR (RCC + 0x20u)
#define RCC_PLLCKSELR (RCC + 0x28u)
#define RCC_PLLCFGR (RCC + 0x2Cu)
#define RCC_PLL1DIVR (RCC + 0x30u)
#define RCC_D2CCIP2R (RCC + 0x54u) /* 0-2 USART234578SEL */
#define RCC_AHB4ENR (RCC + 0xE0u)
#define RCC_APB1LENR (RCC + 0xE8u)
#define PWR_CSR1 0x58024804u /* 13 ACTVOSRDY */
#define PWR_CR3 0x5802480Cu  /* 0 BYPASS, 1 LDOEN, 2 SCUEN */
#define PWR_D3CR 0x58024818u /* 13 VOSRDY, 14-15 VOS */
#define FLASH_ACR 0x52002000u
#define GPIOD 0x58020C00u /* RM0433, memory map */
#define HSI_HZ 64000000u  /* the clock after reset, and the UART's */

/* Silicon of revision Y may read wrong data from the AXI SRAM, our RAM, unless its reads are issued one by one.
 * STM32H743 errata sheet (ES0392), "Reading from AXI SRAM may lead to data read corruption" */
#define DBGMCU_IDCODE 0x5C001000u /* 16-31 revision: 0x1003 is Y, 0x2003 V */
#define AXI_TARG7_FN_MOD 0x51008108u

/* Caches of Cortex-M7. Arm DDI 0403E B3.2.8, B4.8 */
#define SCB_CCR 0xE000ED14u /* 16 data cache, 17 instruction cache */
#define SCB_CSSELR 0xE000ED84u
#define SCB_ICIALLU 0xE000EF50u
#define SCB_DCISW 0xE000EF60u

static void caches_init(void)
{
    enum { SETS = 128, WAYS = 4 }; /* of 32 bytes: 16 KiB of data cache. STM32H743 datasheet (DS12110), features */
    MCE_REG(SCB_ICIALLU) = 0;
    MCE_REG(SCB_CSSELR) = 0;
    __asm__ volatile("dsb" ::: "memory");
    for (uint32_t set = 0; set < SETS; set++) {
        for (uint32_t way = 0; way < WAYS; way++) {
            MCE_REG(SCB_DCISW) = way << 30 | set << 5;
        }
    }
    __asm__ volatile("dsb\n\tisb" ::: "memory");
    MCE_REG(SCB_CCR) |= 1u << 16 | 1u << 17;
    __asm__ volatile("dsb\n\tisb" ::: "memory");
}

static void clock_init(void)
{
    /* The supply must be chosen once before the voltage may rise (RM0433, PWR, system supply startup): the LDO, as the
     * board is wired. */
    mce_set_field(PWR_CR3, 7u, 1u << 1 | 1u << 2);
    (void)mce_await(PWR_CSR1, 1u << 13, 1u << 13);
    mce_set_field(PWR_D3CR, 3u << 14, 3u << 14); /* VOS1 */
    if (!mce_await(PWR_D3CR, 1u << 13, 1u << 13)) {
        return;
    }
    MCE_REG(RCC_CR) |= 1u << 18;
    MCE_REG(RCC_CR) |= 1u << 16;
    const bool external = mce_await(RCC_CR, 1u << 17, 1u << 17);

    /* 8 MHz in: HSE / 1 or HSI / 8; * 100 = 800 MHz; / 2. Input range 8 to 16 MHz, wide VCO, output P only. */
    MCE_REG(RCC_PLLCKSELR) = external ? 2u | 1u << 4 : 0u | 8u << 4;
    MCE_REG(RCC_PLLCFGR) = 3u << 2 | 1u << 16;
    MCE_REG(RCC_PLL1DIVR) = 99u | 1u << 9;
    MCE_REG(RCC_CR) |= 1u << 24;
    if (!mce_await(RCC_CR, 1u << 25, 1u << 25)) {
        return;
    }
    /* AXI and AHB at half of the core's clock, all APB at a quarter: 200 and 100 MHz, their limits in VOS1. */
    MCE_REG(RCC_D1CFGR) = 8u | 4u << 4;
    MCE_REG(RCC_D2CFGR) = 4u << 4 | 4u << 8;
    MCE_REG(RCC_D3CFGR) = 4u << 4;
    MCE_REG(FLASH_ACR) = 2u | 2u << 4; /* AXI at 185 to 210 MHz in VOS1: RM0433 table 17 */
    if (!mce_await(FLASH_ACR, 0xFu, 2u)) {
        return;
    }
    mce_set_field(RCC_CFGR, 7u, 3u);
    (void)mce_await(RCC_CFGR, 7u << 3, 3u << 3);
}

void mce_port_init(void)
{
    if (MCE_REG(DBGMCU_IDCODE) >> 16 < 0x2000u) {
        MCE_REG(AXI_TARG7_FN_MOD) = 1u;
    }
    caches_init();
    clock_init();
    mce_set_field(RCC_D2CCIP2R, 7u, 3u); /* the UART's clock is HSI, whatever the core's is */
    MCE_REG(RCC_AHB4ENR) |= 1u << 3;     /* GPIOD */
    MCE_REG(RCC_APB1LENR) |= 1u << 18;   /* USART3 */
    (void)MCE_REG(RCC_APB1LENR);
    mce_stm32_pin(GPIOD, 8, 7); /* AF7: STM32H743 datasheet (DS12110), alternate functions */
    mce_stm32_pin(GPIOD, 9, 7);
    mce_systick_init();
    mce_stm32_usart_init((HSI_HZ + MCE_BOARD_BAUD / 2u) / MCE_BOARD_BAUD);
}
