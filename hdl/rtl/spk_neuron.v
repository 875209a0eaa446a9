// SPDX-License-Identifier: Apache-2.0
// Phases "neuron" and "record" of a step over all populations, and the setting of v_init in a
// clear: population walk, LIF pipe, spike recording, and the addresses each of them needs.
// start_i begins, done_o is the last cycle. With fill_i only the state is written.
// Each memory gives its word one cycle after the address. The input of a group is set to 0
// (acc_clear_o, one cycle after the address of its last lane) when all its neurons have read it.
`default_nettype none

module spk_neuron #(
    parameter integer N    = 256,  // neurons
    parameter integer L    = 8,    // lanes
    parameter integer VB   = 18,   // bits of a state word
    parameter integer AB   = 16,   // bits of the input
    parameter integer NPOP = 16    // population records
) (
    input  wire                           clk,
    input  wire                           rst,
    // walk
    input  wire                           start_i,
    input  wire                           begin_i,         // a step's walk, not a fill's
    input  wire                           fill_i,
    input  wire                           clear_i,         // empties the fired list
    input  wire                           record_i,
    input  wire [                   15:0] step_i,
    input  wire                           step_high_i,
    output wire                           busy_o,
    output wire                           done_o,
    // population table
    output wire [$clog2(NPOP * 16) - 1:0] pop_raddr_o,
    input  wire [                   15:0] pop_rdata_i,
    // input: neuron of this cycle, its input in the next
    output wire [          $clog2(N)-1:0] idx_o,
    output wire                           acc_clear_o,
    input  wire [                 AB-1:0] acc_i,
    // state entry, fields in their places: read at idx_o
    input  wire [                     47:0] state_rdata_i,
    output wire                           state_we_o,
    output wire [          $clog2(N)-1:0] state_waddr_o,
    output wire [                     47:0] state_wdata_o,
    // constants, fields in their places
    output wire [          $clog2(N)-1:0] param_raddr_o,
    input  wire [                     47:0] param_rdata_i,
    // fired list
    output wire                           fired_we_o,
    output wire [          $clog2(N)-1:0] fired_waddr_o,
    output wire [          $clog2(N)-1:0] fired_wdata_o,
    output wire [            $clog2(N):0] fired_count_o,
    // spike counters
    output wire [          $clog2(N)-1:0] count_raddr_o,
    input  wire [                   15:0] count_rdata_i,
    output wire                           count_we_o,
    output wire [          $clog2(N)-1:0] count_waddr_o,
    output wire [                   15:0] count_wdata_o,
    // spike queue
    output wire [                   15:0] m_axis_tdata,
    output wire                           m_axis_tvalid
);

  `include "spk_core_defs.vh"

  localparam integer NW = $clog2(N);
  localparam integer LW = $clog2(L);

  wire frozen, hold, record;
  wire [1:0] reset;
  wire [2:0] gain;
  wire [12:0] alpha_v, alpha_i;
  wire [VB-1:0] reset_value, v_floor;
  wire issue, first_idx, pipe_idle, param_req, done, pipe_we, spike;
  wire [NW-LW-1:0] first;
  wire [VB-1:0] v, i;
  wire [7:0] refr;

  spk_neuron_seq #(
      .N   (N),
      .L   (L),
      .VB  (VB),
      .NPOP(NPOP)
  ) u_seq (
      .clk          (clk),
      .rst          (rst),
      .start_i      (start_i),
      .fill_i       (fill_i),
      .tick_i       (step_i),
      .tick_high_i  (step_high_i),
      .busy_o       (busy_o),
      .done_o       (done_o),
      .pop_raddr_o  (pop_raddr_o),
      .pop_rdata_i  (pop_rdata_i),
      .frozen_o     (frozen),
      .hold_o       (hold),
      .record_o     (record),
      .reset_o      (reset),
      .gain_o       (gain),
      .alpha_v_o    (alpha_v),
      .alpha_i_o    (alpha_i),
      .reset_value_o(reset_value),
      .v_floor_o    (v_floor),
      .issue_o      (issue),
      .idx_o        (idx_o),
      .begin_o      (first_idx),
      .first_o      (first),
      .pipe_idle_i  (pipe_idle)
  );

  spk_lif_pipe #(
      .VB(VB),
      .AB(AB)
  ) u_pipe (
      .clk          (clk),
      .rst          (rst),
      .frozen_i     (frozen),
      .hold_i       (hold),
      .reset_i      (reset),
      .gain_i       (gain),
      .alpha_v_i    (alpha_v),
      .alpha_i_i    (alpha_i),
      .reset_value_i(reset_value),
      .v_floor_i    (v_floor),
      .valid_i      (issue & ~fill_i),
      .idle_o       (pipe_idle),
      .v_i          (state_rdata_i[SPK_STATE_V_LSB+:VB]),
      .i_i          (state_rdata_i[SPK_STATE_I_LSB+:VB]),
      .refr_i       (state_rdata_i[SPK_STATE_REFR_LSB+:8]),
      .acc_i        (acc_i),
      .param_req_o  (param_req),
      .v_th_i       (param_rdata_i[SPK_PARAM_V_TH_LSB+:VB]),
      .bias_i       (param_rdata_i[SPK_PARAM_BIAS_LSB+:VB]),
      .refr_len_i   (param_rdata_i[SPK_PARAM_REFR_LEN_LSB+:8]),
      .done_o       (done),
      .we_o         (pipe_we),
      .spike_o      (spike),
      .v_o          (v),
      .i_o          (i),
      .refr_o       (refr)
  );

  // Neurons pass every stage in the same order, so a counter per stage that needs the index is
  // cheaper than carrying the index along.
  reg [NW-1:0] param_idx_q, write_idx_q;
  reg acc_clear_q;

  always @(posedge clk) begin
    if (first_idx) param_idx_q <= {first, {LW{1'b0}}};
    else if (param_req) param_idx_q <= param_idx_q + {{(NW - 1) {1'b0}}, 1'b1};
    if (first_idx) write_idx_q <= {first, {LW{1'b0}}};
    else if (done | (issue & fill_i)) write_idx_q <= write_idx_q + {{(NW - 1) {1'b0}}, 1'b1};
    acc_clear_q <= issue & ~fill_i & (&idx_o[LW-1:0]);
  end

  wire [VB-1:0] new_v = fill_i ? reset_value : v;
  wire [VB-1:0] new_i = i & {VB{~fill_i}};
  wire [7:0] new_refr = refr & {8{~fill_i}};

  assign acc_clear_o   = acc_clear_q;
  assign param_raddr_o = param_idx_q;
  assign state_we_o    = fill_i ? issue : pipe_we;
  assign state_waddr_o = write_idx_q;
  assign state_wdata_o = {4'd0, new_refr, {(18 - VB) {new_i[VB-1]}}, new_i,
                          {(18 - VB) {new_v[VB-1]}}, new_v};

  // Entries have bits beside their fields.
  wire unused_bits = &{1'b0, state_rdata_i, param_rdata_i};

  spk_spike_record #(
      .N(N)
  ) u_record (
      .clk          (clk),
      .rst          (rst),
      .begin_i      (begin_i),
      .clear_i      (clear_i),
      .step_i       (step_i[14:0]),
      .record_i     (record_i & record),
      .spike_i      (spike),
      .idx_i        (write_idx_q),
      .fired_we_o   (fired_we_o),
      .fired_waddr_o(fired_waddr_o),
      .fired_wdata_o(fired_wdata_o),
      .fired_count_o(fired_count_o),
      .count_raddr_o(count_raddr_o),
      .count_rdata_i(count_rdata_i),
      .count_we_o   (count_we_o),
      .count_waddr_o(count_waddr_o),
      .count_wdata_o(count_wdata_o),
      .m_axis_tdata (m_axis_tdata),
      .m_axis_tvalid(m_axis_tvalid)
  );

endmodule

`default_nettype wire
