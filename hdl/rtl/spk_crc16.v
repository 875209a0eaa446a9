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

  // The byte-wise form of the division by 0x1021: x folds the byte, the rest is shifts of x. A loop
  // over the bits describes the same function and costs the link 36 LUT4 more.
  generate
    if (SPK_CRC16_POLYNOMIAL != 16'h1021) begin : g_illegal
      spk_crc16_illegal_polynomial u_byte_wise_form_is_that_of_1021 ();
    end
  endgenerate

  reg  [15:0] crc_q;
  wire [ 7:0] folded = crc_q[15:8] ^ data_i;
  wire [ 7:0] x = folded ^ {4'd0, folded[7:4]};

  always @(posedge clk) begin
    if (rst || init_i) crc_q <= SPK_CRC16_INIT;
    else if (valid_i) crc_q <= {crc_q[7:0], 8'd0} ^ {x[3:0], 12'd0} ^ {3'd0, x, 5'd0} ^ {8'd0, x};
  end

  assign crc_o = crc_q;

endmodule

`default_nettype wire
