/* Clocks and UART 0 of RP2040 and RP2350: the same blocks at other addresses. A port that uses it defines
 * MCE_RP2_RESETS, _CLOCKS, _XOSC, _PLL_SYS, _IO_BANK0, _PADS_BANK0 and _UART0, the reset bits MCE_RP2_RESET_IO, _PADS,
 * _PLL and _UART, and the PLL's MCE_RP2_PLL_MULTIPLY, _DIVIDE1 and _DIVIDE2, includes this in its port.c once, and calls
 * mce_rp2_clock_init, then mce_rp2_uart_init.
 * Registers: RP2040 datasheet 2.14 (resets), 2.15 (clocks), 2.16 (XOSC), 2.18 (PLL), 2.19 (GPIO), 4.2 (UART, an Arm
 * PL011); RP2350 datasheet 7.5, 8.1, 8.2, 8.6, 9.11, 12.1. */
#ifndef MCE_RP2_H
#define MCE_RP2_H

#include "await.h"

#define RP2_RESET (MCE_RP2_RESETS + 0x00u)
#define RP2_RESET_DONE (MCE_RP2_RESETS + 0x08u)
#define RP2_SET 0x2000u /* the same register here: ones written set bits; at 0x3000 they clear. RP2040 2.1.2 */
#define RP2_CLEAR 0x3000u
#define RP2_CLK_REF_CTRL (MCE_RP2_CLOCKS + 0x30u) /* 0-1 source: 2 XOSC */
#define RP2_CLK_REF_SELECTED (MCE_RP2_CLOCKS + 0x38u)
#define RP2_CLK_SYS_CTRL (MCE_RP2_CLOCKS + 0x3Cu) /* 0 source: 0 clk_ref, 1 auxiliary; 5-7 auxiliary: 0 PLL_SYS */
#define RP2_CLK_SYS_SELECTED (MCE_RP2_CLOCKS + 0x44u)
#define RP2_CLK_PERI_CTRL (MCE_RP2_CLOCKS + 0x48u) /* 5-7 auxiliary: 4 XOSC; 11 enable */
#define RP2_XOSC_CTRL (MCE_RP2_XOSC + 0x00u)
#define RP2_XOSC_STATUS (MCE_RP2_XOSC + 0x04u) /* 31 stable */
#define RP2_XOSC_STARTUP (MCE_RP2_XOSC + 0x0Cu)
#define RP2_PLL_CS (MCE_RP2_PLL_SYS + 0x00u)  /* 0-5 divide the reference, 31 lock */
#define RP2_PLL_PWR (MCE_RP2_PLL_SYS + 0x04u) /* 0 PLL, 3 post divider, 5 VCO: 1 is off */
#define RP2_PLL_FBDIV (MCE_RP2_PLL_SYS + 0x08u)
#define RP2_PLL_PRIM (MCE_RP2_PLL_SYS + 0x0Cu) /* 12-14 and 16-18: the post dividers */
#define RP2_GPIO_CTRL(pin) (MCE_RP2_IO_BANK0 + 8u * (pin) + 4u)
#define RP2_PAD(pin) (MCE_RP2_PADS_BANK0 + 4u * (pin) + 4u)
#define RP2_UART_DR MCE_REG(MCE_RP2_UART0 + 0x00u)
#define RP2_UART_FR MCE_REG(MCE_RP2_UART0 + 0x18u) /* 4 nothing received, 5 transmitter full */
#define RP2_UART_IBRD MCE_REG(MCE_RP2_UART0 + 0x24u)
#define RP2_UART_FBRD MCE_REG(MCE_RP2_UART0 + 0x28u)
#define RP2_UART_LCR_H MCE_REG(MCE_RP2_UART0 + 0x2Cu) /* 4 FIFOs, 5-6 word length */
#define RP2_UART_CR MCE_REG(MCE_RP2_UART0 + 0x30u)    /* 0 on, 8 transmit, 9 receive */
#define RP2_UART_IFLS MCE_REG(MCE_RP2_UART0 + 0x34u)  /* when the FIFOs ask */
#define RP2_UART_IMSC MCE_REG(MCE_RP2_UART0 + 0x38u)  /* 4 receive, 6 receive time-out */
#define RP2_UART_ICR MCE_REG(MCE_RP2_UART0 + 0x44u)
#define RP2_XOSC_HZ 12000000u /* the crystal on Pico and Pico 2 */

/* A debugger's reset leaves clocks as they were, so nothing here relies on reset values. */
static inline void mce_rp2_clock_init(void)
{
    MCE_REG(RP2_XOSC_CTRL) = 0xAA0u;                        /* 1 to 15 MHz */
    MCE_REG(RP2_XOSC_STARTUP) = RP2_XOSC_HZ / 256000u + 1u; /* 1 ms, in 256 cycles of the crystal. RP2040 2.16.3 */
    MCE_REG(RP2_XOSC_CTRL) = 0xFABu << 12 | 0xAA0u;
    (void)mce_await(RP2_XOSC_STATUS, 1u << 31, 1u << 31);
    MCE_REG(RP2_CLK_SYS_CTRL + RP2_CLEAR) = 1u; /* off the PLL before it is touched */
    (void)mce_await(RP2_CLK_SYS_SELECTED, 3u, 1u);
    mce_set_field(RP2_CLK_REF_CTRL, 3u, 2u);
    (void)mce_await(RP2_CLK_REF_SELECTED, 0xFu, 1u << 2);

    MCE_REG(RP2_RESET + RP2_SET) = MCE_RP2_RESET_PLL;
    MCE_REG(RP2_RESET + RP2_CLEAR) = MCE_RP2_RESET_PLL;
    (void)mce_await(RP2_RESET_DONE, MCE_RP2_RESET_PLL, MCE_RP2_RESET_PLL);
    MCE_REG(RP2_PLL_CS) = 1u;
    MCE_REG(RP2_PLL_FBDIV) = MCE_RP2_PLL_MULTIPLY;
    MCE_REG(RP2_PLL_PWR + RP2_CLEAR) = 1u << 0 | 1u << 5;
    if (!mce_await(RP2_PLL_CS, 1u << 31, 1u << 31)) {
        return;
    }
    MCE_REG(RP2_PLL_PRIM) = MCE_RP2_PLL_DIVIDE1 << 16 | MCE_RP2_PLL_DIVIDE2 << 12;
    MCE_REG(RP2_PLL_PWR + RP2_CLEAR) = 1u << 3;
    MCE_REG(RP2_CLK_SYS_CTRL + RP2_CLEAR) = 7u << 5;
    MCE_REG(RP2_CLK_SYS_CTRL + RP2_SET) = 1u;
    (void)mce_await(RP2_CLK_SYS_SELECTED, 3u, 2u);
}

/* Transmit on GP0, receive on GP1. Its clock is the crystal's, so its baud rate does not hang on the core's clock. */
static inline void mce_rp2_uart_init(void)
{
    enum { DIVISOR_64 = (4u * RP2_XOSC_HZ + MCE_BOARD_BAUD / 2u) / MCE_BOARD_BAUD }; /* 64 * 12 MHz / (16 * baud) */
    const uint32_t blocks = MCE_RP2_RESET_IO | MCE_RP2_RESET_PADS | MCE_RP2_RESET_UART;
    MCE_REG(RP2_CLK_PERI_CTRL) = 0;
    MCE_REG(RP2_CLK_PERI_CTRL) = 1u << 11 | 4u << 5;
    MCE_REG(RP2_RESET + RP2_SET) = MCE_RP2_RESET_UART;
    MCE_REG(RP2_RESET + RP2_CLEAR) = blocks;
    (void)mce_await(RP2_RESET_DONE, blocks, blocks);
    for (uint32_t pin = 0; pin < 2; pin++) {
        MCE_REG(RP2_GPIO_CTRL(pin)) = 2u; /* function 2: UART */
        MCE_REG(RP2_PAD(pin)) = 0x5Au;    /* input on, 4 mA, pulled up, Schmitt trigger; RP2350: not isolated */
    }
    RP2_UART_IBRD = DIVISOR_64 / 64u;
    RP2_UART_FBRD = DIVISOR_64 % 64u;
    RP2_UART_LCR_H = 3u << 5 | 1u << 4; /* after the divisor, which it puts in force. RP2040 4.2.7.1 */
    RP2_UART_IFLS = 0;                  /* ask when 4 of 32 bytes are there, or after 32 bit times of silence */
    RP2_UART_CR = 1u << 0 | 1u << 8 | 1u << 9;
    RP2_UART_IMSC = 1u << 4 | 1u << 6;
    mce_port_enable_irq(MCE_BOARD_UART_IRQ);
}

void mce_port_put(uint8_t byte)
{
    while ((RP2_UART_FR & 1u << 5) != 0) {}
    RP2_UART_DR = byte;
}

void mce_port_receive_irq(void)
{
    RP2_UART_ICR = 0x7FFu;
    while ((RP2_UART_FR & 1u << 4) == 0) {
        mce_port_received((uint8_t)RP2_UART_DR);
    }
}

#endif
