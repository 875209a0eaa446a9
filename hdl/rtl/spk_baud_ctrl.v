// SPDX-License-Identifier: Apache-2.0
// The line rate in force: default after reset and break, set by the host, kept only if confirmed.
// set_i takes increment_i; unless good_i (a good frame) comes within CLK_HZ / 4 cycles the default
// returns. increment_o is the rate in force, load_o pulses in the cycle after it changed.
`default_nettype none

module spk_baud_ctrl #(
  parameter integer CLK_HZ = 12000000,  // clock, Hz
  parameter integer BAUD   = 115200     // default rate, bit/s, below CLK_HZ / 16
) (
  input  wire        clk,
  input  wire        rst,
  input  wire        default_i,
  input  wire        set_i,
  input  wire [23:0] increment_i,
  input  wire        good_i,
  output wire [23:0] increment_o,
  output wire        load_o
);

  `include "spk_core_defs.vh"

  localparam [63:0] CLK_WIDE = {32'd0, CLK_HZ[31:0]};
  localparam [63:0] BAUD_WIDE = {32'd0, BAUD[31:0]};
  // baud * OVERSAMPLING * 2^PHASE_BITS / clock, rounded
  localparam [63:0] SCALE = {32'd0, SPK_OVERSAMPLING[31:0]} << SPK_PHASE_BITS;
  localparam [63:0] DEFAULT_WIDE = (BAUD_WIDE * SCALE + CLK_WIDE / 64'd2) / CLK_WIDE;
  localparam [23:0] DEFAULT = DEFAULT_WIDE[23:0];
  localparam integer CONFIRM = CLK_HZ / SPK_CONFIRM_DIVISOR;
  localparam integer TW = $clog2(CONFIRM + 1);

  generate
    if (BAUD < 1 || CLK_HZ <= BAUD * SPK_OVERSAMPLING) begin : g_illegal
      spk_baud_ctrl_illegal_rate u_illegal ();
    end
  endgenerate

  reg  [  23:0] increment_q;
  reg           load_q;
  reg           trial_q;
  reg  [TW-1:0] left_q;

  wire          expired = trial_q && left_q == {TW{1'b0}};

  always @(posedge clk) begin
    load_q <= 1'b0;
    if (rst || default_i || (expired && !good_i)) begin
      increment_q <= DEFAULT;
      load_q <= 1'b1;
      trial_q <= 1'b0;
    end else if (set_i) begin
      increment_q <= increment_i;
      load_q <= 1'b1;
      trial_q <= 1'b1;
    end else if (good_i) begin
      trial_q <= 1'b0;
    end
  end

  always @(posedge clk) begin
    if (set_i) left_q <= CONFIRM[TW-1:0];
    else if (trial_q) left_q <= left_q - {{(TW - 1) {1'b0}}, 1'b1};
  end

  assign increment_o = increment_q;
  assign load_o = load_q;

endmodule

`default_nettype wire
