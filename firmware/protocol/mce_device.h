/* A board with a model on it, as the host sees it over the UART: MLPerf Tiny's text commands (mce_text.c) and the exact
 * commands in frames (mce_exact.c). Portable: calls mixcomp/port.h for bytes and time. SPEC.md 8 */
#ifndef MCE_DEVICE_H
#define MCE_DEVICE_H

#include <stdint.h>

#include "mce_link.h"
#include "mixcomp/types.h"

/* What one layer did in the last run: CRC-32 of its output's bytes and cycles of the core. */
typedef struct mce_record {
    uint32_t crc;
    uint32_t cycles;
} mce_record;

typedef enum mce_text_form {
    MCE_TEXT_BYTES_MAPPED, /* a byte an element, through `map` */
    MCE_TEXT_FLOATS        /* a little-endian float32 an element */
} mce_text_form;

/* The model and its memory; generated as app_model.c. */
typedef struct mce_app_model {
    const char *name, *vendor, *profile; /* profile: ic01, kws01, vww01, ad01, or the name again */
    const uint8_t *sha256;               /* [32] of the bundle */
    const uint8_t *build_id;             /* [8] of the export */
    mce_status (*run)(void *arena, const void *in, void *out);
    uint8_t *arena; /* [arena_bytes], aligned to 4 */
    uint32_t arena_bytes, input_offset, input_bytes, output_offset, output_bytes;
    uint32_t layers;
    const uint32_t *layer_bytes; /* [layers] */
    mce_record *records;         /* [layers] */
    /* The runner's input. text_buffer has text_bytes, and behind them input_bytes for floats; it is the arena's own input
     * where the board has no room for another, and then the first inference uses it up. */
    mce_text_form text_input;
    uint8_t *text_buffer;
    uint32_t text_bytes;
    const uint8_t *map; /* [256]: the runner's byte -> the model's code; NULL: the same */
    float input_scale;
    int32_t input_zero;
    /* The output: elements of one byte, real value = scale * (q - zero). */
    int32_t output_signed;
    float output_scale;
    int32_t output_zero;
    int32_t reconstruction;       /* 1: the result is the mean squared difference of output and (float) input */
    const uint16_t *exponentials; /* [256] of SPEC.md 4.11: the results are probabilities; NULL: the output as it is */
    void (*mark_time)(void);      /* energy mode: pulls the timestamp pin; NULL: performance mode, the time is told */
    const uint8_t *golden_input, *golden_output;
} mce_app_model;

/* Why a run that a frame started is where it is. */
typedef struct mce_run {
    uint32_t active;   /* whether the layer hook records */
    uint32_t stop;     /* layer to stop behind; MCE_NO_STOP: none */
    uint32_t request;  /* RUN or STEP, the request that will be answered, */
    uint32_t sequence; /* and its sequence number */
    uint32_t state;    /* MCE_RUN_*, of the last answer */
    uint32_t layer, status, input_crc, output_crc;
    uint64_t since, told, cycles;
} mce_run;

#define MCE_NO_STOP 0xFFFFu

typedef struct mce_device {
    const mce_app_model *model;
    mce_link link;
    mce_run run;
    mce_event pending;                   /* a command that ended a stopped run and has still to be done */
    uint32_t lost;                       /* bytes that the ring had no room for; counted by the app */
    uint32_t bad, good;                  /* frames */
    uint32_t loading, loaded, converted; /* text: bytes that db load announced, that came; whether they are codes now */
} mce_device;

/* Takes one received byte, and does the command that it completes. */
void mce_device_take(mce_device *device, uint8_t byte);

/* Does the frame in device->link. */
void mce_exact_command(mce_device *device);

/* The layer hook: records, tells that the run is alive, and stops where the host wants to look. */
void mce_exact_layer(mce_device *device, uint32_t index, const uint8_t *output);

/* Says what a board says after reset. */
void mce_text_boot(mce_device *device);

/* Does the command in device->link.text. */
void mce_text_command(mce_device *device);

/* Given by the app: the next received byte; waits for it. Below 0: there will be none (tests only). */
int32_t mce_app_wait(void);

#endif
