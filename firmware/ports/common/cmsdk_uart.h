/* The UART of Arm's Cortex-M System Design Kit, as MPS2 and MPS3 images have it. A port that uses it defines
 * MCE_CMSDK_UART_BASE and MCE_CMSDK_UART_CLOCK_HZ, includes this in its port.c once, and calls mce_cmsdk_uart_init.
 * Registers: Arm DDI 0479, Cortex-M System Design Kit TRM, APB UART. */
#ifndef MCE_CMSDK_UART_H
#define MCE_CMSDK_UART_H

#include "mce_board.h"
#include "mixcomp/port.h"

#define UART_DATA MCE_REG(MCE_CMSDK_UART_BASE + 0x00u)
#define UART_STATE MCE_REG(MCE_CMSDK_UART_BASE + 0x04u) /* bit 0: transmitter full, bit 1: a byte is there */
#define UART_CTRL MCE_REG(MCE_CMSDK_UART_BASE + 0x08u)  /* bit 0: transmit, 1: receive, 3: receive interrupt */
#define UART_INT MCE_REG(MCE_CMSDK_UART_BASE + 0x0Cu)   /* write 1 to clear; bit 1: receive, 3: overrun */
#define UART_BAUD MCE_REG(MCE_CMSDK_UART_BASE + 0x10u)  /* clock / baud */

static inline void mce_cmsdk_uart_init(void)
{
    UART_BAUD = (MCE_CMSDK_UART_CLOCK_HZ + MCE_BOARD_BAUD / 2u) / MCE_BOARD_BAUD;
    UART_CTRL = 1u << 0 | 1u << 1 | 1u << 3;
    mce_port_enable_irq(MCE_BOARD_UART_IRQ);
}

void mce_port_put(uint8_t byte)
{
    while ((UART_STATE & 1u) != 0) {}
    UART_DATA = byte;
}

void mce_port_receive_irq(void)
{
    UART_INT = 1u << 1 | 1u << 3; /* first: a byte that comes while this runs asks again */
    while ((UART_STATE & 2u) != 0) {
        mce_port_received((uint8_t)UART_DATA);
    }
    UART_STATE = 1u << 3; /* clears the overrun */
}

#endif
