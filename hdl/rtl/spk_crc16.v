// SPDX-License-Identifier: Apache-2.0
// CRC-16 of a frame (CRC16 in core.toml: not reflected, no final XOR). One byte per cycle.
// init_i restarts; with valid_i in the same cycle init_i wins. crc_o covers all bytes taken so far.
`default_nettype none

module spk_crc16 (
  input  wire        clk,
  input  wire        rst,
  input  wire        init_i,
  input  wire [ 7:0] data_i,
  input  wire        valid_i,
  output wire [15:0] crc_o
);

  `include "spk_core_defs.vh"

  reg  [15:0] crc_q;
  reg  [15:0] next;
  integer k;

  always @* begin
    next = crc_q ^ {data_i, 8'd0};
    for (k = 0; k < 8; k = k + 1) begin
      next = {next[14:0], 1'b0} ^ (next[15] ? SPK_CRC16_POLYNOMIAL : 16'd0);
    end
  end

  always @(posedge clk) begin
    if (rst || init_i) crc_q <= SPK_CRC16_INIT;
    else if (valid_i) crc_q <= next;
  end

  assign crc_o = crc_q;

endmodule

`default_nettype wire
