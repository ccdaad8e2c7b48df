/* Time while a program runs: each executed block takes the cycles that the pipeline model says, each wait for the flash
 * what flash.c says. And who runs: a tree of calls, each node a function reached by one chain of callers.
 *
 * Unicorn calls mce_clock_block before each block. Once `now` has come to `deadline`, at a branch to itself (`idle`), and
 * where a masked exception may come now, the emulation is stopped there, with the block not executed and not counted; else
 * the block counter (counter.c) and the flash (flash.c) see it, too. A block that is met for the first time is described by
 * `learn`, a function of Python.
 *
 * The structures are mirrored in clock.py. */
#include <stdint.h>

enum { CALL = 1, SYSTEM = 2, MAX_DEPTH = 256, ENDLESS = 64 };

typedef struct {
    uint32_t base, length, offset; /* as in counter.c */
} mce_region;

typedef struct {
    uint32_t cost;     /* of its instructions, 1/256 cycle */
    uint32_t jump;     /* more when its last one jumps */
    uint32_t function; /* number */
    uint16_t halfwords;
    uint16_t kind; /* of its last instruction: CALL, SYSTEM, which may unmask exceptions, or 0 */
} mce_block;

typedef struct {
    uint64_t units, stalls, calls; /* of the function itself, under these callers */
    uint32_t parent, function, child, sibling;
} mce_node;

typedef struct {
    uint32_t back, node; /* address that the call returns to; who called */
} mce_frame;

typedef void (*mce_hook)(void *engine, uint64_t address, uint32_t size, void *state);

typedef struct {
    uint64_t now, deadline;    /* 1/256 cycle */
    uint64_t stalls_seen;      /* of *stalls */
    const uint64_t *stalls;    /* where the flash adds up what it makes the core wait */
    uint32_t *pace;            /* where the flash reads how long a halfword takes */
    const mce_region *regions; /* [region_count] */
    mce_block *blocks;         /* [row_length] */
    uint64_t *block_stalls;    /* [row_length] */
    mce_node *nodes;           /* [node_limit], node 0 is the root */
    mce_frame *frames;         /* [MAX_DEPTH] */
    int (*stop)(void *engine); /* uc_emu_stop */
    void (*learn)(uint32_t address, uint32_t size, mce_block *block);
    mce_hook count, flash;
    void *count_state, *flash_state;
    uint32_t region_count, node_count, node_limit, depth;
    uint32_t node, last, end;  /* who runs; index of the last block, UINT32_MAX for none; where it ended */
    uint32_t charged, stopped; /* 1: its jump is paid; 1: the emulation was stopped here */
    uint32_t waiting, looked;  /* 1: an exception is pending and masked; 1: the mask was looked at behind this block */
    uint32_t address, repeats, idle; /* of the last block seen; 1: one branch to itself, for ever */
} mce_clock;

/* The node of a function called from another; the caller itself where there is no room. */
static uint32_t child_of(mce_clock *c, uint32_t parent, uint32_t function)
{
    for (uint32_t n = c->nodes[parent].child; n != 0; n = c->nodes[n].sibling) {
        if (c->nodes[n].function == function) {
            return n;
        }
    }
    if (c->node_count == c->node_limit) {
        return parent;
    }
    const uint32_t n = c->node_count++;
    c->nodes[n].parent = parent;
    c->nodes[n].function = function;
    c->nodes[n].sibling = c->nodes[parent].child;
    c->nodes[parent].child = n;
    return n;
}

static void follow(mce_clock *c, uint32_t address, const mce_block *block)
{
    if (address != c->end) {
        if (c->last != UINT32_MAX && c->blocks[c->last].kind == CALL && c->depth < MAX_DEPTH) {
            c->frames[c->depth].back = c->end;
            c->frames[c->depth++].node = c->node;
            c->node = child_of(c, c->node, block->function);
            c->nodes[c->node].calls++;
            return;
        }
        for (uint32_t d = c->depth; d-- > 0;) {
            if (c->frames[d].back == address) {
                c->node = c->frames[d].node;
                c->depth = d;
                break;
            }
        }
    }
    if (c->nodes[c->node].function !=
        block->function) { /* a jump to another function: it takes the place of this one */
        c->node = child_of(c, c->node == 0 ? 0 : c->nodes[c->node].parent, block->function);
        c->nodes[c->node].calls++;
    }
}

/* What the flash made the last block wait goes to it. */
static void settle(mce_clock *c)
{
    const uint64_t waited = c->stalls == 0 ? 0 : *c->stalls - c->stalls_seen;
    c->stalls_seen += waited;
    c->now += waited;
    if (c->last != UINT32_MAX) {
        c->nodes[c->node].stalls += waited;
        c->block_stalls[c->last] += waited;
    }
}

#ifdef _WIN32
#define EXPORT __declspec(dllexport)
#else
#define EXPORT
#endif

EXPORT void mce_clock_settle(mce_clock *c)
{ settle(c); }

EXPORT void mce_clock_block(void *engine, uint64_t start, uint32_t size, mce_clock *c)
{
    const uint32_t address = (uint32_t)start;

    settle(c);
    if (c->last != UINT32_MAX && address != c->end && !c->charged) {
        c->now += c->blocks[c->last].jump;
        c->nodes[c->node].units += c->blocks[c->last].jump;
        c->charged = 1;
    }
    c->repeats = address == c->address && size == 2 ? c->repeats + 1 : 0;
    c->address = address;
    c->idle = c->repeats >= ENDLESS;
    const int unmasked = c->waiting && !c->looked && c->last != UINT32_MAX && c->blocks[c->last].kind == SYSTEM;
    if (c->now >= c->deadline || c->idle || unmasked) {
        c->looked = 1;
        c->repeats = 0;
        c->stopped = 1;
        c->stop(engine);
        return;
    }
    c->charged = c->looked = 0;
    for (uint32_t i = 0; i < c->region_count; i++) {
        const uint32_t index = (address - c->regions[i].base) >> 1;
        if (index < c->regions[i].length) {
            mce_block *block = &c->blocks[c->regions[i].offset + index];
            if (block->halfwords != size >> 1) {
                c->learn(address, size, block);
            }
            follow(c, address, block);
            c->last = c->regions[i].offset + index;
            c->end = address + size;
            c->now += block->cost;
            c->nodes[c->node].units += block->cost;
            if (c->pace != 0) {
                *c->pace = block->cost / (size >> 1);
            }
            break;
        }
    }
    c->count(engine, start, size, c->count_state);
    if (c->flash != 0) {
        c->flash(engine, start, size, c->flash_state);
    }
}
