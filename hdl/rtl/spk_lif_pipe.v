// SPDX-License-Identifier: Apache-2.0
// Update of one neuron per cycle, phase "neuron" of docs/design/tick.md.
// Cycle 0: valid_i, while the address of state and input is presented. Cycle 1: state and input
// at the ports. Cycle 4: param_req_o, the address of the constants is to be presented. Cycle 5:
// constants at the ports. Cycle 8: done_o with the new state and the spike. No back-pressure.
// The population's constants must stay as they are from cycle 0 until two cycles after idle_o,
// and none of them may be given up in cycle 8 or before. Reset empties the pipe.
`default_nettype none

module spk_lif_pipe #(
    parameter integer VB = 18,  // bits of v, i, threshold, bias, reset value and floor
    parameter integer AB = 16   // bits of the input
) (
    input  wire                 clk,
    input  wire                 rst,
    // population record
    input  wire                 frozen_i,       // before start_tick: nothing is written or fires
    input  wire                 hold_i,
    input  wire        [   1:0] reset_i,
    input  wire        [   2:0] gain_i,
    input  wire        [  12:0] alpha_v_i,
    input  wire        [  12:0] alpha_i_i,
    input  wire signed [VB-1:0] reset_value_i,
    input  wire signed [VB-1:0] v_floor_i,
    // cycle 0
    input  wire                 valid_i,
    output wire                 idle_o,         // no neuron in cycles 1 to 5
    // cycle 1
    input  wire signed [VB-1:0] v_i,
    input  wire signed [VB-1:0] i_i,
    input  wire        [   7:0] refr_i,
    input  wire signed [AB-1:0] acc_i,
    // cycle 4 and 5
    output wire                 param_req_o,
    input  wire signed [VB-1:0] v_th_i,
    input  wire signed [VB-1:0] bias_i,
    input  wire        [   7:0] refr_len_i,
    // cycle 8
    output wire                 done_o,
    output wire                 we_o,           // the state is to be written
    output wire                 spike_o,
    output wire signed [VB-1:0] v_o,
    output wire signed [VB-1:0] i_o,
    output wire        [   7:0] refr_o
);

  `include "spk_core_defs.vh"

  localparam [1:0] RESET_NONE = 2'd0;
  localparam [1:0] RESET_HARD = 2'd1;
  localparam [1:0] RESET_BY_THRESHOLD = 2'd3;
  localparam [12:0] DECAY_ONE = 13'd1 << SPK_DECAY_BITS;

  // The number in a register's name is the cycle in which it holds its neuron.
  reg [8:1] valid_q;
  always @(posedge clk) begin
    if (rst) valid_q <= 8'd0;
    else valid_q <= {valid_q[7:1], valid_i};
  end

  // Cycles 1 to 3: decay of both state words; shift of the input.
  // A held membrane passes through the same path: factor 1.0, nothing added, no floor.
  wire free1 = ~(|refr_i);
  wire held1 = hold_i & ~free1;
  wire signed [VB-1:0] dv4, di4;
  reg signed [AB-1:0] acc2_q, acc3_q;
  wire signed [VB-1:0] input3;
  reg signed [VB-1:0] input4_q;
  reg [7:0] refr2_q, refr3_q, refr4_q, refr5_q, refr6_q, refr7_q, refr8_q;
  reg held2_q, held3_q, held4_q, held5_q, held6_q;

  spk_decay #(
      .WIDTH(VB)
  ) u_decay_v (
      .clk(clk),
      .z_i(v_i),
      .a_i(held1 ? DECAY_ONE : alpha_v_i),
      .d_o(dv4)
  );

  spk_decay #(
      .WIDTH(VB)
  ) u_decay_i (
      .clk(clk),
      .z_i(i_i),
      .a_i(alpha_i_i),
      .d_o(di4)
  );

  spk_shift_left #(
      .IN (AB),
      .OUT(VB)
  ) u_shift_left (
      .x_i(acc3_q),
      .g_i(gain_i),
      .y_o(input3)
  );

  always @(posedge clk) begin
    acc2_q   <= acc_i;
    acc3_q   <= acc2_q;
    input4_q <= input3;
    refr2_q  <= refr_i;
    refr3_q  <= refr2_q;
    refr4_q  <= refr3_q;
    refr5_q  <= refr4_q;
    refr6_q  <= refr5_q;
    refr7_q  <= refr6_q;
    refr8_q  <= refr7_q;
    held2_q  <= held1;
    held3_q  <= held2_q;
    held4_q  <= held3_q;
    held5_q  <= held4_q;
    held6_q  <= held5_q;
  end

  // Cycle 4: the synaptic current.
  wire signed [VB-1:0] i4;
  reg signed [VB-1:0] dv5_q, i5_q, i6_q, i7_q, i8_q;

  spk_sat_add #(
      .WIDTH(VB)
  ) u_sat_add_i (
      .a_i(di4),
      .b_i(input4_q),
      .y_o(i4)
  );

  always @(posedge clk) begin
    dv5_q <= dv4;
    i5_q  <= i4;
    i6_q  <= i5_q;
    i7_q  <= i6_q;
    i8_q  <= i7_q;
  end

  // Cycle 5: the exact sum of three terms.
  wire [VB+1:0] drive5 = {{2{i5_q[VB-1]}}, i5_q} + {{2{bias_i[VB-1]}}, bias_i};
  reg signed [VB+1:0] sum6_q;
  reg signed [VB-1:0] v_th6_q, v_th7_q;
  reg [7:0] refr_len6_q, refr_len7_q, refr_len8_q;

  always @(posedge clk) begin
    sum6_q      <= {{2{dv5_q[VB-1]}}, dv5_q} + (drive5 & {(VB + 2) {~held5_q}});
    v_th6_q     <= v_th_i;
    v_th7_q     <= v_th6_q;
    refr_len6_q <= refr_len_i;
    refr_len7_q <= refr_len6_q;
    refr_len8_q <= refr_len7_q;
  end

  // Cycle 6: saturation and floor. The comparison takes the sum before saturation, in parallel
  // with it; that gives the same result, since the floor lies within the range.
  wire signed [VB-1:0] saturated6;
  wire signed [VB+1:0] floor6 = {{2{v_floor_i[VB-1]}}, v_floor_i};
  wire below6 = (sum6_q < floor6) & ~held6_q;
  reg signed [VB-1:0] u7_q;

  spk_saturate #(
      .IN (VB + 2),
      .OUT(VB)
  ) u_saturate_u (
      .x_i(sum6_q),
      .y_o(saturated6)
  );

  always @(posedge clk) u7_q <= below6 ? v_floor_i : saturated6;

  // Cycle 7: threshold, and the difference a soft reset leaves.
  wire signed [VB-1:0] amount7 = (reset_i == RESET_BY_THRESHOLD) ? v_th7_q : reset_value_i;
  wire fire7 = (u7_q >= v_th7_q) & ~(|refr7_q) & ~frozen_i & valid_q[7];
  reg signed [VB-1:0] u8_q;
  reg signed [  VB:0] rest8_q;
  reg spike8_q;

  always @(posedge clk) begin
    u8_q     <= u7_q;
    rest8_q  <= {u7_q[VB-1], u7_q} - {amount7[VB-1], amount7};
    spike8_q <= fire7;
  end

  // Cycle 8: reset and refractory counter.
  wire signed [VB-1:0] rest8;
  reg signed [VB-1:0] v8;
  wire [7:0] waited8 = (|refr8_q) ? refr8_q - 8'd1 : 8'd0;

  spk_saturate #(
      .IN (VB + 1),
      .OUT(VB)
  ) u_saturate_rest (
      .x_i(rest8_q),
      .y_o(rest8)
  );

  always @(*) begin
    v8 = rest8;
    if (~spike8_q | (reset_i == RESET_NONE)) v8 = u8_q;
    else if (reset_i == RESET_HARD) v8 = reset_value_i;
  end

  assign idle_o      = ~(|valid_q[5:1]);
  assign param_req_o = valid_q[4];
  assign done_o      = valid_q[8];
  assign we_o        = valid_q[8] & ~frozen_i;
  assign spike_o     = spike8_q;
  assign v_o         = v8;
  assign i_o         = i8_q;
  assign refr_o      = spike8_q ? refr_len8_q : waited8;

endmodule

`default_nettype wire
