/* Nordic nRF52840 DK: the core always runs at 64 MHz; UART on P0.06 and P0.08 to the interface chip's serial port
 * (nRF52840 DK Hardware User Guide v1.2, "Virtual COM port"). */
#include "await.h"
#include "systick.h"

#define MCE_NRF_UART_TXD 6u
#define MCE_NRF_UART_RXD 8u
#include "nrf_uart.h"

/* Registers: nRF52840 Product Specification v1.1, chapters CLOCK and NVMC */
#define CLOCK_HFCLKSTART 0x40000000u
#define CLOCK_HFCLKSTARTED 0x40000100u
#define NVMC_ICACHECNF 0x4001E540u

void mce_port_init(void)
{
    MCE_REG(CLOCK_HFCLKSTARTED) = 0;
    MCE_REG(CLOCK_HFCLKSTART) = 1;               /* the crystal: 40 ppm instead of 1.5 %, for the times that we tell */
    (void)mce_await(CLOCK_HFCLKSTARTED, 1u, 1u); /* without it the core runs on at 64 MHz from the internal one */
    MCE_REG(NVMC_ICACHECNF) = 1u;                /* flash has two wait states; the cache hides them */
    mce_systick_init();
    mce_nrf_uart_init();
}
