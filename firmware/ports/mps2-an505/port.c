/* Arm MPS2, image AN505. The FPGA image has set clocks and pins. */
#include "systick.h"

#define MCE_CMSDK_UART_BASE 0x50200000u /* UART 0. Arm DAI 0505 */
#define MCE_CMSDK_UART_CLOCK_HZ MCE_BOARD_CLOCK_HZ
#include "cmsdk_uart.h"

void mce_port_init(void)
{
    mce_systick_init();
    mce_cmsdk_uart_init();
}
