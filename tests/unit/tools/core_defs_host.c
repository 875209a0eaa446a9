/* SPDX-License-Identifier: Apache-2.0 */
/* What a host library does with the generated header: lay out a frame, bound its buffers, check
   what a core tells about itself. Exit status 0 when every number is right. */
#include <stddef.h>
#include <stdint.h>
#include "spk_core_defs.h"
static uint8_t line[SPK_MAX_LINE];
static uint16_t words[SPK_READ_REPLY_WORDS_MAX];
size_t read_request(uint8_t *frame, uint8_t seq, uint32_t address, uint8_t count);
int legal(uint32_t n, uint32_t a, uint32_t l, uint32_t wb, uint32_t nseg, uint32_t spkq);
uint16_t crc16(const uint8_t *data, size_t n);
int32_t sign_extend(uint32_t raw);
size_t buffers(void);
size_t read_request(uint8_t *frame, uint8_t seq, uint32_t address, uint8_t count) {
  uint8_t *payload = frame + SPK_HEADER_BYTES;
  frame[0] = seq;
  frame[1] = SPK_CMD_READ | SPK_FENCE;
  payload[SPK_READ_REQUEST_WINDOW_AT] = SPK_WIN_REG;
  for (unsigned k = 0; k < 3; k++)
    payload[SPK_READ_REQUEST_ADDRESS_AT + k] = (uint8_t)(address >> (8 * k));
  payload[SPK_READ_REQUEST_COUNT_AT] = count;
  return SPK_HEADER_BYTES + SPK_READ_REQUEST_MAX;
}
uint16_t crc16(const uint8_t *data, size_t n) {
  uint16_t crc = SPK_CRC16_INIT;
  while (n--) {
    crc = (uint16_t)(crc ^ (*data++ << 8));
    for (int k = 0; k < 8; k++)
      crc = (uint16_t)((crc << 1) ^ (crc & 0x8000u ? SPK_CRC16_POLYNOMIAL : 0u));
  }
  return crc;
}
int legal(uint32_t n, uint32_t a, uint32_t l, uint32_t wb, uint32_t nseg, uint32_t spkq) {
  return n >= SPK_N_MIN && n <= SPK_N_MAX && SPK_FITS_GROUPS(n, l) && SPK_FITS_WORD(l, wb) &&
         SPK_FITS_ROWS(nseg, a, n) && SPK_FITS_STEP(spkq, n);
}
int32_t sign_extend(uint32_t raw) {
  return (raw >> (SPK_STATE_V_WIDTH - 1)) && SPK_STATE_V_SIGNED
             ? (int32_t)raw - (int32_t)(1u << SPK_STATE_V_WIDTH) : (int32_t)raw;
}
size_t buffers(void) { return sizeof line + sizeof words; }
int main(void) {
  uint8_t f[SPK_MAX_FRAME];
  return !(crc16((const uint8_t *)"123456789", 9) == SPK_CRC16_CHECK &&
           read_request(f, 1, 0x10203u, 4) == 7 && f[1] == 0x82 && f[5] == 1 && f[6] == 4 &&
           legal(256, 256, 8, 8, 512, 512) && !legal(256, 257, 8, 8, 512, 512) &&
           sign_extend(0x3FFFFu) == -1 && sign_extend(5) == 5 && buffers() == 254 + 248);
}
