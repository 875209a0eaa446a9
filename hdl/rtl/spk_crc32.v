// SPDX-License-Identifier: Apache-2.0
// CRC-32 as in zlib, BITS bits of the message at a time, lowest first; pure logic.
// crc_i and crc_o are the finished form (with the final XOR): start from 0, and what stands in the
// register is the CRC of the message so far.
`default_nettype none

module spk_crc32 #(
  parameter integer BITS = 4  // message bits per cycle, 1 to 16
) (
  input  wire [    31:0] crc_i,
  input  wire [BITS-1:0] data_i,
  output reg  [    31:0] crc_o
);

  `include "spk_core_defs.vh"

  integer k;

  always @* begin
    crc_o = crc_i;
    for (k = 0; k < BITS; k = k + 1) begin
      crc_o = {1'b1, crc_o[31:1]} ^ (crc_o[0] ^ data_i[k] ? 32'd0 : SPK_CRC32_POLYNOMIAL_REFLECTED);
    end
  end

endmodule

`default_nettype wire
