/* ST NUCLEO-F446RE: STM32F446 at 180 MHz from the ST-LINK's 8 MHz, USART2 on PA2 and PA3 to the ST-LINK's serial port
 * (UM1724, "OSC clock supply" and "USART communication"). Registers: RM0390. */
#include "stm32_gpio.h"
#include "stm32f4_clock.h"
#include "systick.h"

#define MCE_STM32_USART_BASE 0x40004400u /* USART2. RM0390, memory map */
#include "stm32_usart_v1.h"

#define GPIOA 0x40020000u /* RM0390, memory map */

void mce_port_init(void)
{
    /* 8 MHz / 4 or 16 MHz / 8, times 180, over 2. Five wait states: 150 to 180 MHz at 2.7 to 3.6 V, RM0390 table 5. */
    static const mce_stm32f4_clock clock = {
        .m_external = 4, .m_internal = 8, .n = 180, .bypass = true, .overdrive = true, .wait_states = 5};
    const uint32_t core_hz = mce_stm32f4_clock_init(&clock, MCE_BOARD_CLOCK_HZ);

    MCE_REG(STM32F4_RCC_AHB1ENR) |= 1u << 0;  /* GPIOA */
    MCE_REG(STM32F4_RCC_APB1ENR) |= 1u << 17; /* USART2 */
    (void)MCE_REG(STM32F4_RCC_APB1ENR);
    mce_stm32_pin(GPIOA, 2, 7); /* AF7: STM32F446 datasheet (DS10693), alternate functions */
    mce_stm32_pin(GPIOA, 3, 7);
    mce_systick_init();
    mce_stm32_usart_init(core_hz == MCE_BOARD_CLOCK_HZ ? core_hz / 4u : core_hz);
}
