// SPDX-License-Identifier: Apache-2.0
// Update of one neuron per cycle, phase "neuron" of docs/design/tick.md.
// Cycle 0: valid_i, while the address of state and input is presented. Cycle 1: state and input
// at the ports. Cycle 3: param_req_o, the address of the constants is to be presented. Cycle 4:
// constants at the ports. Cycle 6: done_o with the new state and the spike. No back-pressure.
// The population's constants must stay as they are from the first neuron's cycle 0 to the last
// one's cycle 6, which is two cycles after idle_o rises. Reset empties the pipe.
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
    output wire                 idle_o,         // no neuron in cycles 1 to 3
    // cycle 1
    input  wire signed [VB-1:0] v_i,
    input  wire signed [VB-1:0] i_i,
    input  wire        [   7:0] refr_i,
    input  wire signed [AB-1:0] acc_i,
    // cycles 3 and 4
    output wire                 param_req_o,
    input  wire signed [VB-1:0] v_th_i,
    input  wire signed [VB-1:0] bias_i,
    input  wire        [   7:0] refr_len_i,
    // cycle 6
    output wire                 done_o,
    output wire                 we_o,           // the state is to be written
    output wire                 spike_o,
    output wire signed [VB-1:0] v_o,
    output wire signed [VB-1:0] i_o,
    output wire        [   7:0] refr_o
);

  `include "spk_core_defs.vh"

  localparam [12:0] DECAY_ONE = SPK_DECAY_ONE[12:0];

  // The number in a register's name is the cycle in which it holds its neuron.
  reg [6:1] valid_q;
  always @(posedge clk) begin
    if (rst) valid_q <= 6'd0;
    else valid_q <= {valid_q[5:1], valid_i};
  end

  // Cycles 1 and 2: decay of both state words; shift of the input.
  // A held membrane passes through the same path: factor 1.0, nothing added, no floor.
  wire held1 = hold_i & (|refr_i);
  wire signed [VB:0] dv3, di3;
  wire signed [VB-1:0] input2;
  wire carry_v3, carry_i3;
  reg signed [AB-1:0] acc2_q;
  reg signed [VB-1:0] input3_q;
  reg [7:0] refr2_q, refr3_q, refr4_q, refr5_q, refr6_q;
  reg held2_q, held3_q, held4_q, held5_q;

  spk_decay #(
      .WIDTH(VB)
  ) u_decay_v (
      .clk    (clk),
      .z_i    (v_i),
      .a_i    (held1 ? DECAY_ONE : alpha_v_i),
      .d_o    (dv3),
      .carry_o(carry_v3)
  );

  spk_decay #(
      .WIDTH(VB)
  ) u_decay_i (
      .clk    (clk),
      .z_i    (i_i),
      .a_i    (alpha_i_i),
      .d_o    (di3),
      .carry_o(carry_i3)
  );

  spk_shift_left #(
      .IN (AB),
      .OUT(VB)
  ) u_shift_left (
      .x_i(acc2_q),
      .g_i(gain_i),
      .y_o(input2)
  );

  always @(posedge clk) begin
    acc2_q   <= acc_i;
    input3_q <= input2;
    refr2_q  <= refr_i;
    refr3_q  <= refr2_q;
    refr4_q  <= refr3_q;
    refr5_q  <= refr4_q;
    refr6_q  <= refr5_q;
    held2_q  <= held1;
    held3_q  <= held2_q;
    held4_q  <= held3_q;
    held5_q  <= held4_q;
  end

  // Cycle 3: the synaptic current.
  wire signed [VB-1:0] i3;
  reg signed [VB:0] dv4_q;
  reg signed [VB-1:0] i4_q, i5_q, i6_q;
  reg carry_v4_q;

  spk_sat_add #(
      .WIDTH  (VB),
      .OPERAND(VB + 1)
  ) u_sat_add_i (
      .a_i    ({input3_q[VB-1], input3_q}),
      .b_i    (di3),
      .carry_i(carry_i3),
      .y_o    (i3)
  );

  always @(posedge clk) begin
    dv4_q      <= dv3;
    carry_v4_q <= carry_v3;
    i4_q       <= i3;
    i5_q       <= i4_q;
    i6_q       <= i5_q;
  end

  // Cycle 4: the exact sum of three terms; the carry enters below the lowest bit.
  wire [VB+1:0] drive4 = {{2{i4_q[VB-1]}}, i4_q} + {{2{bias_i[VB-1]}}, bias_i};
  wire [VB+1:0] added4 = drive4 & {(VB + 2) {~held4_q}};
  wire [VB+2:0] sum4 = {dv4_q[VB], dv4_q, 1'b1} + {added4, carry_v4_q};
  reg signed [VB+1:0] sum5_q;
  reg signed [VB-1:0] v_th5_q, v_th6_q;
  reg [7:0] refr_len5_q, refr_len6_q;

  always @(posedge clk) begin
    sum5_q      <= sum4[VB+2:1];
    v_th5_q     <= v_th_i;
    v_th6_q     <= v_th5_q;
    refr_len5_q <= refr_len_i;
    refr_len6_q <= refr_len5_q;
  end

  // Cycle 5: saturation and floor. The comparison takes the sum before saturation, in parallel
  // with it; that gives the same result, since the floor lies within the range.
  wire signed [VB-1:0] saturated5;
  wire signed [VB+1:0] floor5 = {{2{v_floor_i[VB-1]}}, v_floor_i};
  wire below5 = (sum5_q < floor5) & ~held5_q;
  reg signed [VB-1:0] u6_q;

  spk_saturate #(
      .IN (VB + 2),
      .OUT(VB)
  ) u_saturate_u (
      .x_i(sum5_q),
      .y_o(saturated5)
  );

  always @(posedge clk) u6_q <= below5 ? v_floor_i : saturated5;

  // Cycle 6: threshold, reset and refractory counter.
  wire signed [VB-1:0] amount6 = (reset_i == SPK_RESET_SOFT_THRESHOLD) ? v_th6_q : reset_value_i;
  wire signed [VB:0] rest6 = {u6_q[VB-1], u6_q} - {amount6[VB-1], amount6};
  wire waiting6 = |refr6_q;
  wire spike6 = (u6_q >= v_th6_q) & ~waiting6 & ~frozen_i & valid_q[6];
  wire signed [VB-1:0] soft6;
  reg signed [VB-1:0] v6;

  spk_saturate #(
      .IN (VB + 1),
      .OUT(VB)
  ) u_saturate_rest (
      .x_i(rest6),
      .y_o(soft6)
  );

  always @(*) begin
    v6 = soft6;
    if (~spike6 | (reset_i == SPK_RESET_NONE)) v6 = u6_q;
    else if (reset_i == SPK_RESET_HARD) v6 = reset_value_i;
  end

  assign idle_o      = ~(|valid_q[3:1]);
  assign param_req_o = valid_q[3];
  assign done_o      = valid_q[6];
  assign we_o        = valid_q[6] & ~frozen_i;
  assign spike_o     = spike6;
  assign v_o         = v6;
  assign i_o         = i6_q;
  assign refr_o      = spike6 ? refr_len6_q : refr6_q - {7'd0, waiting6};

  wire unused_bit = sum4[0];

endmodule

`default_nettype wire
