// SPDX-License-Identifier: Apache-2.0
// Sixteen ticks per bit time from a 24-bit phase accumulator: any clock, any rate.
// tick_o is a one-cycle pulse, on average every 2^24 / inc_i cycles. load_i restarts the phase.
// inc_i = baud * 16 * 2^24 / clock, so the highest rate is clock / 16.
`default_nettype none

module spk_baud_gen (
  input  wire        clk,
  input  wire        rst,
  input  wire [23:0] inc_i,
  input  wire        load_i,
  output wire        tick_o
);

  reg [24:0] phase_q;

  always @(posedge clk) begin
    if (rst || load_i) phase_q <= 25'd0;
    else phase_q <= {1'b0, phase_q[23:0]} + {1'b0, inc_i};
  end

  assign tick_o = phase_q[24];

endmodule

`default_nettype wire
