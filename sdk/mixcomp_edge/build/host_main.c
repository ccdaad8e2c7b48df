/* The program around a model on a PC: reads requests on stdin, writes what the model computes to stdout.
 *
 *   request    'r' or 't', then the inputs
 *   answer     after 't', for each layer: its index, then its output; then -1, the status, the outputs
 *
 * Numbers are int32 in the order of this machine. The end of stdin ends it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#ifdef _WIN32
#include <fcntl.h>
#include <io.h>
#endif

#include "mce_host_model.h" /* MODEL_RUN, ARENA_BYTES, how many INPUTS, OUTPUTS and LAYERS, and the bytes of each */

static int tracing;

static void put(int32_t value)
{ fwrite(&value, sizeof value, 1, stdout); }

void mce_host_layer(int index, const void *output);

void mce_host_layer(int index, const void *output)
{
    if (tracing && index >= 0 && index < LAYERS) {
        put(index);
        fwrite(output, 1, layer_bytes[index], stdout);
    }
}

/* A block for each, so that a sanitizer sees what leaves its own. */
static int reserve(void **blocks, const uint32_t *bytes, int count)
{
    for (int i = 0; i < count; i++) {
        blocks[i] = malloc(bytes[i]);
        if (blocks[i] == NULL) {
            return 0;
        }
    }
    return 1;
}

int main(void)
{
    void *arena = malloc(ARENA_BYTES), *x[INPUTS], *y[OUTPUTS];
    if (arena == NULL || !reserve(x, input_bytes, INPUTS) || !reserve(y, output_bytes, OUTPUTS)) {
        return 1;
    }
#ifdef _WIN32
    _setmode(_fileno(stdin), _O_BINARY);
    _setmode(_fileno(stdout), _O_BINARY);
#endif
    for (;;) {
        int request = getchar();
        if (request == EOF) {
            return 0;
        }
        for (int i = 0; i < INPUTS; i++) {
            if (fread(x[i], 1, input_bytes[i], stdin) != input_bytes[i]) {
                return 1;
            }
        }
        tracing = request == 't';
        int32_t status = (int32_t)MODEL_RUN(arena, x, y);
        put(-1);
        put(status);
        for (int i = 0; i < OUTPUTS; i++) {
            fwrite(y[i], 1, output_bytes[i], stdout);
        }
        fflush(stdout);
    }
}
