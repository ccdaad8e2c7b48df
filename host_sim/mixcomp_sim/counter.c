/* Counts how often every halfword of Thumb code is executed, layer by layer. Unicorn calls mce_count_block before
 * each translated block; a Python callback would be a hundred times slower.
 *
 * A block [start, end) adds +1 to row[start] and -1 to row[end]: the prefix sum of a row is the number of executions
 * of each halfword. Nothing is decoded, and a block may be cut or translated anew with another length at any time.
 *
 * Layers: marks[i] is the halfword where layer i ends. Marks are passed in execution order, so only marks[layer] is
 * looked for; a block that holds it is split there. row belongs to the current layer.
 *
 * A block that does not begin where the last one ended was reached by a taken branch: taken[end of the last block] counts
 * it, so the branch is the instruction before that halfword.
 *
 * The structures are mirrored in native.py. */
#include <stdint.h>

typedef struct {
    uint32_t base;   /* address of the first byte */
    uint32_t length; /* halfwords */
    uint32_t offset; /* of its first halfword in a row */
} mce_region;

typedef struct {
    const mce_region *regions; /* [region_count] */
    const uint32_t *marks;     /* [mark_count], indices into a row */
    int64_t *row;              /* [row_length], the current layer's row of a [mark_count + 1][row_length] array */
    int64_t *taken;            /* [row_length], the current layer's row of a second such array */
    int (*stop)(void *engine); /* uc_emu_stop */
    uint64_t halfwords;        /* executed so far */
    uint64_t limit;            /* halfwords; beyond it the emulation is stopped */
    uint64_t lost;             /* bytes executed outside of all regions */
    uint32_t region_count;
    uint32_t mark_count;
    uint32_t row_length;
    uint32_t layer;
    uint32_t next;    /* marks[layer], UINT32_MAX after the last */
    uint32_t last;    /* halfword behind the last block, UINT32_MAX before the first */
    uint32_t stopped; /* 1: the limit was passed */
} mce_counter;

static void count(mce_counter *c, uint32_t start, uint32_t end)
{
    if (start != c->last && c->last != UINT32_MAX) {
        c->taken[c->last]++;
    }
    c->last = end;
    /* One unsigned comparison asks start <= next < end. */
    while (c->next - start < end - start) {
        c->row[start]++;
        c->row[c->next]--;
        start = c->next;
        c->row += c->row_length;
        c->taken += c->row_length;
        c->layer++;
        c->next = c->layer < c->mark_count ? c->marks[c->layer] : UINT32_MAX;
    }
    c->row[start]++;
    c->row[end]--;
}

#ifdef _WIN32
__declspec(dllexport)
#endif
void mce_count_block(void *engine, uint64_t address, uint32_t size, mce_counter *c)
{
    const uint32_t halfwords = size >> 1;
    c->halfwords += halfwords;
    if (c->halfwords > c->limit) {
        c->stopped = 1;
        c->stop(engine);
        return;
    }
    for (uint32_t i = 0; i < c->region_count; i++) {
        const mce_region *r = &c->regions[i];
        const uint32_t start = ((uint32_t)address - r->base) >> 1;
        if (start < r->length && halfwords <= r->length - start) {
            count(c, r->offset + start, r->offset + start + halfwords);
            return;
        }
    }
    c->lost += size;
}
