/* The program around a model on a PC: reads requests on stdin, writes what the model computes to stdout.
 *
 *   request    'r' or 't', then the input
 *   answer     after 't', for each layer: its index, then its output; then -1, the status, the output
 *
 * Numbers are int32 in the order of this machine. The end of stdin ends it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#ifdef _WIN32
#include <fcntl.h>
#include <io.h>
#endif

#include "mce_host_model.h" /* MODEL_RUN, ARENA_BYTES, INPUT_BYTES, OUTPUT_BYTES, LAYERS, layer_bytes */

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

int main(void)
{
    void *arena = malloc(ARENA_BYTES), *x = malloc(INPUT_BYTES), *y = malloc(OUTPUT_BYTES);
    if (arena == NULL || x == NULL || y == NULL) {
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
        if (fread(x, 1, INPUT_BYTES, stdin) != INPUT_BYTES) {
            return 1;
        }
        tracing = request == 't';
        int32_t status = (int32_t)MODEL_RUN(arena, x, y);
        put(-1);
        put(status);
        fwrite(y, 1, OUTPUT_BYTES, stdout);
        fflush(stdout);
    }
}
