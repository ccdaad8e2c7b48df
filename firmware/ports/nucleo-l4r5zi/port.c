/* ST NUCLEO-L4R5ZI: STM32L4R5 at 120 MHz from the internal 16 MHz oscillator (1 % at room temperature; the board has no
 * fast crystal), LPUART1 on PG7 and PG8 to the ST-LINK's serial port (UM2179, "LPUART1 communication"). */
#include "stm32_gpio.h"
#include "systick.h"

#define MCE_STM32_USART_BASE 0x40008000u /* LPUART1. RM0432, memory map */
#include "stm32_usart_v2.h"

/* Registers and fields have their names in RM0432, chapters RCC, PWR and FLASH. */
#define RCC 0x40021000u
#define RCC_CR (RCC + 0x00u)   /* 8 HSION, 10 HSIRDY, 24 PLLON, 25 PLLRDY */
#define RCC_CFGR (RCC + 0x08u) /* 0-1 SW, 2-3 SWS, 4-7 HPRE, 8-10 PPRE1 */
#define RCC_PLLCFGR (RCC + 0x0Cu)
#define RCC_AHB2ENR (RCC + 0x4Cu)
#define RCC_APB1ENR1 (RCC + 0x58u)
#define RCC_APB1ENR2 (RCC + 0x5Cu)
#define RCC_CCIPR (RCC + 0x88u) /* 10-11 LPUART1SEL */
#define PWR_CR1 0x40007000u     /* 9-10 VOS */
#define PWR_CR2 0x40007004u     /* 9 IOSV */
#define PWR_SR2 0x40007014u     /* 10 VOSF */
#define PWR_CR5 0x40007080u     /* 8 R1MODE */
#define FLASH_ACR 0x40022000u
#define GPIOF 0x48001400u /* RM0432, memory map */
#define GPIOG 0x48001800u
#define TIMESTAMP_PIN 13u /* PF13 is D7 of the board's Arduino row. UM2179, "Zio connectors" */
#define HSI_HZ 16000000u

/* Where a wait finds no end the core stays at 4 MHz, its clock after reset; the UART does not mind. */
static void clock_init(void)
{
    MCE_REG(RCC_APB1ENR1) |= 1u << 28; /* PWR */
    (void)MCE_REG(RCC_APB1ENR1);
    mce_set_field(PWR_CR1, 3u << 9, 1u << 9); /* range 1 */
    MCE_REG(RCC_CR) |= 1u << 8;
    if (!mce_await(PWR_SR2, 1u << 10, 0) || !mce_await(RCC_CR, 1u << 10, 1u << 10)) {
        return;
    }
    /* From HSI16 (2), / 2 (field 1), * 30 = 240 MHz, output R on and / 2 (field 0). */
    MCE_REG(RCC_PLLCFGR) = 2u | 1u << 4 | 30u << 8 | 1u << 24;
    MCE_REG(RCC_CR) |= 1u << 24;
    /* Beyond 80 MHz (RM0432, PWR, dynamic voltage scaling): the bus at half speed over the switch, boost, then wait
     * states: five for 100 to 120 MHz (RM0432, FLASH, read access latency). */
    mce_set_field(RCC_CFGR, 0xFu << 4 | 7u << 8 | 7u << 11, 8u << 4);
    mce_set_field(PWR_CR5, 1u << 8, 0);
    MCE_REG(FLASH_ACR) = 5u | 1u << 8 | 1u << 9 | 1u << 10; /* prefetch, instruction cache, data cache */
    if (!mce_await(FLASH_ACR, 0xFu, 5u) || !mce_await(RCC_CR, 1u << 25, 1u << 25)) {
        mce_set_field(RCC_CFGR, 0xFu << 4, 0);
        return;
    }
    mce_set_field(RCC_CFGR, 3u, 3u);
    (void)mce_await(RCC_CFGR, 3u << 2, 3u << 2);
    for (uint32_t read = 0; read < 100; read++) { /* at least 1 us at 60 MHz, as the manual asks */
        (void)MCE_REG(RCC_CFGR);
    }
    mce_set_field(RCC_CFGR, 0xFu << 4, 0);
}

void mce_port_mark_time(void)
{ mce_stm32_mark_time(GPIOF, TIMESTAMP_PIN); }

void mce_port_init(void)
{
    clock_init();
    if (MCE_BOARD_ENERGY) {
        MCE_REG(RCC_AHB2ENR) |= 1u << 5; /* GPIOF */
        (void)MCE_REG(RCC_AHB2ENR);
        mce_stm32_output(GPIOF, TIMESTAMP_PIN);
    }
    MCE_REG(RCC_AHB2ENR) |= 1u << 6;              /* GPIOG */
    MCE_REG(RCC_APB1ENR2) |= 1u << 0;             /* LPUART1 */
    MCE_REG(PWR_CR2) |= 1u << 9;                  /* pins PG2 to PG15 have a supply of their own */
    mce_set_field(RCC_CCIPR, 3u << 10, 2u << 10); /* the UART's clock is HSI16, whatever the core's is */
    mce_stm32_pin(GPIOG, 7, 8);                   /* AF8: STM32L4R5 datasheet (DS12023), alternate functions */
    mce_stm32_pin(GPIOG, 8, 8);
    mce_systick_init();
    /* 256 * 16 MHz / baud */
    mce_stm32_usart_init((uint32_t)((256ull * HSI_HZ + MCE_BOARD_BAUD / 2u) / MCE_BOARD_BAUD));
}
