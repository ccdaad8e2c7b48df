/* QEMU TCG plugin: counts executed instructions by address and layer.
 *
 * Arguments: out=FILE, code=BASE:BYTES (one for each stretch of code), mark=ADDRESS (where each layer ends, in order of
 * execution), end=ADDRESS, riscv (where the code is no Thumb). When the instruction at `end` is reached, or where there is no such
 * argument when QEMU ends, FILE gets one line "layer address executions taken" for each instruction and layer, and "lost N" for instructions outside of all code; then counting starts anew. `taken`
 * counts how often a block ended before that address and another block than the one at it followed: the jumps of the
 * branch before it. FILE is complete when its last line says "done".
 *
 * No Debian package holds qemu-plugin.h; these are the prototypes of plugin API version 1 that are needed. */
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { QEMU_PLUGIN_INLINE_ADD_U64 = 0, QEMU_PLUGIN_CB_NO_REGS = 0 };
typedef void (*qemu_plugin_exec_cb)(unsigned int cpu, void *user);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void *), void *);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, qemu_plugin_exec_cb, int, void *);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, int, void *, uint64_t);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *, qemu_plugin_exec_cb, int, void *);

#ifdef _WIN32
#define EXPORT __declspec(dllexport)
#else
#define EXPORT
#endif

enum { MAX_REGIONS = 64, MAX_MARKS = 4096 };

typedef struct {
    uint64_t base;
    uint64_t halfwords;
    uint64_t *counts; /* [halfwords], of the current layer */
    uint64_t *taken;  /* [halfwords + 1] */
} region;

typedef struct {
    uint64_t start;
    uint64_t end; /* behind its last instruction */
} block;

EXPORT int qemu_plugin_version = 1;
static region regions[MAX_REGIONS];
static uint64_t marks[MAX_MARKS];
static unsigned region_count, mark_count, layer, riscv;
static uint64_t lost;
static unsigned long long end_address = ULLONG_MAX;
static uint64_t last_end = UINT64_MAX; /* of the last block; UINT64_MAX before the first */
static char out[4096];
static FILE *file;

/* Writes the current layer's counts and clears them. */
static void close_layer(void)
{
    if (file == NULL) {
        file = fopen(out, "w");
    }
    for (unsigned r = 0; r < region_count; r++) {
        for (uint64_t i = 0; i <= regions[r].halfwords; i++) {
            if (file != NULL && (regions[r].counts[i] != 0 || regions[r].taken[i] != 0)) {
                fprintf(file, "%u %llu %llu %llu\n", layer, (unsigned long long)(regions[r].base + 2 * i),
                        (unsigned long long)regions[r].counts[i], (unsigned long long)regions[r].taken[i]);
            }
            regions[r].counts[i] = regions[r].taken[i] = 0;
        }
    }
    layer++;
}

static void mark_reached(unsigned int cpu, void *address)
{
    (void)cpu;
    while (layer < mark_count && marks[layer] == (uint64_t)(uintptr_t)address) {
        close_layer(); /* marks of empty layers share an address */
    }
}

static void end_reached(unsigned int cpu, void *unused)
{
    (void)cpu;
    (void)unused;
    close_layer();
    if (file != NULL) {
        fprintf(file, "lost %llu\ndone\n", (unsigned long long)lost);
        fclose(file);
    }
    file = NULL;
    layer = 0;
    lost = 0;
    last_end = UINT64_MAX;
}

static void ended(qemu_plugin_id_t id, void *unused)
{
    (void)id;
    end_reached(0, unused);
}

static uint64_t *counter_of(uint64_t address)
{
    for (unsigned r = 0; r < region_count; r++) {
        if (address - regions[r].base < 2 * regions[r].halfwords) {
            return &regions[r].counts[(address - regions[r].base) / 2];
        }
    }
    return &lost;
}

static void block_reached(unsigned int cpu, void *user)
{
    const block *b = user;
    (void)cpu;
    if (b->start != last_end) {
        for (unsigned r = 0; r < region_count; r++) {
            if (last_end - regions[r].base <= 2 * regions[r].halfwords) {
                regions[r].taken[(last_end - regions[r].base) / 2]++;
                break;
            }
        }
    }
    last_end = b->end;
}

/* Length of an instruction by its first halfword (lengths.py). QEMU's own answer is 2 where four bytes straddle two of
 * its pages. */
static unsigned bytes_of(const uint8_t *code)
{ return (riscv ? (code[0] & 3) == 3 : code[1] >> 3 >= 0x1D) ? 4 : 2; }

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    const size_t n = qemu_plugin_tb_n_insns(tb);
    block *b = malloc(sizeof *b); /* lives as long as QEMU: a few thousand blocks */
    (void)id;
    if (b != NULL) {
        struct qemu_plugin_insn *last = qemu_plugin_tb_get_insn(tb, n - 1);
        b->start = qemu_plugin_tb_vaddr(tb);
        b->end = qemu_plugin_insn_vaddr(last) + bytes_of(qemu_plugin_insn_data(last));
        qemu_plugin_register_vcpu_tb_exec_cb(tb, block_reached, QEMU_PLUGIN_CB_NO_REGS, b);
    }
    for (size_t i = 0; i < n; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        const uint64_t address = qemu_plugin_insn_vaddr(insn);
        if (address == end_address) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, end_reached, QEMU_PLUGIN_CB_NO_REGS, NULL);
            continue;
        }
        for (unsigned m = 0; m < mark_count; m++) {
            if (marks[m] == address) { /* QEMU runs callbacks before inline counts: the mark's own counts afterwards */
                void *user = (void *)(uintptr_t)address;
                qemu_plugin_register_vcpu_insn_exec_cb(insn, mark_reached, QEMU_PLUGIN_CB_NO_REGS, user);
                break;
            }
        }
        qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, counter_of(address), 1);
    }
}

static int parse(const char *argument)
{
    unsigned long long a = 0, b = 0;
    if (strncmp(argument, "out=", 4) == 0) {
        return snprintf(out, sizeof out, "%s", argument + 4) < (int)sizeof out;
    }
    if (sscanf(argument, "code=%llu:%llu", &a, &b) == 2 && region_count < MAX_REGIONS) {
        region *r = &regions[region_count++];
        r->base = a;
        r->halfwords = b / 2;
        r->counts = calloc(r->halfwords + 1, sizeof *r->counts);
        r->taken = calloc(r->halfwords + 1, sizeof *r->taken);
        return r->counts != NULL && r->taken != NULL;
    }
    if (sscanf(argument, "mark=%llu", &a) == 1 && mark_count < MAX_MARKS) {
        marks[mark_count++] = a;
        return 1;
    }
    if (strncmp(argument, "riscv", 5) == 0) { /* QEMU adds "=on" */
        riscv = 1;
        return 1;
    }
    return sscanf(argument, "end=%llu", &end_address) == 1;
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (!parse(argv[i])) {
            fprintf(stderr, "qemu_count: cannot use the argument %s\n", argv[i]);
            return 1;
        }
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    if (end_address == ULLONG_MAX) {
        qemu_plugin_register_atexit_cb(id, ended, NULL);
    }
    return 0;
}
