/* USART of STM32F4 (and F1, F2): status and data registers come first. A port that uses it defines
 * MCE_STM32_USART_BASE, includes this in its port.c once, and calls mce_stm32_usart_init with the clock of the USART's bus.
 * Registers: RM0390 (STM32F446), RM0090 (STM32F405), chapter USART. */
#ifndef MCE_STM32_USART_V1_H
#define MCE_STM32_USART_V1_H

#include "mce_board.h"
#include "mixcomp/port.h"

#define USART_SR MCE_REG(MCE_STM32_USART_BASE + 0x00u) /* 3: overrun, 5: a byte is there, 7: room for a byte */
#define USART_DR MCE_REG(MCE_STM32_USART_BASE + 0x04u)
#define USART_BRR MCE_REG(MCE_STM32_USART_BASE + 0x08u) /* clock / baud: sixteen samples a bit */
#define USART_CR1 MCE_REG(MCE_STM32_USART_BASE + 0x0Cu) /* 2: receive, 3: transmit, 5: receive interrupt, 13: on */
#define USART_CR2 MCE_REG(MCE_STM32_USART_BASE + 0x10u) /* 12, 13: stop bits */
#define USART_CR3 MCE_REG(MCE_STM32_USART_BASE + 0x14u)

static inline void mce_stm32_usart_init(uint32_t clock_hz)
{
    USART_CR1 = 0;
    USART_CR2 = 0; /* one stop bit */
    USART_CR3 = 0; /* no flow control, no DMA */
    USART_BRR = (clock_hz + MCE_BOARD_BAUD / 2u) / MCE_BOARD_BAUD;
    USART_CR1 = 1u << 2 | 1u << 3 | 1u << 5 | 1u << 13;
    mce_port_enable_irq(MCE_BOARD_UART_IRQ);
}

void mce_port_put(uint8_t byte)
{
    while ((USART_SR & 1u << 7) == 0) {}
    USART_DR = byte;
}

void mce_port_receive_irq(void)
{
    /* Reading the status, then the data, clears the errors too (RM0390, USART_SR). */
    const uint32_t status = USART_SR;
    const uint32_t byte = USART_DR;
    if ((status & 1u << 5) != 0) {
        mce_port_received((uint8_t)byte);
    }
}

#endif
