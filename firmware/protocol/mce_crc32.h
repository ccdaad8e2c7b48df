/* CRC-32 of IEEE 802.3 (reflected polynomial 0xEDB88320, start and final XOR 0xFFFFFFFF), the one of zlib. SPEC.md 8.1 */
#ifndef MCE_CRC32_H
#define MCE_CRC32_H

#include <stdint.h>

/* crc: 0 for the first part, then the value so far. */
uint32_t mce_crc32(uint32_t crc, const uint8_t *bytes, uint32_t count);

#endif
