/* Flash memory behind caches: stall cycles of a stream of instruction fetches and data reads.
 *
 * A cache is set-associative with least-recently-used replacement; a line is filled sector by sector, a sector being what
 * one miss brings. A miss stalls for `miss` units. There is one flash port: a miss waits until an earlier read has ended.
 * With prefetch, the sector behind the current one is read while the current one is executed, and a fetch of it waits for
 * the rest of that read.
 *
 * A load whose address is no multiple of its size is made in parts, wherever it reads: it costs what `penalty` says for two
 * parts, and for the three of a word at an odd address. The write buffer hides that for stores.
 *
 * Time runs in units of 1/256 cycle: each executed halfword takes `pace` units, each stall what it stalls.
 * Unicorn calls mce_flash_block and mce_flash_read; tests feed mce_flash_trace. The structures are mirrored in flash.py.
 *
 * Before it calls a hook of memory, Unicorn sets pc and the IT bits to those of the reading instruction, so that a hook may
 * look at them. Its translated code expects the IT bits to be 0 all through a block and does not clear them: the next block
 * would be translated as part of an IT block that has ended, and its conditions be wrong. mce_flash_read clears them. */
#include <stdint.h>

enum { FETCH, READ, UNALIGNED, KINDS };

typedef struct {
    uint32_t line_shift, sector_shift, sets, ways; /* ways == 0: no cache */
    uint32_t *tags;                                /* [sets * ways] line + 1; 0: empty */
    uint32_t *used;                                /* [sets * ways] when last used */
    uint32_t *valid;                               /* [sets * ways] one bit a sector */
    uint32_t clock;
} mce_cache;

typedef struct {
    mce_cache icache, dcache;
    const uint32_t *layer;     /* where the counter keeps the current layer */
    uint64_t *stalls;          /* [layers][KINDS] units: fetches, data reads, unaligned loads */
    uint64_t *misses;          /* [layers][KINDS] how many */
    uint64_t now, busy, ready; /* the port is busy until; the prefetched sector is ready at */
    uint64_t waited;           /* all stalls so far */
    uint32_t prefetched;       /* its number + 1; 0: none */
    uint32_t last_sector;      /* the last fetch's sector + 1: what the core's buffer holds */
    uint32_t base, length;     /* of the flash, bytes */
    uint32_t miss, pace, fetch_shift, prefetch, unified;
    uint32_t penalty[2]; /* of a load in two parts, in three; units */
    uint32_t epsr;       /* Unicorn's number of that register; 0: none */
    int (*write_register)(void *engine, int number, const uint32_t *value); /* uc_reg_write */
} mce_flash;

static const uint32_t THUMB_OUTSIDE_IT = 1u << 24; /* EPSR: T set, IT clear. Arm DDI 0403, B1.4.2 */

/* 1: hit. A miss fills the sector. */
static int cache_access(mce_cache *c, uint32_t address)
{
    const uint32_t line = address >> c->line_shift;
    const uint32_t first = (line % c->sets) * c->ways;
    const uint32_t sector = 1u << ((address >> c->sector_shift) & ((1u << (c->line_shift - c->sector_shift)) - 1));
    uint32_t victim = first;

    c->clock++;
    for (uint32_t i = first; i < first + c->ways; i++) {
        if (c->tags[i] == line + 1) {
            const int hit = (c->valid[i] & sector) != 0;
            c->valid[i] |= sector;
            c->used[i] = c->clock;
            return hit;
        }
        if (c->used[i] < c->used[victim]) {
            victim = i;
        }
    }
    c->tags[victim] = line + 1;
    c->valid[victim] = sector;
    c->used[victim] = c->clock;
    return 0;
}

static void stall(mce_flash *f, int kind, uint64_t until)
{
    if (until > f->now) {
        f->stalls[KINDS * *f->layer + kind] += until - f->now;
        f->waited += until - f->now;
        f->now = until;
    }
}

/* A read of the array that the core waits for. */
static void read_array(mce_flash *f, int kind)
{
    f->misses[KINDS * *f->layer + kind]++;
    f->busy = (f->busy > f->now ? f->busy : f->now) + f->miss;
    stall(f, kind, f->busy);
}

static void fetch_sector(mce_flash *f, uint32_t address)
{
    const uint32_t sector = address >> f->fetch_shift;

    if (sector + 1 == f->last_sector) {
        return;
    }
    f->last_sector = sector + 1;
    if (f->icache.ways == 0 || !cache_access(&f->icache, address)) {
        if (f->prefetched == sector + 1) {
            stall(f, FETCH, f->ready);
        } else {
            read_array(f, FETCH);
        }
    }
    if (f->prefetch && f->prefetched != sector + 2) {
        f->prefetched = sector + 2;
        f->busy = (f->busy > f->now ? f->busy : f->now) + f->miss;
        f->ready = f->busy;
    }
}

#ifdef _WIN32
#define EXPORT __declspec(dllexport)
#else
#define EXPORT
#endif

EXPORT void mce_flash_block(void *engine, uint64_t start, uint32_t size, mce_flash *f)
{
    (void)engine;
    if ((uint32_t)start - f->base >= f->length) {
        f->now += (uint64_t)(size / 2) * f->pace;
        return;
    }
    for (uint32_t at = (uint32_t)start, end = at + size; at < end;) {
        uint32_t next = ((at >> f->fetch_shift) + 1) << f->fetch_shift;
        next = next < end ? next : end;
        fetch_sector(f, at);
        f->now += (uint64_t)((next - at) / 2) * f->pace;
        at = next;
    }
}

EXPORT void mce_flash_read(void *engine, int type, uint64_t address, int size, int64_t value, mce_flash *f)
{
    mce_cache *c = f->unified ? &f->icache : &f->dcache;

    (void)type;
    (void)value;
    if (engine != 0 && f->epsr != 0) {
        f->write_register(engine, (int)f->epsr, &THUMB_OUTSIDE_IT);
    }
    if (size <= 4 && (address & (uint64_t)(size - 1)) != 0) {
        f->misses[KINDS * *f->layer + UNALIGNED]++;
        stall(f, UNALIGNED, f->now + f->penalty[size == 4 && (address & 1) != 0]);
    }
    if ((uint32_t)address - f->base >= f->length) {
        return;
    }
    if (c->ways != 0 && cache_access(c, (uint32_t)address)) {
        return;
    }
    read_array(f, READ);
}

/* sizes[i] > 0: a block of that many bytes at addresses[i] was executed; 0: a data read there. */
EXPORT void mce_flash_trace(mce_flash *f, const uint32_t *addresses, const uint32_t *sizes, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (sizes[i] != 0) {
            mce_flash_block(0, addresses[i], sizes[i], f);
        } else {
            mce_flash_read(0, 0, addresses[i], 4, 0, f);
        }
    }
}
