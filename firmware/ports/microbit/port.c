/* BBC micro:bit: nRF51822 at 16 MHz, UART on P0.24 and P0.25 to the interface chip's serial port (micro:bit V1
 * schematic). Its core has no SysTick; TIMER0 counts instead. Registers: nRF51 Series Reference Manual v3.0, 18. */
#include "await.h"

#define MCE_NRF_UART_TXD 24u
#define MCE_NRF_UART_RXD 25u
#include "nrf_uart.h"

#define CLOCK_HFCLKSTART 0x40000000u
#define CLOCK_HFCLKSTARTED 0x40000100u
#define TIMER0 0x40008000u
#define TIMER_START MCE_REG(TIMER0 + 0x000u)
#define TIMER_CAPTURE0 MCE_REG(TIMER0 + 0x040u)
#define TIMER_BITMODE MCE_REG(TIMER0 + 0x508u)   /* 3: 32 bits */
#define TIMER_PRESCALER MCE_REG(TIMER0 + 0x510u) /* 0: 16 MHz, the core's clock */
#define TIMER_CC0 MCE_REG(TIMER0 + 0x540u)

void mce_port_tick_irq(void) {}

/* The timer wraps after 268 s; a wrap is seen as long as this is called once between two of them, as it is at least once
 * an inference. */
uint64_t mce_port_cycles(void)
{
    static uint32_t wraps, last;
    TIMER_CAPTURE0 = 1;
    const uint32_t now = TIMER_CC0;
    wraps += now < last;
    last = now;
    return ((uint64_t)wraps << 32) + now;
}

void mce_port_init(void)
{
    MCE_REG(CLOCK_HFCLKSTARTED) = 0;
    MCE_REG(CLOCK_HFCLKSTART) = 1;               /* the crystal: the internal oscillator is off by up to 6 % */
    (void)mce_await(CLOCK_HFCLKSTARTED, 1u, 1u); /* bounded: without the crystal the core runs on */
    TIMER_BITMODE = 3;
    TIMER_PRESCALER = 0;
    TIMER_START = 1;
    mce_nrf_uart_init();
}
