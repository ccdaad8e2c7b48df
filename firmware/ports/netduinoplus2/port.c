/* Netduino Plus 2: STM32F405 at 168 MHz from 25 MHz, USART1 on PA9 and PA10, which QEMU shows as the first serial port. */
#include "stm32_gpio.h"
#include "stm32f4_clock.h"
#include "systick.h"

#define MCE_STM32_USART_BASE 0x40011000u /* USART1. RM0090 table 1 */
#include "stm32_usart_v1.h"

#define GPIOA 0x40020000u /* RM0090 table 1 */

void mce_port_init(void)
{
    /* 25 MHz / 25 or 16 MHz / 16, times 336, over 2. Five wait states: 150 to 168 MHz at 2.7 to 3.6 V, RM0090 table 10. */
    static const mce_stm32f4_clock clock = {.m_external = 25, .m_internal = 16, .n = 336, .wait_states = 5};
    const uint32_t core_hz = mce_stm32f4_clock_init(&clock, MCE_BOARD_CLOCK_HZ);

    MCE_REG(STM32F4_RCC_AHB1ENR) |= 1u << 0; /* GPIOA. RM0090 7.3.10 */
    MCE_REG(STM32F4_RCC_APB2ENR) |= 1u << 4; /* USART1. RM0090 7.3.14 */
    (void)MCE_REG(STM32F4_RCC_APB2ENR);
    mce_stm32_pin(GPIOA, 9, 7); /* AF7: STM32F405 datasheet (DS8626), table 9 */
    mce_stm32_pin(GPIOA, 10, 7);
    mce_systick_init();
    mce_stm32_usart_init(core_hz == MCE_BOARD_CLOCK_HZ ? core_hz / 2u : core_hz);
}
