// From reset through setup() and one loop() to the end of QEMU. UART 0: Arm DAI 0386, DDI 0479.
#include "Arduino.h"

static volatile uint32_t *const uart = reinterpret_cast<volatile uint32_t *>(0x40004000u);

void Port::begin(unsigned long)
{
    uart[4] = 16; // the least divisor of its clock
    uart[2] = 1;  // transmits
}

void Port::print(const char *text)
{
    for (; *text != 0; text++) {
        while ((uart[1] & 1u) != 0) {}
        uart[0] = static_cast<uint8_t>(*text);
    }
}

void Port::print(unsigned value)
{
    char digits[11], *at = digits + 10;
    *at = 0;
    do {
        *--at = static_cast<char>('0' + value % 10);
        value /= 10;
    } while (value != 0);
    print(at);
}

void Port::println(const char *text)
{
    print(text);
    print("\n");
}

Port Serial;

extern "C" {
typedef void (*constructor)();
extern uint32_t stack[], data[], data_end[], data_from[], bss[], bss_end[];
extern constructor init[], init_end[];

void reset()
{
    for (uint32_t *to = data, *from = data_from; to != data_end; to++, from++) {
        *to = *from;
    }
    for (uint32_t *to = bss; to != bss_end; to++) {
        *to = 0;
    }
    for (constructor *each = init; each != init_end; each++) {
        (*each)();
    }
    setup();
    loop();
    __asm__ volatile("mov r0, #0x18\n\tldr r1, =0x20026\n\tbkpt #0xAB"); // SYS_EXIT, the application ends
    for (;;) {}
}

__attribute__((used, section(".vectors"))) void *const vectors[] = {stack, reinterpret_cast<void *>(reset)};
}
