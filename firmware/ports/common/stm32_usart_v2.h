/* USART and LPUART of STM32L4, L4+ and H7: control registers first, flags cleared by a register of their own. A port
 * that uses it defines MCE_STM32_USART_BASE, includes this in its port.c once, and calls mce_stm32_usart_init.
 * Registers: RM0433 (STM32H743), chapter USART, RM0432 (STM32L4+), chapter LPUART: the same offsets and bits. */
#ifndef MCE_STM32_USART_V2_H
#define MCE_STM32_USART_V2_H

#include "mce_board.h"
#include "mixcomp/port.h"

#define USART_CR1 MCE_REG(MCE_STM32_USART_BASE + 0x00u) /* 0: on, 2: receive, 3: transmit, 5: receive interrupt */
#define USART_CR2 MCE_REG(MCE_STM32_USART_BASE + 0x04u) /* 12, 13: stop bits */
#define USART_CR3 MCE_REG(MCE_STM32_USART_BASE + 0x08u)
#define USART_BRR MCE_REG(MCE_STM32_USART_BASE + 0x0Cu)
#define USART_ISR MCE_REG(MCE_STM32_USART_BASE + 0x1Cu) /* 5: a byte is there, 7: room for a byte */
#define USART_ICR MCE_REG(MCE_STM32_USART_BASE + 0x20u) /* 0 parity, 1 framing, 2 noise, 3 overrun: write 1 to clear */
#define USART_RDR MCE_REG(MCE_STM32_USART_BASE + 0x24u)
#define USART_TDR MCE_REG(MCE_STM32_USART_BASE + 0x28u)

/* ticks: of BRR a bit; the kernel clock / baud for a USART, 256 times that for an LPUART. */
static inline void mce_stm32_usart_init(uint32_t ticks)
{
    USART_CR1 = 0;
    USART_CR2 = 0; /* one stop bit */
    USART_CR3 = 0; /* no flow control, no DMA */
    USART_BRR = ticks;
    USART_CR1 = 1u << 0 | 1u << 2 | 1u << 3 | 1u << 5;
    mce_port_enable_irq(MCE_BOARD_UART_IRQ);
}

void mce_port_put(uint8_t byte)
{
    while ((USART_ISR & 1u << 7) == 0) {}
    USART_TDR = byte;
}

void mce_port_receive_irq(void)
{
    USART_ICR = 0xFu;
    while ((USART_ISR & 1u << 5) != 0) {
        mce_port_received((uint8_t)USART_RDR);
    }
}

#endif
