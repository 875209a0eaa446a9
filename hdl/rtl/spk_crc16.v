// SPDX-License-Identifier: Apache-2.0
// CRC-16: polynomial 0x1021, start 0xFFFF, not reflected, no final XOR. One byte per cycle.
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

  reg  [15:0] crc_q;
  // The byte-wise form of the polynomial division: x folds the byte, the rest is shifts of x.
  wire [ 7:0] folded = crc_q[15:8] ^ data_i;
  wire [ 7:0] x = folded ^ {4'd0, folded[7:4]};

  always @(posedge clk) begin
    if (rst || init_i) crc_q <= 16'hffff;
    else if (valid_i) crc_q <= {crc_q[7:0], 8'd0} ^ {x[3:0], 12'd0} ^ {3'd0, x, 5'd0} ^ {8'd0, x};
  end

  assign crc_o = crc_q;

endmodule

`default_nettype wire
