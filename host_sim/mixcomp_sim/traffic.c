/* What a program reads and writes: how much in flash, RAM and peripherals, how much of it unaligned, and how deep its stack
 * went. Unicorn calls mce_traffic_read and mce_traffic_write before each access; reads go on to the flash (flash.c), which
 * also clears the IT bits, as it explains, and knows what unaligned loads cost. The structure is mirrored in traffic.py. */
#include <stdint.h>

enum { FLASH, RAM, PERIPHERALS, PLACES };
enum { PUSHED = 128 }; /* bytes that one instruction pushes at most: the stack pointer moves behind it */

typedef void (*mce_read_hook)(void *engine, int type, uint64_t address, int size, int64_t value, void *state);

typedef struct {
    uint64_t accesses[PLACES][2]; /* reads, writes */
    uint64_t bytes[PLACES][2];
    uint64_t unaligned[2]; /* reads, writes */
    mce_read_hook flash_read;
    void *flash_state;
    int (*write_register)(void *engine, int number, const uint32_t *value); /* uc_reg_write */
    int (*read_register)(void *engine, int number, uint32_t *value);        /* uc_reg_read */
    uint32_t flash_base, flash_length;
    uint32_t stack_base, stack_top, deepest; /* stack_base: the lowest address that may be stack */
    uint32_t epsr, sp;                       /* Unicorn's numbers of these registers */
} mce_traffic;

static const uint32_t THUMB_OUTSIDE_IT = 1u << 24; /* EPSR: T set, IT clear */

static int place_of(const mce_traffic *t, uint32_t address)
{
    if (address - t->flash_base < t->flash_length) {
        return FLASH;
    }
    return (address >= 0x40000000u && address < 0x60000000u) || address >= 0xA0000000u ? PERIPHERALS : RAM;
}

static void note(mce_traffic *t, int write, uint32_t address, int size)
{
    const int place = place_of(t, address);
    t->accesses[place][write]++;
    t->bytes[place][write] += (uint64_t)size;
    t->unaligned[write] += (address & (uint32_t)(size - 1)) != 0 && size <= 4;
}

#ifdef _WIN32
#define EXPORT __declspec(dllexport)
#else
#define EXPORT
#endif

EXPORT void mce_traffic_read(void *engine, int type, uint64_t address, int size, int64_t value, mce_traffic *t)
{
    note(t, 0, (uint32_t)address, size);
    t->flash_read(engine, type, address, size, value, t->flash_state);
}

EXPORT void mce_traffic_write(void *engine, int type, uint64_t where, int size, int64_t value, mce_traffic *t)
{
    const uint32_t address = (uint32_t)where;

    (void)type;
    (void)value;
    t->write_register(engine, (int)t->epsr, &THUMB_OUTSIDE_IT);
    note(t, 1, address, size);
    if (address >= t->stack_base && address < t->deepest) {
        uint32_t sp = 0;
        t->read_register(engine, (int)t->sp, &sp);
        if (sp <= address + PUSHED && sp <= t->stack_top) {
            t->deepest = address;
        }
    }
}
